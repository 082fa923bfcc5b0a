from __future__ import annotations

import numpy as np
import pytest

from hanhua.errors import UsageError
from hanhua.vocab_extension.resize.base_rows import Floats, Rows, examine_rows
from hanhua.vocab_extension.resize.initialization import BLOCK_ROWS, METHODS, Methods, Side, row_blocks
from hanhua.vocab_extension.resize.pieces import Plan

NONE = np.zeros(0, dtype=np.int64)
HAN = np.arange(20, 60)
WIDTH = 24


def base_rows(*, untrained: tuple[int, ...] = ()) -> Rows:
    rows_VD = np.random.default_rng(0).normal(0.1, 1, (80, WIDTH)).astype(np.float32)
    rows_VD[20:60] *= 3
    rows_VD[list(untrained)] = 0
    return examine_rows(rows_VD, "F32", suspects=NONE, unseen=NONE)


def plan_of(pieces: list[list[int]], weights: list[list[float]] | None = None) -> Plan:
    return Plan(pieces, weights or [[1.0] * len(ids) for ids in pieces], HAN)


def made(method: str, plan: Plan, rows: Rows, *, side: Side = "input", seed: int = 0) -> Floats:
    return np.concatenate(list(row_blocks(method, rows, plan, side=side, seed=seed, initializer_range=0.5)))


MANY = plan_of([[20 + n % 40, 21 + (7 * n) % 38, n % 20] for n in range(2 * BLOCK_ROWS + 5)])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("side", ["input", "output"])
def test_every_new_token_gets_a_finite_row_the_same_each_time(method: str, side: Side) -> None:
    rows = base_rows(untrained=(3, 25))
    first = made(method, MANY, rows, side=side, seed=4)
    assert first.shape == (len(MANY.pieces), WIDTH)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert np.array_equal(first, made(method, MANY, rows, side=side, seed=4))
    drawn = method in ("gaussian", "random")
    assert np.array_equal(first, made(method, MANY, rows, side=side, seed=5)) is not drawn


def test_mean_is_the_mean() -> None:
    rows = base_rows()
    plain = np.stack([rows.stored_VD[list(ids)].astype(np.float64).mean(axis=0) for ids in MANY.pieces])
    assert np.array_equal(made("mean", MANY, rows), plain.astype(np.float32))


def test_untrained_pieces_weigh_nothing_even_when_they_are_not_finite() -> None:
    rows_VD = np.array(base_rows().stored_VD)
    rows_VD[30] = np.nan
    rows = examine_rows(rows_VD, "F32", suspects=NONE, unseen=NONE)
    found = made("mean", plan_of([[30, 31, 32], [30]]), rows)
    assert np.array_equal(found[0], made("mean", plan_of([[31, 32]]), rows)[0])
    usual = rows_VD[[id_ for id_ in HAN if id_ != 30]].mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(found[1], usual, rtol=1e-6)


def test_calibrated_inputs_point_as_the_mean_does_and_are_as_long_as_han_rows() -> None:
    rows = base_rows(untrained=(22,))
    plain, scaled = made("mean", MANY, rows), made("calibrated", MANY, rows)
    usual = rows.norms_V[[id_ for id_ in HAN if id_ != 22]].mean()
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), usual, rtol=1e-5)
    cosine = (plain * scaled).sum(axis=1) / np.linalg.norm(plain, axis=1) / np.linalg.norm(scaled, axis=1)
    np.testing.assert_allclose(cosine, 1, rtol=1e-5)


def test_calibrated_outputs_weigh_characters() -> None:
    rows = base_rows()
    found = made("calibrated", plan_of([[20, 21]], [[2.0, 1 / 3]]), rows, side="output")
    expected = (2 * rows.stored_VD[20].astype(np.float64) + rows.stored_VD[21] / 3) / (2 + 1 / 3)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)


def test_gaussian_sits_at_the_mean_of_trained_rows() -> None:
    rows = base_rows(untrained=(5,))
    found = made("gaussian", MANY, rows)
    center = np.delete(rows.stored_VD, 5, axis=0).mean(axis=0)
    spread = np.delete(rows.stored_VD, 5, axis=0).std(axis=0)
    assert (np.abs(found - center) < 0.02 * spread).all()
    assert len(np.unique(found, axis=0)) == len(found)


def test_random_has_the_models_own_spread_and_each_matrix_its_own_draw() -> None:
    found = made("random", MANY, base_rows())
    assert abs(float(found.std()) - 0.5) < 0.02
    assert not np.array_equal(found, made("random", MANY, base_rows(), side="output"))


def test_each_matrix_may_have_its_own_method() -> None:
    assert Methods.parse("mean") == Methods("mean", "mean")
    assert str(Methods.parse("calibrated+mean")) == "calibrated+mean"
    assert str(Methods.parse("mean+mean")) == "mean"
    for wrong in ("best", "mean+", "+mean", ""):
        with pytest.raises(UsageError, match="one of mean, calibrated, gaussian, random"):
            Methods.parse(wrong)


def test_every_method_names_its_source() -> None:
    for sides in METHODS.values():
        for method in sides.values():
            assert "Source: " in (method.__doc__ or "")
