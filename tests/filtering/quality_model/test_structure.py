"""Layout of pages as numbers: prose and lists differ, numbers stay in bounds, a model with them is read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hanhua.errors import InputError
from hanhua.filtering.quality_model.model import QualityModel, load_quality_model, save_quality_model
from hanhua.filtering.quality_model.structure import FEATURES, Layout, fit_layout, held_out_logits, layout_of
from hanhua.zh_text.folding import folded_codes

PROSE = (
    "渡船\n渡船靠岸的时候，钟声从对岸传过来，卖藕的妇人挑着担子走进雾里，渐渐看不见了。她说明年还来，路上要走两天。\n"
)
LISTING = "网站首页\n登录 注册\n更多...\n下载客户端\n手机报价...[详细]\n电脑报价...[详细]\n联系我们\n"


def features(text: str) -> dict[str, float]:
    return dict(zip(FEATURES, layout_of(text).tolist(), strict=True))


def test_it_is_the_layout_of_a_page_with_what_the_shipped_weights_say() -> None:
    prose, listing = features(PROSE), features(LISTING)
    assert prose["sentences"] > listing["sentences"]
    assert prose["menu"] < listing["menu"]
    assert prose["log_odds_listing"] < listing["log_odds_listing"]


def test_a_layout_learns_beside_the_margin() -> None:
    chance = np.random.default_rng(0)
    good = chance.random(120) < 0.7
    margins = chance.normal(size=120) + good
    texts = [PROSE if one else LISTING for one in good]
    rows = [layout_of(text) for text in texts]
    logits = held_out_logits(margins, rows, good, folds=5)
    assert logits[good].min() > logits[~good].max()
    assert fit_layout(margins, rows, good).logit(0.0, layout_of(PROSE)) > 0


def test_it_is_read_back_and_counts_where_the_text_is_at_hand(tmp_path: Path) -> None:
    size = len(FEATURES) + 1
    weights = [0.0] * size
    weights[1 + FEATURES.index("sentences")] = 9.0
    layout = Layout((0.0,) * size, (1.0,) * size, tuple(weights), -3.0)
    model = QualityModel(np.zeros(1 << 10, dtype=np.float32), 0.0, 1.0, 0.0, {}, layout)
    save_quality_model(model, tmp_path / "model")
    found = load_quality_model(tmp_path / "model")
    assert found.layout == layout
    codes = folded_codes(PROSE)
    assert found.score(codes) == 0.5
    assert found.score(codes, layout_of(PROSE)) > 0.9
    assert found.score(folded_codes(LISTING), layout_of(LISTING)) < 0.1
    short = replace(layout, means=(0.0,))
    save_quality_model(replace(model, layout=short), tmp_path / "other")
    with pytest.raises(InputError, match="train it again"):
        load_quality_model(tmp_path / "other")
