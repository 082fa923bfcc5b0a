"""Lines of many documents: all but the first go, whatever the parts they are counted in."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from clean_texts import documents
from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.documents.corpus import read_corpus
from hanhua.documents.sources import CorpusConfig
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.duplicates.lines import LineFilter, line_hashes, repeated_lines
from hanhua.filtering.stage import filter_corpora
from hanhua.services import Services

NOTICE = "本站文章均由网友上传，转载请注明出处"


def test_the_stage_takes_notices_out_and_keeps_the_first(tmp_path: Path) -> None:
    texts = documents()[:8]
    rows = [{"text": f"{text}\n第一条\n{NOTICE}\n谢谢"} for text in texts] + [
        {"text": f"{NOTICE}\n{NOTICE}\n{NOTICE}！"}
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    inputs = {"zh": CorpusConfig(path=str(tmp_path / "a.jsonl"))}

    def run(name: str, limit: int | None) -> list[str]:
        (tmp_path / name).mkdir()
        config = {
            "duplicates": {"max_line_documents": limit},
            "quality": {"max_duplicate_line_ratio": None, "max_repeated_ngram_ratio": None},
        }
        filter_corpora(FilteringConfig.model_validate(config), inputs, tmp_path / name, services=Services())
        return [document.text for document in read_corpus(tmp_path / name)]

    assert run("off", None) == [row["text"] for row in rows]
    assert run("many", 9) == [row["text"] for row in rows]
    kept = run("on", 6)
    assert kept[0] == rows[0]["text"]
    assert kept[1:] == [f"{text}\n第一条\n谢谢" for text in texts[1:]]  # and the last has no line of its own left
    samples = (tmp_path / "on" / "rejected" / "samples.jsonl").read_text(encoding="utf-8")
    assert json.loads(samples)["reason"] == "duplicate.lines"


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_counts_are_those_of_a_plain_counter(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("lines")
    rng = random.Random(data.draw(st.integers(0, 1000)))
    sets = [np.array(sorted({rng.randrange(40) for _ in range(rng.randrange(8))}), dtype=np.uint64) for _ in range(50)]
    left_out = np.array([rng.random() < 0.2 for _ in sets])
    np.concatenate(sets).tofile(folder / "lines.bin")
    np.array(list(map(len, sets)), dtype=np.uint32).tofile(folder / "counts.bin")
    plain = Counter(v for one, out in zip(sets, left_out, strict=True) if not out for v in one.tolist())
    expected = sorted(value for value, count in plain.items() if count > 5)
    for part_bytes in (1 << 20, 200):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("hanhua.filtering.duplicates.lines._PART_BYTES", part_bytes)
            found = repeated_lines(folder / "lines.bin", folder / "counts.bin", left_out=left_out, max_documents=5)
        assert found.tolist() == expected


def test_short_lines_and_space_around_do_not_count() -> None:
    assert len(line_hashes(f"谢谢\n  {NOTICE}\n{NOTICE}  \n")) == 1
    lines = LineFilter(line_hashes(NOTICE))
    assert [lines.strip(f"甲\n {NOTICE}\n乙") for _ in range(2)] == [f"甲\n {NOTICE}\n乙", "甲\n乙"]
