"""Words of Chinese text: one function that uses jieba, or the twenty times faster rjieba if installed."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Literal

Engine = Literal["auto", "jieba", "rjieba"]


def segment(text: str, *, engine: Engine = "auto", new_words: bool = True) -> list[str]:
    """Return the words of a text, in order; joined they are the text.

    engine: `auto` takes rjieba when it is installed. The two differ in a few cuts, so whatever decides
    the content of an artifact must name its engine. new_words: guess words that are not in the
    dictionary (a hidden Markov model).

    >>> segment("营利性服务", engine="jieba")
    ['营利性', '服务']
    """
    return _cutter("jieba" if engine == "auto" and not _has_rjieba() else engine)(text, new_words)


@cache
def _has_rjieba() -> bool:
    return find_spec("rjieba") is not None


@cache
def _cutter(engine: Engine) -> Callable[[str, bool], list[str]]:
    if engine in ("auto", "rjieba"):
        import rjieba

        return lambda text, new_words: list(rjieba.cut(text, new_words))
    with warnings.catch_warnings():
        # jieba 0.42 imports pkg_resources and has invalid escapes; neither is the user's business.
        warnings.simplefilter("ignore")
        import jieba
    jieba.setLogLevel(logging.WARNING)
    words = jieba.Tokenizer()
    words.initialize()
    return lambda text, new_words: list(words.cut(text, HMM=new_words))
