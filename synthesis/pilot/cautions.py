"""What a pilot's figures are not good enough for, in sentences that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanhua.synthesis.judging import FormTally
from hanhua.synthesis.ledger.records import Cost
from hanhua.synthesis.pilot.foresight import WIDE, Foreseen
from hanhua.synthesis.pilot.found import FORESEEN
from hanhua.synthesis.settings import AskingSettings


def foresight_cautions(
    foreseen: Mapping[str, Foreseen], *, sections: int, of_all: int, by_form: Mapping[str, int]
) -> list[str]:
    """Return what so few sections leave open. by_form: requests that were asked, of every form of the run."""
    told = []
    fewest = min(by_form, key=lambda name: by_form[name])
    if sections < of_all and by_form[fewest] < 2:
        more = min(-(-sections * 2 // max(by_form[fewest], 1)), of_all)
        went = "one section" if by_form[fewest] else "no section"
        told.append(
            f"{went} of {sections:,} went through the form {fewest}, too few for an interval; ask about "
            f"{more:,} or more (--pilot {more})"
        )
    wide = [f"{FORESEEN[name]} ±{one.reach:.0%}" for name, one in foreseen.items() if name in FORESEEN and one.is_wide]
    if wide:
        told.append(_wide(wide, enough_sections(foreseen), sections=sections, of_all=of_all))
    return told


def rejection_cautions(tallies: Mapping[str, FormTally]) -> list[str]:
    """Return which forms gave nothing that is kept, with the commonest reasons."""
    told = []
    for name, one in tallies.items():
        if one.requests and not one.accepted:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in one.rejected.most_common(3))
            told.append(
                f"nothing was kept of the form {name} ({one.requests:,} asked; {reasons}): read the answers on the "
                "page, and change the teacher or leave the form out before more is asked"
            )
    return told


def enough_sections(foreseen: Mapping[str, Foreseen]) -> int:
    """Return how many sections would bring every interval a run is planned by to ±20%; 0 where all are."""
    return max((one.enough_sections or 0 for name, one in foreseen.items() if name in FORESEEN), default=0)


def _wide(wide: list[str], enough: int, *, sections: int, of_all: int) -> str:
    by = f"by {sections:,} of {of_all:,} sections, the 95% interval is wider than ±{WIDE:.0%}: {', '.join(wide)}"
    if enough >= of_all:
        return f"{by}; only all {of_all:,} sections would tell"
    return f"{by}; about {enough:,} sections would do (--pilot {enough}), and what is answered is not asked again"


def ceiling_cautions(whole: Mapping[str, Any], asking: AskingSettings, spent: Cost) -> list[str]:
    """Return whether a ceiling is likely to stop the run. spent: all that the ledger has seen so far."""
    told = []
    for name, ceiling, so_far in (
        ("tokens", asking.max_tokens, spent.tokens),
        ("dollars", asking.max_dollars, spent.dollars),
    ):
        if ceiling is None:
            continue
        left, interval = whole["left"][name], whole["intervals"].get(name)
        most = left if interval is None else left + interval[1] - whole[name]
        if so_far + most > ceiling:
            told.append(
                f"asking.max_{name}: {ceiling:,} is likely to stop the run: {so_far:,.0f} are spent, and what is left "
                f"takes {left:,.0f}, up to {most:,.0f}; raise it, or choose fewer seeds or forms"
            )
    return told
