"""What the stage `report` says of itself."""

from __future__ import annotations

from hanhua.figures.audit_figures import read_audit
from hanhua.report.config import ReportConfig
from hanhua.report.job import ReportJob
from hanhua.stage import EVERYTHING, RecipeView, Stage


def configure(recipe: RecipeView) -> ReportJob:
    """Return what the report is made with: every run has one."""
    config: ReportConfig = recipe.section("report") or ReportConfig()
    base = recipe.section("base")
    return ReportJob(
        name=recipe.name,
        samples_per_reason=config.samples_per_reason,
        audit=read_audit(config.audit),
        toy=base is not None and base.toy is not None,
        recipe=recipe.published(),
        made_by={stage.makes: stage.name for stage in recipe.stages},
        headlines={stage.makes: stage.headline for stage in recipe.stages if stage.headline},
    )


STAGE = Stage(
    name="report",
    makes="report",
    section=ReportConfig,
    function="hanhua.report.stage:write_report",
    output_version=5,
    inputs=EVERYTHING,
    services=("harm", "masker"),
    libraries=("jinja2", "matplotlib"),
    configure=configure,
)
