"""The quickstart's own texts: clean ones are kept under the default preset, dirty ones judged as expected."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from repository import QUICKSTART

from hanhua.documents.corpus import Document, read_corpus
from hanhua.documents.sources import CorpusConfig
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.judge import Judge
from hanhua.filtering.stage import filter_corpora
from hanhua.services import Services

TEXTS = QUICKSTART
CLEAN = {"zh_hans_a": "zh", "zh_hans_b": "zh", "zh_hant": "zh", "en": "en"}


@cache
def records(name: str) -> list[dict[str, Any]]:
    # Not splitlines: mojibake is full of U+0085.
    return [json.loads(line) for line in (TEXTS / f"{name}.jsonl").read_bytes().split(b"\n") if line]


def dirty() -> list[Any]:
    numbered = enumerate(records("dirty"))
    return [pytest.param(number, record, id=f"{record['id']}-{record['kind']}") for number, record in numbered]


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Document], dict[str, dict[str, Any]]]:
    """Return the kept documents and the samples of the rejected ones, by id, of all texts in one run."""
    out = tmp_path_factory.mktemp("filtered")
    inputs = {name: CorpusConfig(path=str(TEXTS / f"{name}.jsonl"), language=lang) for name, lang in CLEAN.items()}  # type: ignore[arg-type]
    inputs["dirty"] = CorpusConfig(path=str(TEXTS / "dirty.jsonl"))
    filter_corpora(FilteringConfig(samples_per_reason=1000), inputs, out, services=Services())
    samples = (out / "rejected" / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    return {document.id: document for document in read_corpus(out)}, {
        row["id"]: row for row in map(json.loads, samples)
    }


Filtered = tuple[dict[str, Document], dict[str, dict[str, Any]]]


@pytest.mark.parametrize("name", CLEAN)
def test_clean_texts_are_kept_as_they_are(name: str, filtered: Filtered) -> None:
    kept, rejected = filtered
    for number, record in enumerate(records(name)):
        place = f"{name}:{name}.jsonl#{number}"
        assert place in kept, (record["id"], rejected.get(place))
        assert kept[place].text == record["text"], record["id"]


@pytest.mark.parametrize(("number", "record"), dirty())
def test_dirty_texts_are_judged_as_expected(number: int, record: dict[str, Any], filtered: Filtered) -> None:
    kept, rejected = filtered
    place, expected = f"dirty:dirty.jsonl#{number}", record["expected"]
    if expected["verdict"] == "reject":
        assert place in rejected
        family, _, detail = rejected[place]["reason"].partition(".")
        assert family == expected["reason"]
        if expected.get("category"):
            assert detail == expected["category"]
        return
    assert place in kept, rejected.get(place)
    text = kept[place].text
    assert text == expected.get("text", text)
    assert {tag for tag in ("ID_CARD", "MOBILE", "EMAIL", "BANK_CARD") if f"[{tag}]" in text} == set(expected["masked"])
    for lookalike in record.get("lookalikes", []):
        assert lookalike in text


def test_the_dirty_texts_alone_give_the_same_reasons(filtered: Filtered) -> None:
    _, rejected = filtered
    judge = Judge(FilteringConfig())
    for number, record in enumerate(records("dirty")):
        reason = rejected.get(f"dirty:dirty.jsonl#{number}", {"reason": ""})["reason"]
        if not reason.startswith("duplicate"):
            assert judge.judge(record["text"], language="zh").verdict.reason == reason


def test_benign_prompts_are_not_called_harmful() -> None:
    scorer = build_harm_scorer()
    for record in records("prompts"):
        if record["benign"]:
            assert scorer.score(record["prompt"]).score < 0.5, record["prompt"]
