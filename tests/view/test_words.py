"""The page says everything in both languages, and has no word that nothing says."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import hanhua.view
from hanhua.view.words import WORDS, duration_in, for_scripts, said

FOLDER = Path(str(hanhua.view.__file__)).parent
TEMPLATES = sorted((FOLDER / "templates").glob("*.jinja"))
STATES = ("running", "done", "stopped", "cached", "waiting")
LIKE = {
    "model_": ("base", "resized", "adapted", "restored"),
    "theme_": ("auto", "light", "dark"),
    "cut_by_": ("base", "extended"),
}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def spoken() -> set[str]:
    """Return the keys that templates, code and script name."""
    text = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES)
    keys = set(re.findall(r"""\bt\(["']([a-z_]+)["']""", text)) - set(LIKE)
    keys |= {key for key in WORDS if re.search(rf'\("{key}", |, "{key}"\)', text)}  # of the lists of links
    keys |= {f"{begin}{end}" for begin, ends in LIKE.items() for end in ends}
    keys |= {f"{side}_model" for side in ("left", "right")} | set(STATES) | set(for_scripts("en"))
    return keys | {"not_found", "went_wrong"}


def test_every_word_is_there_and_none_is_idle() -> None:
    assert spoken() == set(WORDS)


@pytest.mark.parametrize("key", WORDS)
def test_both_languages_say_the_same(key: str) -> None:
    english, chinese = WORDS[key]
    assert fields(english) == fields(chinese)
    has_han = re.compile("[\u4e00-\u9fff]").search
    assert key in ("language", "prompt_default") or (has_han(chinese) and not has_han(english))


def test_the_script_says_only_words_it_was_given() -> None:
    script = (FOLDER / "static" / "view.js").read_text(encoding="utf-8")
    named = set(re.findall(r"words\.([a-z_]+)", script)) | set(re.findall(r'say\("([a-z_]+)"', script))
    assert named == set(for_scripts("zh"))


def test_durations_are_said_in_the_reader_s_language() -> None:
    assert duration_in("3 min 5 s", "zh") == "3 分 5 秒"
    assert duration_in("2 h 0 min", "zh") == "2 小时 0 分"
    assert duration_in("2 h 0 min", "en") == "2 h 0 min"
    assert said("line", "zh", n=3) == "第 3 行"
