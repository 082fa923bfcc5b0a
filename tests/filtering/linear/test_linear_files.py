"""Models on disk, and how they are fitted: written and read the same, refused when they are of another make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hanhua.artifacts.files import read_json, write_json
from hanhua.errors import InputError
from hanhua.filtering.linear.features import MAX_COLUMN_BITS, cut_windows, window_columns, window_starts
from hanhua.filtering.linear.files import Kind, load_model, save_model
from hanhua.filtering.linear.fitting import Example, cut_pieces, fit, margins_of_held_out, platt
from hanhua.filtering.linear.margins import window_margins
from hanhua.zh_text.folding import Codes, folded_codes

KIND = Kind("test model", "model.json", "hanhua filter train-test", "test-1", {"own": 3})
WEIGHTS = np.arange(8, dtype=np.float16)
GOOD = ["渡船靠岸时钟声响了", "卖藕的妇人挑着担子", "河边有人看别人下棋", "茶馆里坐着几个老人", "院子里的枣树开了花"]
BAD = ["首充送彩金秒提款", "点击链接领取红包", "加微信免费领彩金", "充值返利天天秒提", "注册即送彩金红包"]
BITS = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(KIND, tmp_path / "model", {"weights": WEIGHTS}, {"intercept": 0.5})
    return tmp_path / "model"


def test_what_was_saved_is_read(folder: Path) -> None:
    values, tensors = load_model(KIND, folder, lambda config, tensors: (config, tensors))
    assert values["intercept"] == 0.5 and values["own"] == 3
    assert tensors["weights"].dtype == np.float32 and tensors["weights"].tolist() == WEIGHTS.tolist()


@pytest.mark.parametrize(
    ("key", "value"),
    [("format", "test-2"), ("own", 4), ("window_characters", 81), ("character_ngrams", [1]), ("pinyin_ngrams", None)],
)
def test_a_model_of_another_make_is_refused(folder: Path, key: str, value: object) -> None:
    write_json(folder / "model.json", {**read_json(folder / "model.json"), key: value})
    with pytest.raises(InputError, match="no test model of format test-1; train it again with `hanhua filter train"):
        load_model(KIND, folder, lambda config, tensors: tensors)


def test_half_a_model_is_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    for left in (whole[:10], b"", None):
        if left is None:
            weights.unlink()
        else:
            weights.write_bytes(left)
        with pytest.raises(InputError, match="not a whole test model"):
            load_model(KIND, folder, lambda config, tensors: tensors["weights"])
    with pytest.raises(InputError):
        load_model(KIND, folder / "nowhere", lambda config, tensors: tensors)


def test_a_tensor_that_is_missing_is_said(folder: Path) -> None:
    with pytest.raises(InputError, match="bias"):
        load_model(KIND, folder, lambda config, tensors: tensors["bias"])


def examples() -> tuple[list[Example], np.ndarray]:
    codes = [Example(folded_codes(text * 3)) for text in (*BAD, *GOOD)]
    return codes, np.array([1] * len(BAD) + [0] * len(GOOD))


def margin_by(weights: np.ndarray, intercept: float, codes: Codes) -> float:
    found = window_columns(cut_windows(codes, window_starts(len(codes)))) >> (MAX_COLUMN_BITS - BITS)
    return float(window_margins(found, weights, intercept).mean())


def test_a_fit_tells_its_examples_apart_and_new_ones_like_them() -> None:
    pytest.importorskip("sklearn")
    some, truth = examples()
    weights, intercept = fit(some, truth, column_bits=BITS, what="a test")
    assert weights.shape == (1 << BITS,) and np.array_equal(weights, weights.astype(np.float16))
    for one, harmful in zip(some, truth.tolist(), strict=True):
        assert (margin_by(weights, intercept, one.codes) > 0) == bool(harmful)
    assert margin_by(weights, intercept, folded_codes("领取彩金红包秒提")) > 0
    assert margin_by(weights, intercept, folded_codes("妇人坐在河边的树下")) < 0


def test_a_fit_is_the_same_twice_and_copies_share_a_text_s_importance() -> None:
    pytest.importorskip("sklearn")
    some, truth = examples()
    one, again = (fit(some, truth, column_bits=BITS, what="a test") for _ in range(2))
    assert np.array_equal(one[0], again[0]) and one[1] == again[1]
    pieces, owners = cut_pieces([Example(some[0].codes, copies=(some[1].codes, some[2].codes)), some[3]])
    assert owners.tolist() == [0, 0, 0, 1] and len(pieces) == 4


def test_held_out_margins_are_of_models_that_have_not_seen_the_text() -> None:
    some, truth = examples()
    seen: list[set[int]] = []

    def fit_some(inside: list[Example], labels: np.ndarray) -> object:
        known = {id(one.codes) for one in inside}
        seen.append(known)
        assert len(inside) == len(labels)
        return lambda codes: float(id(codes) in known)

    margins = margins_of_held_out(some, truth, fit_some)  # type: ignore[arg-type]
    assert margins.tolist() == [0.0] * len(some)
    assert len(seen) == 5


def test_probabilities_rise_with_margins_or_nothing_was_learned() -> None:
    pytest.importorskip("sklearn")
    margins, truth = np.array([-2.0, -1.0, 0.5, 1.0, 2.0, -0.5]), np.array([0, 0, 1, 1, 1, 1])
    slope, _ = platt(margins, truth)
    assert slope > 0
    with pytest.raises(InputError, match="nothing can be learned"):
        platt(-margins, truth)
