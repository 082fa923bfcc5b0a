from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from training_fixtures import ModelMaker
from transformers import AutoModelForCausalLM

from hanhua.artifacts import Artifact
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.execution import make_accelerator
from hanhua.continued_pretrain.model import build_training_model
from hanhua.continued_pretrain.pack import IGNORED, document_marks
from hanhua.continued_pretrain.retention.heldout_sets import HeldoutSet, built_in_set, load_sets, rows_of
from hanhua.continued_pretrain.retention.measure import bits_per_byte, increase_over, measure_nats
from hanhua.continued_pretrain.retention.settings import RetentionSettings
from hanhua.errors import InputError
from hanhua.model_folder import load_tokenizer

SETS = [
    HeldoutSet("one", True, ("the old river", "a quiet city walks slowly")),
    HeldoutSet("two", False, ("春天河水",)),
]


@pytest.mark.parametrize("name", ["english", "mathematics", "code"])
def test_built_in_sets_are_small_and_have_many_pieces(name: str) -> None:
    one = built_in_set(name)
    assert 12 <= len(one.pieces) <= 20
    assert 3000 < sum(one.bytes) < 6000
    assert len(set(one.pieces)) == len(one.pieces)
    assert all("=====" not in piece and piece.strip() for piece in one.pieces)


def test_the_heldout_split_of_a_corpus_is_retained_unless_it_is_chinese(corpus: Artifact) -> None:
    sets = load_sets(RetentionSettings(sets=("code",), heldout=("zh", "en_replay")), corpus.path)
    assert [(one.name, one.retained) for one in sets] == [("code", True), ("zh", False), ("en_replay", True)]
    assert len(sets[2].pieces) == 3, "its three held-out documents"
    few = load_sets(RetentionSettings(heldout=("zh",), max_set_bytes=256), corpus.path)[-1]
    assert len(few.pieces) == 2
    with pytest.raises(InputError, match="'nowhere' has 0 held-out documents"):
        load_sets(RetentionSettings(heldout=("nowhere",)), corpus.path)


@pytest.mark.parametrize("length", [7, 16, 64])
def test_every_token_of_a_piece_is_a_target_once(length: int, resized: Artifact) -> None:
    folder = resized.path / "model"
    rows = rows_of(SETS, folder, length=length, multiple=4)
    assert len(rows.piece_SL) % 4 == 0
    tokenizer = load_tokenizer(folder)
    for number, piece in enumerate(piece for one in SETS for piece in one.pieces):
        found = rows.batch.labels_BL[rows.piece_SL == number].tolist()
        assert found == tokenizer.encode(piece, add_special_tokens=False).ids
    assert (rows.batch.labels_BL[rows.piece_SL < 0] == IGNORED).all()
    begins = rows.batch.input_ids_BL[(rows.batch.position_ids_BL == 0) & (rows.piece_SL >= 0)]
    assert (begins == document_marks(folder).bos).all()


@pytest.mark.parametrize("micro", [1, 3])
def test_nats_are_those_of_each_piece_alone(micro: int, make_model: ModelMaker) -> None:
    folder = make_model().path / "model"
    config = ContinuedPretrainConfig.model_validate({"lora": {"rank": 4, "dropout": 0.5}})
    model = build_training_model(folder, config, first_new_id=None, dtype=torch.float32)
    training = [part.training for part in model.modules()]
    rows = rows_of(SETS, folder, length=64, multiple=micro)
    found = measure_nats(model, rows, make_accelerator("fp32"), pieces=3, micro=micro)
    plain, tokenizer, bos = (
        AutoModelForCausalLM.from_pretrained(folder),
        load_tokenizer(folder),
        document_marks(folder).bos,
    )
    for nats, piece in zip(found, [piece for one in SETS for piece in one.pieces], strict=True):
        ids = torch.tensor([[bos, *tokenizer.encode(piece, add_special_tokens=False).ids]])
        with torch.no_grad():
            expected = torch.nn.functional.cross_entropy(plain(ids).logits[0, :-1], ids[0, 1:], reduction="sum")
        assert nats == pytest.approx(expected.item(), rel=1e-5)
    assert [part.training for part in model.modules()] == training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_an_interval_is_over_pieces_that_are_paired() -> None:
    chance = np.random.default_rng(1)
    start = chance.uniform(100, 300, size=30).tolist()
    one = HeldoutSet("x", True, ("abcd",) * 30)
    even = increase_over(one, start, [nats * 1.02 for nats in start])
    assert (even.low, even.high) == (pytest.approx(0.02), pytest.approx(0.02)), "sizes of pieces add nothing"
    uneven = increase_over(one, start, [nats * (1.02 + 0.05 * (-1) ** i) for i, nats in enumerate(start)])
    assert uneven.low < uneven.increase < uneven.high
    assert uneven.high - uneven.low > 0.01
    assert bits_per_byte(one, [8 * math.log(2)] * 30) == pytest.approx(2.0)
