"""Clean-up that a careful editor would not notice, except for what was broken.

乾隆, 慰藉, U+3000 indents, blank lines and code blocks come through byte for byte.
"""

from __future__ import annotations

import re

import numpy as np

from hanhua.filtering.document import Drafts
from hanhua.zh_text.folding import code_points
from hanhua.zh_text.scripts import HAN

_NEW_LINES = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# Joiners (U+200C, U+200D) and variation selectors stay: emoji and several scripts are spelled with them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
    "\ue000-\uf8ff\ufffe\uffff\U000f0000-\U0010ffff]"
)

_MIN_LINES, _MIN_WIDTH, _MAX_WIDTH = 4, 16, 60
_ENDS_SENTENCE = tuple("。！？…：；!?:;」』”）)】》.|")
_SENTENCE_ENDS = code_points("".join(_ENDS_SENTENCE))
_MAX_ENDING = 0.4
_STARTS_ITEM = re.compile(r"[\s\-*+#>|`~\d一二三四五六七八九十百第（(【〔◎○●■□★①-⑳]")
_PROSE = re.compile(f"[{HAN}，、。；：！？“”‘’「」『』（）《》…—·]")


def clean(text: str) -> str:
    """Return the text without control, private-use and invisible characters, and with Unix line ends.

    A lone surrogate (half of a broken pair) becomes U+FFFD, which the encoding rule counts. Most texts have
    nothing of the kind, which `Profile.unclean` tells at less cost.
    """
    text = _SURROGATES.sub("\ufffd", _NEW_LINES.sub("\n", text))
    return _UNSEEN.sub("", text)


def join_hard_wraps(text: str) -> str:
    """Join Chinese prose that was broken at a fixed width; return anything else as it was.

    Only runs of at least four lines of nearly equal length, 16 to 60 characters, nearly all of it
    Han and its punctuation, of which hardly any ends a sentence: verse ends its lines with marks or is
    shorter, lists and tables start with theirs, code is not Han.
    """
    if text.count("\n") < _MIN_LINES - 1:
        return text
    # The mean first, which costs nothing: blank lines and last lines pull it down, to half at the most.
    if not _MIN_WIDTH / 2 <= len(text) / (text.count("\n") + 1) <= _MAX_WIDTH:
        return text
    lines = text.split("\n")
    out: list[str] = []
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
            continue
        out += _joined(block)
        out.append(line)
        block = []
    return "\n".join(out[:-1])


def may_be_wrapped(drafts: Drafts) -> list[bool]:
    """Return whether three lines in a row are of the same length, give or take two, and one at most ends a sentence.

    Without, nothing is joined: where two of any three lines end one, half of all do.
    """
    lines = drafts.lines
    lengths = lines.ends - lines.starts
    # The last line of a text may be of any length, and what follows it is another text.
    lengths[lines.firsts[1:] - 1] = -_MAX_WIDTH
    # Where each run of three begins: numpy's sliding windows cost several times as much.
    one, two, three = lengths[:-2], lengths[1:-1], lengths[2:]
    widest = np.maximum(np.maximum(one, two), three)
    narrowest = np.minimum(np.minimum(one, two), three)
    alike = (widest - narrowest <= 2) & (widest >= _MIN_WIDTH) & (widest <= _MAX_WIDTH)
    if not alike.any():
        return [False] * len(drafts)
    ends = np.isin(drafts.joined.codes.take(lines.ends - 1, mode="clip"), _SENTENCE_ENDS).astype(np.int8)
    alike &= ends[:-2] + ends[1:-1] + ends[2:] <= 1
    return [count > 0 for count in lines.counts(alike)]


def _joined(block: list[str]) -> list[str]:
    """Join one block of lines between blank ones, if it is hard-wrapped prose."""
    if len(block) < _MIN_LINES:
        return block
    full = [len(line) for line in block[:-1]]
    width = max(full)
    if not _MIN_WIDTH <= width <= _MAX_WIDTH or min(full) < width - 2 or len(block[-1]) > width:
        return block
    if sum(line.endswith(_ENDS_SENTENCE) for line in block[:-1]) > _MAX_ENDING * len(full):
        return block
    if any(_STARTS_ITEM.match(line) for line in block[1:]):
        return block
    whole = "".join(block)
    return [whole] if len(_PROSE.findall(whole)) >= 0.9 * len(whole) else block
