"""Tells candidate tokens that come from spam or boilerplate: 中文字幕, 查看摘要, 网刊下载次数.

Unlike a document, a token is alone, so one hit is enough, at word boundaries; what is lost by a mistake
is one token, which is then spelled with several.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from hanhua.filtering.harm.evidence import EvidenceFinder, whole_words
from hanhua.filtering.harm.lexicon import Lexicon, Role, Sense, load_lexicon
from hanhua.zh_text.folding import fold

ALGORITHM = "junk-2"
_JUNK = Sense("junk", "topic", 1.0)
# Terms of these categories, from this weight on, are junk in a vocabulary too; words of violence or hate
# are words of the language.
_CATEGORIES, _MIN_WEIGHT = frozenset({"pornography", "gambling"}), 2.0
# Shorter ones are words of the language too (过夜, 复式, 水费), unless they are in the junk list.
_MIN_CHARACTERS = 4
_ROLES: frozenset[Role] = frozenset({"topic", "act", "offer"})
# A fragment of a junk string that leaves out one character at an end is junk as well: 网刊下载次.
_MIN_FRAGMENT_CHARACTERS = 4


class LexiconJunkTest:
    """The junk test made of the junk list and the words of pornography and gambling."""

    def __init__(self) -> None:
        text = files("hanhua.filtering.harm").joinpath("junk.txt").read_text(encoding="utf-8")
        lexicon = load_lexicon()
        listed = {fold(t).text for line in text.splitlines() if not line.startswith("#") for t in line.split()}
        senses: dict[str, tuple[Sense, ...]] = dict.fromkeys(sorted(listed), (_JUNK,))
        for term, known in lexicon.senses.items():
            if any(s.role == "exception" for s in known):
                senses[term] = known
            elif len(term) >= _MIN_CHARACTERS and any(map(_is_spam, known)):
                senses[term] = (_JUNK,)
        junk = [term for term, known in senses.items() if known == (_JUNK,)]
        cut = {fragment for term in junk for fragment in (term[1:], term[:-1])}
        self._fragments = frozenset(fragment for fragment in cut if len(fragment) >= _MIN_FRAGMENT_CHARACTERS)
        self._finder = EvidenceFinder(Lexicon(senses, (), lexicon.sha256))
        self.fingerprint = hashlib.sha256(f"{ALGORITHM} {lexicon.sha256} {text}".encode()).hexdigest()

    def is_junk(self, string: str) -> bool:
        """Return whether the string is, or contains, a junk term, or is one but for a character.

        >>> build_junk_test().is_junk("网刊下载次数"), build_junk_test().is_junk("营利性服务")
        (True, False)
        """
        folded = fold(string)
        if not folded.text:
            return False
        if folded.text in self._fragments:
            return True
        return bool(whole_words(folded, self._finder.evidence(string, folded)))


def _is_spam(sense: Sense) -> bool:
    return sense.list_name in _CATEGORIES and sense.weight >= _MIN_WEIGHT and sense.role in _ROLES


@cache
def build_junk_test() -> LexiconJunkTest:
    """Return the junk test, made once per process."""
    return LexiconJunkTest()
