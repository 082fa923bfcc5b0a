"""The stage as a whole: the same bytes for any number of workers, clear errors for broken input, nothing lost."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from clean_texts import documents

from hanhua.documents.corpus import read_corpus
from hanhua.documents.sources import CorpusConfig
from hanhua.errors import InputError
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.stage import filter_corpora
from hanhua.services import Services


def write_jsonl(path: Path, texts: Iterable[str | dict[str, Any]]) -> CorpusConfig:
    rows = (text if isinstance(text, dict) else {"text": text} for text in texts)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return CorpusConfig(path=str(path))


def run(out: Path, inputs: dict[str, CorpusConfig], **config: Any) -> dict[str, Any]:
    out.mkdir(parents=True, exist_ok=True)
    return filter_corpora(FilteringConfig(**config), inputs, out, services=Services())


def files_of(out: Path) -> dict[str, bytes]:
    found = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if not name.startswith("logs/")}


def samples_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rejected" / "samples.jsonl").read_text(encoding="utf-8").splitlines()]


MESSY = [
    *documents(),
    *documents()[:9],
    "短",
    "哈" * 90,
    "物业的手机是13800138000，水管漏了就打这个电话，周末也有人值班。",
]


def test_one_and_two_workers_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hanhua.filtering.engine.intake.BATCH_RECORDS", 16)
    others = [*documents()[5:20], "渡船靠岸时钟声响了，卖藕的妇人挑着担子走进雾里，渐渐看不见了。"]
    inputs = {"zh": write_jsonl(tmp_path / "a.jsonl", MESSY), "zz": write_jsonl(tmp_path / "b.jsonl", others)}
    one = run(tmp_path / "one", inputs, workers=1, heldout_ratio=0.2)
    two = run(tmp_path / "two", inputs, workers=2, heldout_ratio=0.2)
    assert one == two
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_counts_samples_and_documents_agree(tmp_path: Path) -> None:
    inputs = {"zh": write_jsonl(tmp_path / "a.jsonl", MESSY)}
    facts = run(tmp_path / "out", inputs, samples_per_reason=3)
    corpus = facts["corpora"]["zh"]
    kept = list(read_corpus(tmp_path / "out"))
    assert corpus["read"] == len(MESSY) == corpus["kept"] + sum(corpus["rejected"].values())
    assert corpus["kept"] == len(kept) == corpus["train"] + corpus["heldout"]
    assert corpus["characters_kept"] == sum(len(document.text) for document in kept)
    assert corpus["rejected"] == {"duplicate.exact": 9, "length.short": 1, "repetition.runs": 1}
    assert corpus["masked"] == {"MOBILE": 1}
    assert facts["reasons"] == corpus["rejected"]
    samples = samples_of(tmp_path / "out")
    assert [sample["reason"] for sample in samples] == ["duplicate.exact"] * 3 + ["length.short", "repetition.runs"]
    assert samples[0]["id"] == "zh:a.jsonl#240"
    assert samples[0]["value"] == "copy of zh:a.jsonl#0"
    assert not any("13800138000" in document.text for document in kept)
    assert [document.id for document in kept][:3] == ["zh:a.jsonl#0", "zh:a.jsonl#1", "zh:a.jsonl#2"]


def test_fields_are_carried_over(tmp_path: Path) -> None:
    row = {
        "text": "书架上积满了灰尘，他却记得每一本书的位置，连书签夹在哪里也说得出来。",
        "source": "县志",
        "url": "卷三",
        "license": "CC0-1.0",
        "other": 1,
    }
    path = tmp_path / "a.jsonl"
    write_jsonl(path, [row, {"text": "渡船靠岸時鐘聲響了，賣藕的婦人挑著擔子走進霧裡，漸漸看不見了。", "url": None}])
    run(tmp_path / "out", {"zh": CorpusConfig(path=str(path), license="MIT")})
    first, second = read_corpus(tmp_path / "out")
    assert (first.source, first.url, first.license, first.language, first.script) == (
        "县志",
        "卷三",
        "CC0-1.0",
        "zh",
        "hans",
    )
    assert (second.source, second.url, second.license, second.script) == ("", "", "MIT", "hant")


def test_split_is_by_content_alone(tmp_path: Path) -> None:
    texts = documents()
    forward = {"a": write_jsonl(tmp_path / "a.jsonl", texts)}
    halves = {"x": texts[:100:-1], "y": texts[100::-1]}
    backward = {name: write_jsonl(tmp_path / f"{name}.jsonl", half) for name, half in halves.items()}
    run(tmp_path / "one", forward, heldout_ratio=0.2)
    run(tmp_path / "two", backward, heldout_ratio=0.2)
    one = {document.text: document.split for document in read_corpus(tmp_path / "one")}
    two = {document.text: document.split for document in read_corpus(tmp_path / "two")}
    assert one == two
    assert 0.1 < list(one.values()).count("heldout") / len(one) < 0.3


def test_every_corpus_has_both_sides(tmp_path: Path) -> None:
    texts = documents()
    pairs = {name: texts[2 * i : 2 * i + 2] for i, name in enumerate("abcdefgh")}
    inputs = {name: write_jsonl(tmp_path / f"{name}.jsonl", pair) for name, pair in pairs.items()}
    facts = run(tmp_path / "out", inputs, heldout_ratio=0.02)
    assert [(c["train"], c["heldout"]) for c in facts["corpora"].values()] == [(1, 1)] * 8
    facts = run(tmp_path / "none", inputs, heldout_ratio=0.0)
    assert [(c["train"], c["heldout"]) for c in facts["corpora"].values()] == [(2, 0)] * 8


def test_preset_none_splits_and_rejects_only_empty_texts(tmp_path: Path) -> None:
    texts = ["短", "哈" * 90, "", " \n", "手机13800138000", "短", "信誉菠菜平台首充送，加➕薇信 abc123"]
    facts = run(tmp_path / "out", {"zh": write_jsonl(tmp_path / "a.jsonl", texts)}, preset="none")
    kept = list(read_corpus(tmp_path / "out"))
    assert [document.text for document in kept] == [text for text in texts if text.strip()]
    assert facts["reasons"] == {"empty": 2}
    assert kept[0].split == kept[3].split


def test_drop_mode_rejects_what_mask_mode_masks(tmp_path: Path) -> None:
    inputs = {"zh": write_jsonl(tmp_path / "a.jsonl", MESSY)}
    facts = run(tmp_path / "out", inputs, pii={"mode": "drop"})
    assert facts["reasons"]["pii.mobile"] == 1
    assert "13800138000" not in (tmp_path / "out" / "rejected" / "samples.jsonl").read_text(encoding="utf-8")


def test_samples_hide_harm_and_personal_data(tmp_path: Path) -> None:
    spam = "信誉菠菜平台首充送100，百家乐秒提款，加微信 abc12345 领彩金，电话13800138000。" + documents()[3]
    run(tmp_path / "out", {"zh": write_jsonl(tmp_path / "a.jsonl", [spam, documents()[0]])})
    (sample,) = samples_of(tmp_path / "out")
    assert sample["reason"] == "harm.gambling"
    assert "百家乐" not in sample["text"]
    assert "abc12345" not in sample["text"]
    assert "13800138000" not in sample["text"]
    assert "■" in sample["text"]
    assert len(sample["text"]) < 80


def test_english_passes_neutral_rules_only(tmp_path: Path) -> None:
    english = "The ferry left at six, and nobody on the quay waved; the rain had taken everyone indoors early."
    path = tmp_path / "en.txt"
    path.write_text(f"{english}\nshort\n{'same words again ' * 40}\n", encoding="utf-8")
    facts = run(tmp_path / "out", {"en": CorpusConfig(path=str(path), language="en")})
    assert facts["corpora"]["en"]["rejected"] == {"length.short": 1, "repetition.ngrams": 1}
    (document,) = read_corpus(tmp_path / "out")
    assert (document.text, document.language, document.script) == (english, "en", "")


def test_broken_records_are_counted_with_their_place(tmp_path: Path) -> None:
    good = json.dumps({"text": documents()[0]}, ensure_ascii=False).encode()
    bad = [b"\xff\xfe broken", b"{not json", b'{"other": 1}', b"[1]", b'{"text": 5}']
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([good, *bad, json.dumps({"text": documents()[1]}).encode()]))
    facts = run(tmp_path / "out", {"zh": CorpusConfig(path=str(tmp_path / "a.jsonl"))})
    assert (facts["corpora"]["zh"]["read"], facts["corpora"]["zh"]["broken"]) == (2, 5)
    broken = [sample for sample in samples_of(tmp_path / "out") if sample["reason"] == "broken"]
    assert [sample["id"] for sample in broken] == [f"zh:a.jsonl#{i}" for i in range(1, 6)]
    assert "not UTF-8" in broken[0]["value"]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_truncated_file_is_named(suffix: str, tmp_path: Path) -> None:
    data = "".join(json.dumps({"text": text}) + "\n" for text in documents()).encode()
    packed = gzip.compress(data) if suffix == ".gz" else zstandard.compress(data)
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(packed)
    assert run(tmp_path / "whole", {"zh": CorpusConfig(path=str(path))})["corpora"]["zh"]["read"] == len(documents())
    path.write_bytes(packed[: len(packed) // 2])
    for workers in (1, 2):
        with pytest.raises(InputError, match=f"a.jsonl{suffix}: truncated"):
            run(tmp_path / "out", {"zh": CorpusConfig(path=str(path))}, workers=workers)


def test_a_corpus_without_a_usable_document_is_an_error_with_counts(tmp_path: Path) -> None:
    fine = write_jsonl(tmp_path / "fine.jsonl", documents())
    with pytest.raises(InputError, match=r"corpus 'b': none of its 3 documents.*length.short: 2, repetition.runs: 1"):
        run(tmp_path / "out", {"a": fine, "b": write_jsonl(tmp_path / "b.jsonl", ["短", "短", "哈" * 90])})
    (tmp_path / "empty.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match=r"corpus 'b': none of its 0 documents.*hold no record"):
        run(tmp_path / "out", {"a": fine, "b": CorpusConfig(path=str(tmp_path / "empty.jsonl"))})
    with pytest.raises(InputError, match=r"duplicate\.exact: 240"):
        run(tmp_path / "out", {"a": fine, "b": fine})
    with pytest.raises(InputError, match="text field 'body'"):
        run(tmp_path / "out", {"a": CorpusConfig(path=str(tmp_path / "fine.jsonl"), text_field="body")})
    with pytest.raises(InputError, match="no such file"):
        run(tmp_path / "out", {"a": fine, "b": CorpusConfig(path=str(tmp_path / "missing.jsonl"))})
    with pytest.raises(InputError, match="no corpus"):
        run(tmp_path / "out", {})


def test_ids_name_files_below_their_common_folder(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / "texts" / folder).mkdir(parents=True)
        write_jsonl(tmp_path / "texts" / folder / "part.jsonl", documents()[:3] if folder == "x" else documents()[3:6])
    run(tmp_path / "out", {"zh": CorpusConfig(path=str(tmp_path / "texts"))})
    assert [document.id for document in read_corpus(tmp_path / "out")][2:4] == [
        "zh:x/part.jsonl#2",
        "zh:y/part.jsonl#0",
    ]
