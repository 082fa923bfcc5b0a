"""How a page is laid out, as numbers: what n-grams of folded text cannot see, and what often gives its remains away.

Lists of links, cut-off teasers and empty replies are written in the words of good pages, but not in their sentences. Of
50 pages of junk, with 200 others to learn from, n-grams and layout rank 15 below all but 3% of the good, n-grams alone
7 (docs/results/2026-11-28-labeling-pages.md, where it is said what is optimistic in that).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

FEATURES = (
    "log_characters", "in_sentences", "in_long_lines", "commas_per_han", "han", "digits", "latin", "spaces",
    "log_lines", "log_longest_line", "distinct_pairs", "menu_words", "contacts", "ellipses_per_line",
)  # fmt: skip
MAX_CHARACTERS = 4000
COST = 0.1
"""Inverse of the regularization: few labels must not teach that a single feature decides."""
SEED = 1
LONG_LINE, SENTENCE = 40, 12
_SENTENCES = re.compile(rf"[^。！？!?；;\n]{{{SENTENCE},}}[。！？!?；;]")
_MENU = re.compile(
    r"登录|注册|下载|首页|举报|更多|详细|回复|版权|收藏|分享|扫描|帖子|积分|客户端|排行|哪家好|上一篇|下一篇|当前位置"
)
_CONTACT = re.compile(r"微信|QQ|qq|热线|咨询|联系|加我|\[(?:MOBILE|PHONE|QQ|WECHAT)\]")
_HAN, _LATIN = re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[A-Za-z]")


def layout_of(text: str) -> Values:
    """Return the features of a text, in the order of `FEATURES`; most leave out its first line, often a title."""
    text = text[:MAX_CHARACTERS]
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    body = lines[1:]
    whole = "\n".join(body)
    size = max(len(whole), 1)
    han = len(_HAN.findall(whole))
    pairs = [whole[i : i + 2] for i in range(len(whole) - 1)]
    long_lines = sum(len(line) for line in body if len(line) >= LONG_LINE and any(mark in line for mark in ",，。"))
    return np.array(
        [
            math.log1p(len(whole)),
            sum(map(len, _SENTENCES.findall(whole))) / size,
            long_lines / size,
            (whole.count(",") + whole.count("，")) / max(han, 1),
            han / size,
            sum(map(str.isdigit, whole)) / size,
            len(_LATIN.findall(whole)) / size,
            whole.count(" ") / size,
            math.log1p(len(body)),
            math.log1p(max(map(len, body), default=0)),
            len(set(pairs)) / max(len(pairs), 1),
            100 * len(_MENU.findall(text)) / max(len(text), 1),
            100 * len(_CONTACT.findall(text)) / max(len(text), 1),
            (text.count("...") + text.count("…")) / max(len(lines), 1),
        ],
        dtype=np.float64,
    )


@dataclass(frozen=True)
class Layout:
    """Says how good a text is by its margin and its layout together: above 0 it is rather good.

    weights: of the margin, and of each feature, after subtracting `means` and dividing by `scales`.
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    def logit(self, margin: float, features: Values) -> float:
        """Return the log-odds of a text that is good."""
        values = (np.concatenate([[margin], features]) - np.array(self.means)) / np.array(self.scales)
        return float(values @ np.array(self.weights) + self.intercept)


def fit_layout(margins: Values, features: Sequence[Values], good: npt.NDArray[np.bool_]) -> Layout:
    """Return a layout fitted to margins of texts that the margins' model has not seen; both kinds count the same."""
    from sklearn.linear_model import LogisticRegression

    values = np.column_stack([margins, np.array(features)])
    means, scales = values.mean(axis=0), values.std(axis=0)
    scales[scales < 1e-9] = 1.0
    fitted = LogisticRegression(C=COST, class_weight="balanced", max_iter=2000).fit((values - means) / scales, good)
    rows = [tuple(map(float, row)) for row in (means, scales, fitted.coef_[0])]
    return Layout(means=rows[0], scales=rows[1], weights=rows[2], intercept=float(fitted.intercept_[0]))


def held_out_logits(margins: Values, features: Sequence[Values], good: npt.NDArray[np.bool_], *, folds: int) -> Values:
    """Return the logit of each text by a layout that has not seen it."""
    fold_of = np.random.default_rng(SEED).permutation(len(margins)) % folds
    logits = np.zeros(len(margins))
    for number in range(folds):
        inside = np.flatnonzero(fold_of != number)
        some = good[inside]
        if some.all() or not some.any():
            continue
        layout = fit_layout(margins[inside], [features[i] for i in inside.tolist()], some)
        for i in np.flatnonzero(fold_of == number).tolist():
            logits[i] = layout.logit(float(margins[i]), features[i])
    return logits
