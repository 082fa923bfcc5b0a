"""What the stage `synthesis` takes, by the pilot of the run: nothing else can know a teacher's pace and pass rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanhua.pipeline.planning.stage_estimate import StageEstimate
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.synthesis.pilot.found import FORESEEN

NO_PILOT = "unknown before a pilot: hanhua synthesize RECIPE --pilot 200"


def synthesis_stages(recipe: Recipe, pilot: Mapping[str, Any] | None) -> list[StageEstimate]:
    """Return the stage's estimate, where the recipe has the stage: what is left to do after the pilot's own requests.

    The prices are the recipe's of today; tokens, pass rates and pace are the pilot's.
    """
    config = recipe.synthesis
    if config is None:
        return []
    wanted = (config.teacher.model, config.teacher.revision)
    teachers = [] if pilot is None else pilot["teachers"]
    found = next((one for one in teachers if (one["model"], one["revision"]) == wanted), None)
    if pilot is None or found is None:
        asked = ", ".join(one["model"] for one in teachers)
        return [StageEstimate("synthesis", None, note=f"the pilot asked {asked}; {NO_PILOT}" if asked else NO_PILOT)]
    whole, left = found["whole"], found["whole"]["left"]
    note = (
        f"{left['requests']:,.0f} requests left of {whole['requests']:,.0f}; by the pilot {whole['good_tokens']:,.0f} "
        f"good tokens of {whole['output_tokens']:,.0f}"
    )
    if found["requests_per_second"] is not None:
        note += f", at {found['requests_per_second']:,.1f} requests per second"
    note += _reach(whole, pilot)
    dollars = config.teacher.price(left["prompt_tokens"], left["output_tokens"])
    return [StageEstimate("synthesis", left["hours"], dollars=dollars, note=note)]


def _reach(whole: Mapping[str, Any], pilot: Mapping[str, Any]) -> str:
    """Return how far the pilot's 95% intervals reach, and what would make wide ones narrower."""
    reaches = whole.get("reaches", {})
    told = [f"{what} ±{reaches[name]:.0%}" for name, what in FORESEEN.items() if reaches.get(name) is not None]
    if not told:
        return "; no interval: hanhua synthesize RECIPE --pilot N with a larger N"
    more = f"; hanhua synthesize RECIPE --pilot {whole['enough_sections']} for ±20%" if whole["enough_sections"] else ""
    return f"; by {pilot['seeds']:,} of {pilot['of_sections']:,} sections: {', '.join(told)}{more}"
