"""Rows fitted to what the model makes of their pieces: texts align, likelihoods are those of the pieces, rows learn."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

from hanhua.artifacts import Artifact
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.execution import make_accelerator
from hanhua.continued_pretrain.model import EMBEDDING, HEAD, TrainingModel, build_training_model
from hanhua.continued_pretrain.old_segmentation import Pieces, pieces_of_new_tokens
from hanhua.continued_pretrain.pack import IGNORED
from hanhua.continued_pretrain.prepare import prepare_data
from hanhua.continued_pretrain.row_distillation import FILE, LOG, distill_rows, losses_of
from hanhua.continued_pretrain.spelling_likelihoods import TEMPERATURE, Aligned, teacher_likelihood
from hanhua.continued_pretrain.stage import pretrain_folder
from hanhua.continued_pretrain.training_data import TrainingData
from hanhua.errors import InputError

CPU = torch.device("cpu")
DISTILLED = {"row_distillation": {"steps": 12, "learning_rate": 0.05}}


class Bench:
    """A model with its data and pieces."""

    def __init__(self, made: Artifact, corpus: Artifact, settings: dict[str, Any], work: Path) -> None:
        self.folder, self.first = made.path / "model", int(made.facts["first_new_id"])
        self.config = ContinuedPretrainConfig.model_validate(settings)
        self.data: TrainingData = prepare_data(self.config, corpus, self.folder, work, batch_sequences=4)
        self.pieces: Pieces = pieces_of_new_tokens(self.folder, self.first)
        self.model: TrainingModel = build_training_model(
            self.folder, self.config, first_new_id=self.first, dtype=torch.float32
        ).eval()

    def text(self) -> Aligned:
        return Aligned.of(self.data.batch(0, 4), self.pieces, CPU)

    def rows(self) -> dict[str, torch.Tensor]:
        return {name: row.detach().clone() for name, row in self.model.rows.items()}

    def losses(self, rows: dict[str, torch.Tensor]) -> dict[str, float]:
        with torch.no_grad():
            found = losses_of(self.model, rows, self.text(), self.pieces, outputs=True)
        return {name: float(loss) for name, loss in found.items()}


@pytest.fixture
def bench(resized: Artifact, corpus: Artifact, settings: dict[str, Any], tmp_path: Path) -> Bench:
    return Bench(resized, corpus, settings | DISTILLED, tmp_path / "data")


def test_both_spellings_end_at_the_same_places(bench: Bench) -> None:
    text = bench.text()
    assert (text.ids_BL >= bench.first).any()
    for row in range(len(text.ids_BL)):
        ids = text.ids_BL[row].numpy()
        for place in (0, 7, 31, 63):
            end = int(text.ends_BL[row, place])
            assert bench.pieces.spelled(ids[: place + 1]).tolist() == text.old_ids_BT[row, : end + 1].tolist()
        begins = np.flatnonzero(text.positions_BL[row].numpy() == 0)
        within = [int(text.ends_BL[row, b]) - int(bench.pieces.counts(ids[b : b + 1])[0]) + 1 for b in begins]
        assert set(within) <= set(np.flatnonzero(text.old_positions_BT[row].numpy() == 0).tolist())


def test_the_likelihood_wanted_is_that_of_the_pieces_one_by_one(bench: Bench) -> None:
    """The loss by hand: a row at a time, every target spelled out and scored piece by piece."""
    text, rows = bench.text(), bench.rows()
    base = LlamaForCausalLM.from_pretrained(bench.folder).requires_grad_(False)
    wanted = []
    for row in range(len(text.ids_BL)):
        ids, labels = text.ids_BL[row], text.labels_BL[row]
        starts = [*np.flatnonzero(text.positions_BL[row].numpy() == 0).tolist(), len(ids)]
        for begin, end in pairwise(starts):
            if end - begin < 2:
                continue
            document = ids[begin:end]
            apart = torch.from_numpy(bench.pieces.spelled(document.numpy()))[None]
            logits = base(apart).logits[0].clone()
            logits[:, bench.first : bench.first + len(bench.pieces.starts_N)] = -torch.inf
            old = torch.log_softmax(logits, dim=-1)
            new = torch.log_softmax(base(document[None]).logits[0], dim=-1)
            at = int(bench.pieces.counts(document[:1].numpy())[0])
            for place in range(len(document) - 1):
                count = int(bench.pieces.counts(document[place + 1 : place + 2].numpy())[0])
                teacher = sum(float(old[at + n - 1, apart[0, at + n]]) for n in range(count))
                at += count
                assert labels[begin + place] == document[place + 1]
                p, q = np.exp(teacher / TEMPERATURE), np.exp(float(new[place, document[place + 1]]) / TEMPERATURE)
                wanted.append(-(p * np.log(q) + (1 - p) * np.log1p(-q)))
    assert bench.losses(rows)["likelihood"] == pytest.approx(np.sum(wanted) / text.ids_BL.numel(), rel=1e-4)
    assert len(wanted) <= int((text.labels_BL != IGNORED).sum())


def test_rows_learn_and_what_is_old_stays(bench: Bench, tmp_path: Path) -> None:
    before = bench.losses(bench.rows())
    embedding = bench.model.decoder.embed_tokens.weight[: bench.first].clone()
    accelerator = make_accelerator("fp32")
    given = {"folder": bench.folder, "out": tmp_path, "accelerator": accelerator}
    distill_rows(bench.model, bench.data, bench.config, bench.first, **given)
    after = bench.losses(bench.rows())
    assert after["hidden"] < 0.9 * before["hidden"] and after["likelihood"] < before["likelihood"]
    assert torch.equal(bench.model.decoder.embed_tokens.weight[: bench.first], embedding)
    kept = load_file(tmp_path / "work" / FILE)
    assert set(kept) == {EMBEDDING, HEAD}
    # A resumed run takes what was fitted, and fits nothing again.
    with torch.no_grad():
        for row in bench.model.rows.values():
            row.zero_()
    distill_rows(bench.model, bench.data, bench.config, bench.first, **given)
    assert all(torch.equal(row, kept[name]) for name, row in bench.model.rows.items())


def test_a_tied_matrix_and_whole_weights_are_fitted_too(
    make_model: Any, corpus: Artifact, settings: dict[str, Any], tmp_path: Path
) -> None:
    made = make_model(tied=True)
    bench = Bench(made, corpus, settings | DISTILLED | {"lora": None}, tmp_path / "data")
    assert not bench.model.rows and bench.model.tied
    weight = bench.model.decoder.embed_tokens.weight
    before = {EMBEDDING: weight[bench.first :].detach().clone()}
    start = bench.losses(before)
    accelerator = make_accelerator("fp32")
    given = {"folder": bench.folder, "out": tmp_path, "accelerator": accelerator}
    distill_rows(bench.model, bench.data, bench.config, bench.first, **given)
    end = bench.losses({EMBEDDING: weight[bench.first :].detach()})
    assert end["hidden"] + end["likelihood"] < start["hidden"] + start["likelihood"]
    assert weight.requires_grad and not torch.equal(weight[bench.first :], before[EMBEDDING])


def test_a_step_is_the_same_however_it_is_divided(
    make_model: Any, corpus: Artifact, settings: dict[str, Any], tmp_path: Path
) -> None:
    """By batches, and by what is kept for the backward pass: neither is in the key of what is made."""
    made, found = make_model(), []
    for number, changes in enumerate(
        (
            {"micro_batch_size": 4, "gradient_accumulation_steps": 1},
            {"micro_batch_size": 1, "gradient_accumulation_steps": 4, "gradient_checkpointing": True},
        )
    ):
        bench = Bench(made, corpus, settings | DISTILLED | changes, tmp_path / str(number))
        given = {"folder": bench.folder, "out": tmp_path / str(number), "accelerator": make_accelerator("fp32")}
        distill_rows(bench.model, bench.data, bench.config, bench.first, **given)
        rows = [json.loads(line) for line in (tmp_path / str(number) / "logs" / LOG).read_text().splitlines()]
        assert [row["step"] for row in rows] == list(range(1, 13))
        assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)
        found.append([[row["hidden"], row["likelihood"]] for row in rows])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)


def test_likelihoods_in_bf16_are_those_in_fp32(bench: Bench) -> None:
    """Of the same hidden states: left in bf16, the sum of a sequence's would be right to whole nats at best."""
    text, weight = bench.text(), bench.model.head.weight.detach()
    torch.manual_seed(0)
    hidden = torch.randn(*text.old_ids_BT.shape, weight.shape[1])
    exact = teacher_likelihood(hidden, weight, text, bench.pieces)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = teacher_likelihood(hidden, weight, text, bench.pieces)
    known = torch.isfinite(exact)
    assert rounded.dtype == torch.float32 and torch.equal(known, torch.isfinite(rounded))
    assert float((exact - rounded)[known].abs().max()) < 0.05
    assert float(exact[known].sum()) < -256 * len(exact)


def test_without_new_tokens_there_is_nothing_to_fit(
    make_model: Any, corpus: Artifact, settings: dict[str, Any], tmp_path: Path
) -> None:
    made = make_model(new=False)
    for more in (DISTILLED, {"old_segmentation": {"share": 0.5}}):
        config = ContinuedPretrainConfig.model_validate(settings | more)
        with pytest.raises(InputError, match="no new tokens"):
            pretrain_folder(config, made.part("model"), corpus, tmp_path, first_new_id=None)
