"""The verdict in words: did Chinese get better, did English suffer, is it safer or not, as far as was measured.

The judged model is the last one in the line base → resized → adapted; reference models (an instruct model, an
adaptation without extension) are compared and not judged. "Better" on text is said only where the judged model is
significantly better than the base *and* than the resized, untrained one: extension alone changes bits per character,
for a model that has learned nothing too. Intervals cover documents, questions and prompts, not training seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TOO_FEW = "too few documents"
SEEDS_NOTE = (
    "Intervals and tests cover the items measured, not training seeds: another training run may differ by more."
)


def give_verdict(
    scores: Mapping[str, Any], *, judged: str, chinese: Sequence[str], english: Sequence[str]
) -> dict[str, Any]:
    """Return `chinese`, `english`, `benchmarks` by name and `harm`, and in `text` sentences for people.

    Each is better, worse, better and worse, no difference, too few documents, undecided or not measured.
    """
    line = list(scores["line"])
    before = [name for name in line if name != judged]
    pairs = [pair for pair in scores["comparisons"] if pair["after"] == judged and pair["before"] in before]
    found: dict[str, Any] = {
        "judged": judged,
        "chinese": _of_text(pairs, chinese),
        "english": _of_text(pairs, english),
        "benchmarks": {name: _against_base(pairs, "benchmarks", name) for name in scores["benchmarks"]},
        "harm": _against_base(pairs, "safety", None),
        "note": SEEDS_NOTE,
    }
    few = [*_of_too_few(pairs, chinese), *_of_too_few(pairs, english)]
    found["text"] = _sentences(found, before, scores["gates"], few=few)
    return found


def _of_text(pairs: Iterable[Mapping[str, Any]], corpora: Sequence[str]) -> str:
    """Return the verdict over corpora and over all earlier models: better only where nothing is not better.

    A corpus with too few documents decides nothing as long as another has enough. Better than models of another
    tokenizer alone is `undecided`: that, extension does by itself.
    """
    found = [
        (pair["language_modeling"][corpus]["verdict"], pair["same_tokenizer"])
        for pair in pairs
        for corpus in corpora
        if corpus in pair["language_modeling"]
    ]
    if not found:
        return "not measured"
    enough = [(verdict, same) for verdict, same in found if verdict != TOO_FEW]
    verdicts = {verdict for verdict, _ in enough}
    if not verdicts:
        return TOO_FEW
    if verdicts == {"better"}:
        return "better" if any(same for _, same in enough) else "undecided"
    if "worse" in verdicts:
        return "worse" if "better" not in verdicts else "better and worse"
    return "no difference"


def _of_too_few(pairs: Iterable[Mapping[str, Any]], corpora: Sequence[str]) -> list[str]:
    """Return the corpora that decide nothing, for too few of their documents were measured, where others decide."""
    measured = [pair["language_modeling"] for pair in pairs]
    verdicts = {name: {one[name]["verdict"] for one in measured if name in one} for name in corpora}
    few = [name for name, found in verdicts.items() if found == {TOO_FEW}]
    return few if len(few) < sum(map(bool, verdicts.values())) else []


def _against_base(pairs: Sequence[Mapping[str, Any]], kind: str, name: str | None) -> str:
    if not pairs:
        return "not measured"
    found = pairs[0].get(kind)
    if found and name is not None:
        found = found.get(name)
    return str(found["verdict"]) if found else "not measured"


def _sentences(
    found: Mapping[str, Any], before: Sequence[str], gates: Sequence[Mapping[str, Any]], *, few: Sequence[str] = ()
) -> list[str]:
    unmet = [str(gate["name"]) for gate in gates if not gate["met"]]
    of_gates = [f"Gates not met: {', '.join(unmet)}." if unmet else "Every gate is met."] if gates else []
    if not before:
        return [f"{found['judged']} is the only model: nothing to compare it with.", *of_gates]
    against = " and ".join(before)
    why = "; extension alone lowers bits, so put the resized, untrained model before it"
    chinese, english = (f"{v}{why if v == 'undecided' else ''}" for v in (found["chinese"], found["english"]))
    sentences = [
        f"Chinese text, {found['judged']} against {against}: {chinese}.",
        f"English text, {found['judged']} against {against}: {english}.",
    ]
    sentences += [f"{name}, against {before[0]}: {verdict}." for name, verdict in found["benchmarks"].items()]
    if few:
        sentences.append(f"Too few documents to count: {', '.join(few)}.")
    return [*sentences, f"Harmful replies, against {before[0]}: {found['harm']}.", *of_gates]
