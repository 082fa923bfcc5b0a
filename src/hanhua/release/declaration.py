"""What the stage `release` says of itself."""

from __future__ import annotations

from hanhua.release.config import ReleaseConfig
from hanhua.release.job import ReleaseJob, release_job
from hanhua.stage import Input, RecipeView, Stage


def configure(recipe: RecipeView) -> ReleaseJob | None:
    """Return what is to be released, where the recipe has a release section."""
    return None if recipe.section("release") is None else release_job(recipe)


STAGE = Stage(
    name="release",
    makes="release",
    section=ReleaseConfig,
    function="hanhua.release.stage:make_release",
    output_version=2,
    inputs=(
        *(Input(kind, optional=True) for kind in ("base", "corpus", "tokenizer")),
        Input("resized", optional=True, when=lambda job: job.kind == "adapter"),
        Input("adapted", optional=True, when=lambda job: job.kind != "tokenizer"),
        Input("restored", optional=True, when=lambda job: job.kind == "model"),
        Input("enlarged_corpus", optional=True, when=lambda job: job.kind != "tokenizer"),
        Input("scores", optional=True, when=lambda job: job.kind != "tokenizer"),
    ),
    services=("masker", "teachers"),
    libraries=("safetensors", "transformers", "jinja2", "pyyaml", "llama-models", "matplotlib"),
    configure=configure,
)
