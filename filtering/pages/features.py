"""A page as numbers: how much of it is sentences, lists and labels, and whose words it uses.

All are computed for all texts judged together, from the first 3,000 characters of each.
Sizes are in brackets: D documents, F features.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hanhua.filtering.document import Drafts
from hanhua.filtering.pages.layout import (
    COMMA,
    DIGIT,
    END,
    FUNCTION,
    HAN_WORD,
    HEAD,
    LATIN,
    LINK,
    SPACE,
    Counts,
    Layout,
    lay_out,
)
from hanhua.filtering.pages.words import Found, word_groups
from hanhua.filtering.rules.repetition import repeated_ngram_ratios

Values = npt.NDArray[np.float64]

_OF_LAYOUT = (
    "site_title", "heading", "title_parts", "below_30", "below_80", "below_250", "log_characters",
    "site_below_30", "site_below_80", "site_below_250", "sentences", "few_sentences", "function_words", "commas",
    "phrases", "log_phrases", "spaces", "digits", "latin", "links", "dates", "prices", "numbers", "cut_off",
    "spelled_apart", "short_lines", "log_lines", "net_below_15", "net_below_40", "net_below_150", "log_net",
    "net_share",
    "site_net_below_15", "site_net_below_40", "site_net_below_150", "repeated",
)  # fmt: skip
_OF_WORDS = (
    "menu", "related", "teaser", "forum", "nothing", "sell", "advert", "clinic", "cure", "gambling", "money",
    "template", "prose",
)  # fmt: skip
SELLING = ("sell", "advert", "clinic", "cure", "gambling", "money")
FEATURES = (
    *_OF_LAYOUT,
    *_OF_WORDS,
    *(f"different_{name}" for name in _OF_WORDS),
    *(f"front_{name}" for name in SELLING),
)
FRONT = 400
"""Folded characters of a page in which words of sellers are counted once more: what follows is often padding."""
MAX_PER_100, MAX_TITLE = 6.0, 80
FURNITURE = ("menu", "related", "teaser", "forum", "nothing")
TAKEN_BY_LABEL = 10
"""Characters of its line that a label takes away from what a page says: it is rarely alone."""
MIN_FRONT = 100
"""Characters a front counts for at least: two words of a seller in a line are no advert."""
OF_SELLERS = [_OF_WORDS.index(name) for name in SELLING]
"""Columns of the groups of sellers' words."""
_FURNITURE = np.array([name in FURNITURE for name in _OF_WORDS])
# Of links, dates, prices, numbers, ellipses and single characters between spaces.
_MOST_PER_100 = np.array([[5.0], [5.0], [3.0], [2.0], [3.0], [20.0]])
_SHORT_LINE = 12
# Of the characters of a page, of those in sentences, and of what is left without labels.
_LIMITED = [0, 0, 0, 2, 1, 1, 1]
_LOG_LIMITS = np.log1p([[30.0], [80.0], [250.0], [60.0], [15.0], [40.0], [150.0]])


def page_features(drafts: Drafts) -> list[Values]:
    """Return the features of each text, in the order of `FEATURES`; a view."""
    return list(rows_of(drafts, np.arange(len(drafts))))


def rows_of(drafts: Drafts, chosen: Counts) -> Values:
    """Return the features of some of the texts, given by their numbers in order [D, F]."""
    layout = lay_out([drafts.texts[number] for number in chosen.tolist()])
    found, totals, different = drafts.view(words_of)
    size = np.maximum(np.diff(drafts.folds.starts)[chosen, None], 1)
    per_100 = _per_100(totals[chosen], np.minimum(size, HEAD))
    front = word_groups().totals(found.before(FRONT), len(drafts))[chosen][:, OF_SELLERS]
    furniture = _labels_of(drafts, layout, found, chosen)
    repeated = np.array(drafts.view(repeated_ngram_ratios))[chosen, None]
    of_front = _per_100(front, np.clip(size, MIN_FRONT, FRONT))
    many = np.log1p(different[chosen]) / 4
    return np.column_stack([_of_layout(layout, furniture), repeated, per_100, many, of_front])


def _per_100(counts: Counts, size: Counts) -> Values:
    return np.minimum(100 * counts / size, MAX_PER_100) / MAX_PER_100


