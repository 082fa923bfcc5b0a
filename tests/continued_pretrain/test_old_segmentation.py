"""A share of the text in the base's own tokens: the same text, the base's spelling, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xxhash
from tiny_corpus import make_corpus
from vocabulary_fixtures import base, base_file, extension, learned, texts  # noqa: F401

from hanhua.artifacts.files import read_json
from hanhua.config_fields import key_config
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.new_token_settings import OldSegmentationSettings
from hanhua.continued_pretrain.old_segmentation import (
    OldSegmentation,
    OldSpeller,
    Pieces,
    base_tokenizer,
    pieces_of_new_tokens,
)
from hanhua.continued_pretrain.pack import pack_corpora
from hanhua.documents import Document
from hanhua.model_folder import load_tokenizer


@pytest.fixture(scope="module")
def first(extension: Path) -> int:  # noqa: F811
    return int(read_json(extension / "extension.json")["first_new_id"])


def test_the_base_inside_an_extension_is_the_base(base: Path, extension: Path, first: int, texts: list[str]) -> None:  # noqa: F811
    found, own = base_tokenizer(extension, first), load_tokenizer(base)
    for text in texts[:40]:
        assert found.encode(text, add_special_tokens=False).ids == own.encode(text, add_special_tokens=False).ids


def test_pieces_spell_the_same_bytes(extension: Path, first: int, texts: list[str]) -> None:  # noqa: F811
    tokenizer, pieces = load_tokenizer(extension), pieces_of_new_tokens(extension, first)
    for text in texts[:40]:
        ids = np.array(tokenizer.encode(text, add_special_tokens=False).ids)
        apart = pieces.spelled(ids)
        assert (ids >= first).any() and (apart < first).all()
        assert tokenizer.decode(apart.tolist()) == tokenizer.decode(ids.tolist()) == text
        assert pieces.counts(ids).sum() == len(apart)


def test_pieces_are_taken_apart_as_one_by_one() -> None:
    chance = np.random.default_rng(0)
    flat, lengths = chance.integers(0, 50, size=40), [1, 3, 2, 4, 5, 2, 3, 7, 6, 7]
    pieces = Pieces(50, flat, np.cumsum([0, *lengths])[:-1])
    for _ in range(50):
        ids, apart = chance.integers(0, 60, size=17), chance.random(17) < 0.5
        wanted: list[int] = []
        for one, cut in zip(ids.tolist(), apart, strict=True):
            start = int(pieces.starts_N[one - 50]) if one >= 50 else 0
            wanted += flat[start : start + lengths[one - 50]].tolist() if cut and one >= 50 else [one]
        assert pieces.spelled(ids, apart).tolist() == wanted


@pytest.mark.parametrize("by", ["documents", "tokens"])
def test_about_the_share_is_spelled_as_before(by: str, extension: Path, first: int, texts: list[str]) -> None:  # noqa: F811
    tokenizer = load_tokenizer(extension)
    settings = OldSegmentationSettings(share=0.3, by=by)

    def spelled(seed: int) -> list[list[int]]:
        speller = OldSpeller(extension, OldSegmentation(settings, first, seed))
        return [
            speller.spelled(f"d#{n}", text, tokenizer.encode(text, add_special_tokens=False).ids)
            for n, text in enumerate(texts)
        ]

    once, whole = spelled(0), [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    assert once == spelled(0) and once != spelled(1)
    assert [tokenizer.decode(ids) for ids in once] == texts
    changed = [a != b for a, b in zip(once, whole, strict=True)]
    if by == "documents":
        assert 0.2 < np.mean(changed) < 0.4
        assert all(max(ids) < first for ids, old in zip(once, changed, strict=True) if old)
    else:
        before, after = (sum(id_ >= first for ids in rows for id_ in ids) for rows in (whole, once))
        assert 0.68 < after / before < 0.72


def test_documents_that_were_chosen_by_their_hash_are_drawn_like_others(extension: Path, first: int) -> None:  # noqa: F811
    """Those of a budget are the ones with the least hash of their id."""
    tokenizer = load_tokenizer(extension)
    names = sorted((f"d#{n}" for n in range(3000)), key=lambda id_: xxhash.xxh3_64_intdigest(id_.encode()))[:300]
    speller = OldSpeller(extension, OldSegmentation(OldSegmentationSettings(share=0.3, by="documents"), first, 0))
    text = "我们在一起，因为没有什么地方可以去。"
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert max(ids) >= first
    assert 0.2 < np.mean([speller.spelled(name, text, ids) != ids for name in names]) < 0.4


def test_a_packed_corpus_holds_both_spellings(extension: Path, first: int, texts: list[str], tmp_path: Path) -> None:  # noqa: F811
    documents = [Document(f"zh:f#{n}", text, "zh", language="zh") for n, text in enumerate(texts[:60])]
    corpus = make_corpus(tmp_path / "corpus", documents)

    def packed(old: OldSegmentation | None, workers: int = 1) -> np.ndarray:
        found = pack_corpora(
            corpus.path,
            corpus_hash=corpus.content_hash,
            tokenizer_folder=extension,
            work=tmp_path / f"work{workers}",
            workers=workers,
            old=old,
        )
        return np.asarray(found["zh"].tokens_T)

    mixed = OldSegmentation(OldSegmentationSettings(share=0.5), first, 3)
    assert np.array_equal(packed(mixed), packed(mixed, workers=2))
    assert len(packed(mixed)) > len(packed(None))


def test_settings_that_are_off_leave_keys_as_they_were() -> None:
    assert not {"old_segmentation", "row_distillation", "self_distillation"} & set(
        key_config(ContinuedPretrainConfig())
    )
    with pytest.raises(ValueError, match="use one of them"):
        ContinuedPretrainConfig(old_segmentation=OldSegmentationSettings(), bpe_dropout=0.1)
    with pytest.raises(ValueError, match="leaves rows as they are"):
        ContinuedPretrainConfig.model_validate({"row_distillation": {}, "trainable": "lora"})
