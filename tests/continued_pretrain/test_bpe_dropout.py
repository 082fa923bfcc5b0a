from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from tiny_corpus import sentence

from hanhua.artifacts import Artifact
from hanhua.continued_pretrain.bpe_dropout import DropoutEncoder
from hanhua.continued_pretrain.pack import pack_corpora
from hanhua.model_folder import load_tokenizer

TEXTS = [sentence(language, random.Random(seed)) for seed in range(5) for language in ("zh", "en")]


def encoder(folder: Path, rate: float) -> DropoutEncoder:
    return DropoutEncoder(folder, load_tokenizer(folder), rate=rate)


def test_without_dropout_it_is_the_tokenizer(tokenizer_folder: Path) -> None:
    tokenizer = load_tokenizer(tokenizer_folder)
    for text in TEXTS:
        assert encoder(tokenizer_folder, 0.0).encode(text, seed=1) == tokenizer.encode(text).ids


def test_it_spells_the_same_text_in_more_tokens_and_the_seed_decides(tokenizer_folder: Path) -> None:
    tokenizer, dropping = load_tokenizer(tokenizer_folder), encoder(tokenizer_folder, 0.3)
    for text in TEXTS:
        ids = dropping.encode(text, seed=1)
        assert tokenizer.decode(ids) == text
        assert ids == dropping.encode(text, seed=1)
    together = [sum(len(dropping.encode(text, seed=seed)) for text in TEXTS) for seed in (1, 2)]
    assert min(together) > 1.1 * sum(len(tokenizer.encode(text).ids) for text in TEXTS)
    assert dropping.encode(TEXTS[0], seed=1) != dropping.encode(TEXTS[0], seed=2)


def test_processes_change_nothing_and_dropout_is_another_packing(
    corpus: Artifact, tokenizer_folder: Path, tmp_path: Path
) -> None:
    def tokens(name: str, *, workers: int, rate: float) -> np.ndarray:
        packed = pack_corpora(
            corpus.path,
            corpus_hash=corpus.content_hash,
            tokenizer_folder=tokenizer_folder,
            work=tmp_path / name,
            workers=workers,
            bpe_dropout=rate,
        )
        return np.asarray(packed["zh"].tokens_T)

    alone, apart = tokens("alone", workers=1, rate=0.2), tokens("apart", workers=2, rate=0.2)
    assert np.array_equal(alone, apart)
    assert len(alone) > len(tokens("alone", workers=1, rate=0.0))