def words_of(drafts: Drafts) -> tuple[Found, Counts, Counts]:
    """Return the words of `words.txt` in the beginnings of the folded texts, and their counts by group; a view."""
    folds, groups = drafts.folds, word_groups()
    found = groups.find(folds.cut([min(end - begin, HEAD) for begin, end in folds.bounds]))
    return found, *groups.count(found, len(drafts))


def _labels_of(drafts: Drafts, layout: Layout, found: Found, chosen: Counts) -> Counts:
    """Return how many labels each line has [L]; what folding moved beyond the head counts for none."""
    number = np.full(len(drafts), -1)
    number[chosen] = np.arange(len(chosen))
    taken = _FURNITURE.take(found.groups) & (number[found.texts] >= 0)
    texts, folds = found.texts[taken], drafts.folds
    within = folds.offsets[found.places[taken] + folds.starts[texts]] - drafts.joined.starts[texts]
    inside = within < HEAD
    return layout.counts(within[inside] + layout.begins[number[texts[inside]]])


def _of_layout(layout: Layout, furniture: Counts) -> Values:
    """Return the features of the layout [D, F]. furniture: how many labels each line has [L]."""
    kinds, titles = layout.by_line.T, layout.titles
    some = layout.visible > 0
    filled = layout.per_text(some.astype(np.int64)[None])[0]
    site, heading = _titles(layout, filled)
    parts = kinds[LINK, titles] + layout.dashes[titles] + kinds[COMMA, titles]
    in_phrases, phrases_of = layout.phrases()
    han_of = kinds[HAN_WORD] + kinds[FUNCTION]
    net_of = np.maximum(han_of + kinds[LATIN] // 3 - in_phrases - TAKEN_BY_LABEL * furniture, 0)
    short_of = (some & (layout.visible < _SHORT_LINE) & (kinds[END] == 0)).astype(np.int64)
    in_body = np.ones(len(layout.owners), dtype=np.int64)
    in_body[titles[site | heading]] = 0
    values = (
        layout.visible, han_of, kinds[FUNCTION], kinds[COMMA], kinds[SPACE], kinds[DIGIT], kinds[LATIN],
        layout.sentences(), in_phrases, phrases_of, net_of, short_of,
        kinds[LINK], layout.dates(), layout.prices(), layout.numbers(), layout.cut_off(), layout.apart(),
    )  # fmt: skip
    sums = layout.per_text(np.stack(values) * in_body)
    characters, han, function, commas, spaces, digits, latin, sentences, mass, phrases, net, short = sums[:12]
    size = np.maximum(characters, 1)
    logs = np.log1p(np.stack([characters, net, sentences, phrases, parts, filled]))
    # 0 for counts from the limit on, and more the smaller they are, to 1 at a twentieth of it.
    below = np.minimum(np.maximum(_LOG_LIMITS - logs[_LIMITED], 0), 3) / 3
    rare = np.minimum(100 * sums[12:] / size, _MOST_PER_100) / _MOST_PER_100
    columns = (
        site,
        heading,
        site * logs[4] / 3,
        *below[:3],
        logs[0] / 8,
        *(below[:3] * site),
        np.minimum(sentences / size, 1),
        below[3],
        function / np.maximum(han, 1),
        np.minimum(commas / size, 0.1) * 10,
        np.minimum(mass / size, 1),
        logs[3] / 6,
        np.minimum(spaces / size, 0.5) * 2,
        digits / size,
        latin / size,
        *rare,
        short / np.maximum(filled, 1),
        logs[5] / 5,
        *below[4:],
        logs[1] / 8,
        np.minimum(net / size, 1),
        *(below[4:] * site),
    )
    return np.stack(columns, axis=1)


def _titles(layout: Layout, filled: Values) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which texts begin with the title of a page, with marks of its site, and which with another heading."""
    first, visible = layout.by_line[layout.titles].T, layout.visible[layout.titles]
    short = (filled >= 2) & (visible <= MAX_TITLE) & (visible > 0)
    marked = first[LINK] + layout.dashes[layout.titles] > 0
    site = short & marked & (2 * (first[HAN_WORD] + first[FUNCTION]) >= visible)
    heading = short & ~site & (first[END] == 0)
    return site, heading
