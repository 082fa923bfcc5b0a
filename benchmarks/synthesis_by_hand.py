"""Real answers judged by hand, blind to the checks, and how far the checks' reasons hold on them.

    python benchmarks/synthesis_by_hand.py sample recipe.yaml --runs runs --count 50 --out blind.jsonl
    python benchmarks/synthesis_by_hand.py compare judged.jsonl --json FILE

`sample` takes the first answers that came, those of a pilot, which chooses by hash, and says nothing of what the checks
found. A person adds to each
line `by_hand`: the names of the checks that should find something (`[]`: a good answer), and `other` for what is wrong
and no check can see. `compare` asks the checks about the same lines.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from measurement import add_json_option, write_measurement

from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.pii import build_masker
from hanhua.pipeline.recipe.completion import completed
from hanhua.pipeline.recipe.load import load_recipe
from hanhua.pipeline.runner import run
from hanhua.services import Services
from hanhua.synthesis.answer import Answer
from hanhua.synthesis.checks.case import Case
from hanhua.synthesis.checks.verdict import CheckContext, findings
from hanhua.synthesis.forms.library import load_forms
from hanhua.synthesis.ledger.file import open_ledger
from hanhua.synthesis.seed import Seed
from hanhua.synthesis.stage import LEDGER, make_job

FORMS = Path(__file__).parent / "real_teacher_forms"


def sample(given: argparse.Namespace) -> None:
    loaded = load_recipe(given.recipe, given.set)
    config = completed(loaded.recipe).synthesis
    assert config is not None
    filtered = run(loaded, runs=given.runs, until="filtering")
    requests = make_job(config, filtered.artifacts["filtering"].path, Services()).requests()
    wanted = {request.key: request for request in requests}
    rows = []
    with open_ledger(filtered.root / "synthesis" / LEDGER) as ledger:
        for key in list(ledger.keys()):
            entry = ledger.entry(key)
            if key in wanted and entry.answer is not None:
                row = {"key": key, "teacher": config.teacher.model, "form": wanted[key].form.name}
                rows.append({**row, "seed": asdict(wanted[key].seed), "answer": asdict(entry.answer)})
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows[: given.count])
    given.out.write_text(text, encoding="utf-8")
    print(f"{given.out}: {min(given.count, len(rows))} of {len(rows)} answers")


def judged(path: Path) -> Iterator[tuple[dict[str, Any], list[str], list[str]]]:
    """Yield a row, what the checks found in their order, and what a person found."""
    context = CheckContext(harm=build_harm_scorer(), masker=build_masker())
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        (form,) = load_forms([row["form"]], folder=FORMS)
        case = Case(form, Seed(**row["seed"]), Answer(**row["answer"]))
        yield row, [name for name, _ in findings(case, context)], row["by_hand"]


def compare(given: argparse.Namespace) -> None:
    found, by_hand, both, first, first_holds = (
        Counter[str](),
        Counter[str](),
        Counter[str](),
        Counter[str](),
        Counter[str](),
    )
    verdicts, differing = Counter[str](), []
    for row, checks, hand in judged(given.judged):
        by_machine = set(checks)
        found.update(by_machine)
        by_hand.update(hand)
        both.update(by_machine & set(hand))
        first.update(checks[:1])
        first_holds.update(one for one in checks[:1] if one in hand)
        verdicts[f"{'rejected' if checks else 'kept'}, {'bad' if hand else 'good'} by hand"] += 1
        if bool(checks) != bool(hand):
            differing.append({"key": row["key"], "form": row["form"], "checks": checks, "by_hand": hand})
    rows = [
        {"check": name, "found": found[name], "by_hand": by_hand[name], "both": both[name],
         "first": first[name], "first_holds": first_holds[name]}
        for name in sorted(found | by_hand, key=lambda name: (-found[name], name))
    ]  # fmt: skip
    print("| check | it found | by hand | both | first reason of | holds |\n|---|---|---|---|---|---|")
    for one in rows:
        print("| " + " | ".join(str(value) for value in one.values()) + " |")
    print(dict(verdicts))
    for one in differing:
        print(json.dumps(one, ensure_ascii=False))
    write_measurement(__file__, given, {"checks": rows, "verdicts": dict(verdicts), "differing": differing})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    sampling = commands.add_parser("sample")
    sampling.add_argument("recipe", type=Path)
    sampling.add_argument("-s", "--set", action="append", default=[], metavar="KEY=VALUE")
    sampling.add_argument("--runs", type=Path, default=Path("runs"))
    sampling.add_argument("--count", type=int, default=100)
    sampling.add_argument("--out", type=Path, required=True)
    comparing = commands.add_parser("compare")
    comparing.add_argument("judged", type=Path)
    add_json_option(comparing)
    given = parser.parse_args()
    {"sample": sample, "compare": compare}[given.command](given)


if __name__ == "__main__":
    main()
