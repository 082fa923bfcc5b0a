"""How well a pilot of few sections foresees a run that is answered already: errors, intervals, warnings.

    python benchmarks/pilot_foresight.py sizes RECIPE --runs runs -s name=… --out sizes.jsonl
    python benchmarks/pilot_foresight.py foresee sizes.jsonl [MORE] --json FILE

`sizes` writes of each answer its form, its section, its tokens and whether it is kept; `foresee` needs no more. Nothing
is asked: sections are drawn again and again, and each draw foresees the whole, by the code of the pilot. Answers are
judged one by one, so that near copies among them count as kept.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from measurement import add_json_option, write_measurement

from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.pii import build_masker
from hanhua.pipeline.recipe.completion import completed
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.runner import run
from hanhua.services import Services
from hanhua.synthesis.answer import Answer
from hanhua.synthesis.checks.verdict import CheckContext, Verdict, judge
from hanhua.synthesis.forms.library import load_forms
from hanhua.synthesis.judging import Judged
from hanhua.synthesis.ledger.file import open_ledger
from hanhua.synthesis.ledger.records import Cost, Entry
from hanhua.synthesis.pilot.foresight import WIDE, Value, foresee, values_of
from hanhua.synthesis.request import Request
from hanhua.synthesis.seed import Seed
from hanhua.synthesis.settings import TeacherSettings
from hanhua.synthesis.stage import LEDGER, make_job

PRICES: dict[str, Any] = {"dollars_per_million_prompt_tokens": 1.0, "dollars_per_million_output_tokens": 4.0}
DRAWS = 1000


def write_sizes(given: argparse.Namespace) -> None:
    """Write the size of every answer of a run, and what the checks find in it by itself."""
    loaded = load_recipe(given.recipe, given.set)
    config = completed(loaded.recipe).synthesis
    assert config is not None
    filtered = run(loaded, runs=given.runs, until="filtering")
    context = CheckContext(harm=build_harm_scorer(), masker=build_masker())
    with open_ledger(filtered.root / "synthesis" / LEDGER) as ledger, given.out.open("w", encoding="utf-8") as out:
        for request in make_job(config, filtered.artifacts["filtering"].path, Services()).requests():
            if request.key in ledger and (answer := ledger.entry(request.key).answer) is not None:
                verdict = judge(request.form, request.seed, answer, context)
                row = {
                    "form": request.form.name,
                    "section": f"{request.seed.id}#{request.seed.section}",
                    "tokens": [answer.prompt_tokens, answer.output_tokens],
                    "kept": verdict.accepted,
                }
                out.write(json.dumps(row, ensure_ascii=False) + "\n")


def judged_of(path: Path) -> list[Judged]:
    """Return what a file of sizes says, as the pilot is given it."""
    (any_form,) = load_forms(["rewrite"])
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        seed = Seed(row["section"], 0, "", "", "", "", "zh")
        request = Request("", "", replace(any_form, kind=row["form"]), seed, {})
        entry = Entry(Answer("", "stop", *row["tokens"]), "", "", "", Cost(), 0.0)
        found.append(Judged(request, entry, Verdict(row["kept"], None if row["kept"] else "check", "", "")))
    return found


def foresight(by_section: list[list[Judged]], planned: dict[str, int], sections: int, value: Value) -> dict[str, Any]:
    """Draw so many sections DRAWS times; return how the foreseen compares with all there is."""
    truth = sum(value(one) for section in by_section for one in section)
    draws, errors, reaches, enough, held, unwarned = random.Random(sections), [], [], [], 0, 0
    for _ in range(DRAWS):
        judged = [one for section in draws.sample(by_section, sections) for one in section]
        found = foresee(judged, value, planned, sections=sections, of_all=len(by_section))
        errors.append(abs(found.estimate - truth) / truth)
        if found.interval is None:
            continue
        held += found.interval[0] <= truth <= found.interval[1]
        reaches.append(found.reach or 0.0)
        enough += [found.enough_sections] if found.enough_sections else []
        unwarned += not found.is_wide and errors[-1] > WIDE
    return {
        "sections": sections,
        "of": len(by_section),
        "truth": truth,
        "held": held / max(len(reaches), 1),
        "median_reach": median(reaches) if reaches else None,
        "median_error": median(errors),
        "worst_error": max(errors),
        "warned": (len(enough) + DRAWS - len(reaches)) / DRAWS,
        "off_by_more_than_20_and_not_warned": unwarned / DRAWS,
        "median_enough_sections": median(enough) if enough else None,
    }


def foresee_all(given: argparse.Namespace) -> None:
    print("| | sections | interval holds | median reach | median error | worst | warned | unwarned, off by over 20% |")
    print("|---|---|---|---|---|---|---|---|")
    rows = [row for path in given.sizes for row in foresight_of(path, given.sections)]
    write_measurement(__file__, given, {"rows": rows})


def foresight_of(path: Path, sections: list[int]) -> Iterator[dict[str, Any]]:
    """Yield a row for each thing that is foreseen and each number of sections, and print it."""
    by_section: defaultdict[str, list[Judged]] = defaultdict(list)
    planned: defaultdict[str, int] = defaultdict(int)
    for one in judged_of(path):
        by_section[one.request.seed.id].append(one)
        planned[one.request.form.name] += 1
    values = values_of(TeacherSettings(model="any", **PRICES))
    for name in ("prompt_tokens", "output_tokens", "dollars", "good_tokens"):
        if not any(values[name](one) for section in by_section.values() for one in section):
            continue
        for number in sections:
            row = foresight(list(by_section.values()), dict(planned), number, values[name])
            shares = ("held", "median_reach", "median_error", "worst_error", "warned")
            shown = ["–" if row[one] is None else f"{row[one]:.1%}" for one in shares]
            last = f"{row['off_by_more_than_20_and_not_warned']:.1%}"
            print(f"| {path.stem}: {name} | {number} of {row['of']} | {' | '.join(shown)} | {last} |", flush=True)
            yield {"answers": path.stem, "what": name, **row}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    sizes = commands.add_parser("sizes")
    sizes.add_argument("recipe", type=Path)
    sizes.add_argument("-s", "--set", action="append", default=[], metavar="KEY=VALUE")
    sizes.add_argument("--runs", type=Path, default=Path("runs"))
    sizes.add_argument("--out", type=Path, required=True)
    foreseeing = commands.add_parser("foresee")
    foreseeing.add_argument("sizes", type=Path, nargs="+")
    foreseeing.add_argument("--sections", type=int, nargs="+", default=[5, 10, 25, 50])
    add_json_option(foreseeing)
    given = parser.parse_args()
    {"sizes": write_sizes, "foresee": foresee_all}[given.command](given)


if __name__ == "__main__":
    main()
