"""Which held-out documents are drawn, and what language a corpus is in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanhua.documents import Document
from hanhua.documents.corpus import write_corpus
from hanhua.errors import InputError
from hanhua.eval.language.heldout import draw_documents, read_documents


def many(count: int) -> list[Document]:
    return [
        Document(id=f"c:f#{i}", text=f"第{i}篇文章", corpus="c" if i % 2 else "d", split="heldout")
        for i in range(count)
    ]


def test_a_smaller_draw_is_a_prefix_whatever_the_order() -> None:
    documents = many(100)
    whole = draw_documents(documents, max_documents=None, seed=0)
    few = draw_documents(documents[::-1], max_documents=7, seed=0)
    assert list(few.documents) == ["c", "d"]
    for corpus in ("c", "d"):
        assert few.documents[corpus] == whole.documents[corpus][:7]
    assert draw_documents(documents, max_documents=7, seed=1) != few


def test_language_is_what_most_documents_say_or_look_like(documents: list[Document]) -> None:
    drawn = draw_documents(documents, max_documents=None, seed=0)
    assert (drawn.corpora("zh"), drawn.corpora("en")) == (("zh",), ("en",))
    unsaid = [Document(id=d.id, text=d.text, corpus=d.corpus) for d in documents]
    guessed = draw_documents(unsaid, max_documents=None, seed=0)
    assert (guessed.corpora("zh"), guessed.corpora("en")) == (("zh",), ("en",))
    regional = [Document(id="a", text="x", corpus="c", language="zh-Hant")]
    assert draw_documents(regional, max_documents=None, seed=0).corpora("zh") == ("c",)


def test_nothing_held_out_and_half_characters_are_errors() -> None:
    with pytest.raises(InputError, match="no held-out document"):
        draw_documents([], max_documents=5, seed=0)
    with pytest.raises(InputError, match="c:f#0: holds half a character"):
        draw_documents([Document(id="c:f#0", text="半\ud842", corpus="c")], max_documents=5, seed=0)


def test_corpus_folders_give_their_held_out_split_and_files_all_they_have(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    write_corpus(folder, [*many(4), Document(id="t", text="训练", corpus="c", split="train")])
    file = tmp_path / "notes.jsonl"
    file.write_text("".join(json.dumps({"text": t, "domain": "diary"}) + "\n" for t in "ab"), encoding="utf-8")
    found = list(read_documents([str(folder), str(file), f"named={file}"]))
    assert [d.corpus for d in found] == ["d", "c", "d", "c", "notes", "notes", "named", "named"]
    assert {d.source for d in found[4:]} == {"diary"}
    with pytest.raises(InputError, match="not a Corpus folder"):
        list(read_documents([str(tmp_path)]))
