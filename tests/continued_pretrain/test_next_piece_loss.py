"""The divergence over next pieces: the one that a plain sum over tokens gives, its gradient, and zero for the base."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from hanhua.continued_pretrain import next_piece_loss as made
from hanhua.continued_pretrain.next_piece_loss import Beginnings, Places, next_piece_loss
from hanhua.continued_pretrain.old_segmentation import Pieces
from hanhua.continued_pretrain.pack import Batch
from hanhua.continued_pretrain.spelling_likelihoods import Aligned
from hanhua.errors import InputError

CPU, FIRST, ROWS, WIDTH = torch.device("cpu"), 6, 12, 5
PIECES = Pieces(FIRST, np.array([1, 2, 1, 3, 1, 2, 4, 0, 5]), np.array([0, 2, 4, 7]))
"""6 is 1 2, 7 is 1 3, 8 is 1 2 4, 9 is 0 5; 10 and 11 are tokens of nobody's pieces."""
BEGIN = Beginnings.of(PIECES, CPU)


def text() -> Aligned:
    ids = np.array([[10, 6, 3, 1, 2, 8, 9, 1], [4, 7, 10, 5, 1, 5, 6, 6]])
    labels = np.concatenate([ids[:, 1:], [[5], [5]]], axis=1)
    labels[1, 1] = -100  # the document ends there
    positions = np.array([range(8), [0, 1, *range(6)]])
    return Aligned.of(Batch(ids, positions, labels), PIECES, CPU)


@pytest.fixture
def given() -> dict[str, Any]:
    torch.manual_seed(0)
    known = text()
    return {
        "hidden_BLD": torch.randn(2, 8, WIDTH, dtype=torch.float64).float().requires_grad_(True),
        "weight_VD": torch.randn(ROWS, WIDTH),
        "old_BTD": torch.randn(*known.old_ids_BT.shape, WIDTH),
        "old_weight_VD": torch.randn(ROWS, WIDTH),
    }


def by_hand(given: dict[str, Any], weight_VD: torch.Tensor) -> torch.Tensor:
    """The same as sums over dictionaries of tokens, one position after the other."""
    known, total = text(), torch.zeros(())
    width = known.old_ids_BT.shape[1]
    new = {FIRST + n: tuple(PIECES.spelled(np.array([FIRST + n])).tolist()) for n in range(4)}
    teacher_BTV = given["old_BTD"] @ given["old_weight_VD"].T
    teacher_BTV[..., list(new)] = -torch.inf
    teacher_BTV = teacher_BTV.softmax(-1)
    student_BLV = (given["hidden_BLD"] @ weight_VD.T).softmax(-1)
    for row in range(2):
        for place in range(7):
            label, end = int(known.labels_BL[row, place]), int(known.ends_BL[row, place])
            if label < 0:
                continue
            share, wanted = student_BLV[row, place], teacher_BTV[row, end]
            for piece in set(range(ROWS)) - set(new):
                begun = share[piece] + sum(share[token] for token, apart in new.items() if apart[0] == piece)
                total = total + wanted[piece] * (wanted[piece] / begun).log()
            following, then = (int(known.old_ids_BT[row, min(end + n, width - 1)]) for n in (1, 2))
            mine = {token: apart for token, apart in new.items() if apart[0] == following}
            if not mine or (label == following and any(apart[1] == then for apart in mine.values())):
                continue
            next_V, whole = teacher_BTV[row, end + 1], share[following] + sum(share[token] for token in mine)
            rest = next_V.new_ones(())
            for second in {apart[1] for apart in mine.values()}:
                begun = sum(share[token] for token, apart in mine.items() if apart[1] == second)
                total = total + next_V[second] * (next_V[second] / (begun / whole)).log()
                rest = rest - next_V[second]
            total = total + rest * (rest / (share[following] / whole)).log()
    return total / 16


@pytest.mark.parametrize("positions", [64, 3], ids=["one chunk", "many chunks"])
@pytest.mark.parametrize("trained", ["all", "rows", "none"])
def test_it_is_the_sum_over_tokens_and_so_is_its_gradient(
    given: dict[str, Any], trained: str, positions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "CHUNK_ELEMENTS", {"cpu": 1})
    monkeypatch.setattr(made, "MIN_CHUNK", positions)
    count = {"all": ROWS, "rows": ROWS - FIRST, "none": 0}[trained]
    rows = given["weight_VD"][ROWS - count :].clone().requires_grad_(True)
    joined = torch.cat([given["weight_VD"][: ROWS - count], rows])
    wanted = by_hand(given, joined)
    moved = [given["hidden_BLD"], rows] if count else [given["hidden_BLD"]]
    gradients = torch.autograd.grad(wanted, moved)
    found = next_piece_loss(
        given["hidden_BLD"],
        joined.detach(),
        given["old_BTD"],
        given["old_weight_VD"],
        text(),
        BEGIN,
        trainable_RD=rows if count else None,
    )
    torch.testing.assert_close(found, wanted.detach(), rtol=1e-5, atol=1e-6)
    for one, two in zip(torch.autograd.grad(found, moved), gradients, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def test_a_new_token_of_one_piece_is_refused() -> None:
    with pytest.raises(InputError, match="token 7 is 1 of the base's tokens"):
        Beginnings.of(Pieces(FIRST, np.array([1, 2, 3, 4, 5]), np.array([0, 2, 3])), CPU)


def test_a_token_with_the_probability_of_its_pieces_leaves_nothing_to_learn() -> None:
    """A model that goes on as the base does, whatever it read: tokens of two pieces have what their pieces have."""
    chance_V = torch.tensor([0.1, 0.3, 0.2, 0.15, 0.1, 0.05, 0, 0, 0, 0, 0.1, 0.0]).clamp(min=1e-12)
    pieces = Pieces(FIRST, np.array([1, 2, 1, 3, 0, 5, 4, 4]), np.array([0, 2, 4, 6]))
    begin, spread_V = Beginnings.of(pieces, CPU), chance_V.clone()
    for number, (first, second) in enumerate([(1, 2), (1, 3), (0, 5), (4, 4)]):
        spread_V[FIRST + number] = chance_V[first] * chance_V[second]
        spread_V[first] -= spread_V[FIRST + number]
    ids = np.array([[10, 6, 3, 5, 7, 2, 8, 3]])
    batch = Batch(ids, np.arange(8)[None], np.array([[6, 3, 5, 7, 2, 8, 3, 5]]))
    aligned = Aligned.of(batch, pieces, CPU)
    one = torch.ones(1, 1, 1)
    found = next_piece_loss(
        one.expand(1, 8, 1),
        spread_V.log()[:, None],
        one.expand(1, aligned.old_ids_BT.shape[1], 1),
        chance_V.log()[:, None],
        aligned,
        begin,
    )
    assert Places.of(aligned, begin).deep_N.sum() == 3
    assert abs(float(found)) < 1e-6
