"""How many of a benchmark's questions the training corpus holds, and what the scores are without them. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hanhua.eval.comparison.intervals import wilson
from hanhua.eval.material import Questionnaire
from hanhua.services import ContaminationTest

if TYPE_CHECKING:
    from hanhua.eval.plan import Measured

SHOWN_IDS = 100


def find_contamination(
    questionnaires: Sequence[Questionnaire], training: Iterable[str], *, test: ContaminationTest
) -> dict[str, set[str]]:
    """Return the ids of the questions that the training texts hold, by benchmark; the texts are read once."""
    places = [(q.task.name, item.id, item.question) for q in questionnaires for item in q.items]
    held = test.held([question for _, _, question in places], training)
    found: dict[str, set[str]] = {q.task.name: set() for q in questionnaires}
    for (name, id_, _), is_held in zip(places, held, strict=True):
        if is_held:
            found[name].add(id_)
    return found


def score_contamination(held: Mapping[str, set[str]], measured: Mapping[str, Measured]) -> dict[str, Any]:
    """Return the share of questions held by the training corpus, and every model's accuracy on the others."""
    scored = {}
    for name, ids in held.items():
        rows = {model: one.answers[name]["rows"] for model, one in measured.items()}
        questions = len(next(iter(rows.values())))
        clean = {model: [row["correct"] for row in own if row["id"] not in ids] for model, own in rows.items()}
        scored[name] = {
            "questions": questions,
            "held": len(ids),
            "share": len(ids) / questions,
            "held_ids": sorted(ids)[:SHOWN_IDS],
            "accuracy_without": {
                model: {"accuracy": sum(own) / len(own), "interval": list(wilson(sum(own), len(own)))} if own else None
                for model, own in clean.items()
            },
        }
    return scored
