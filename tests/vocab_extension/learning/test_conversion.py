from pathlib import Path

import pytest
from opencc import OpenCC

from hanhua.vocab_extension.learning.conversion import SCRIPTS, converted_all, open_converters
from hanhua.vocab_extension.learning.count import UNIT, Counted
from hanhua.vocab_extension.learning.counts import sum_counts
from hanhua.vocab_extension.learning.dictionary import word_frequencies
from hanhua.vocab_extension.learning.kept_dictionary import count_dictionary, kept_dictionary
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_bpe_file


def convert(scripts: str, counted: Counted) -> Counted:
    for converter in open_converters(scripts):
        counted = converter(counted)
    return counted


@pytest.mark.parametrize(
    ("scripts", "text", "expected"),
    [
        ("hant-tw", "头发里", "頭髮裡"),
        ("hant-tw", "发展为了台湾", "發展為了臺灣"),
        ("hant-hk", "里面为", "裏面為"),
        ("hans", "頭髮裡", "头发里"),
        ("hans", "拿著刀", "拿着刀"),
        ("hans", "名著與卓著", "名著与卓著"),
        ("hans", "衞生餐枱", "卫生餐台"),
        ("hans", "著作", "著作"),
        ("as-is", "头发", "头发"),
        ("as-is", "拿著", "拿著"),
    ],
)
def test_each_place_has_its_own_standard(scripts: str, text: str, expected: str) -> None:
    assert convert(scripts, {f"，{text}": (3, 1)}) == {f"，{expected}": (3, 1)}


def test_both_keep_what_there_is_and_add_the_other_form() -> None:
    found = convert("both", {"头发": (3, 0b01), "頭髮": (2, 0b10), "你好": (5, 1)})
    assert found == {"头发": (5, 0b11), "頭髮": (5, 0b11), "你好": (5, 1)}


def test_both_learn_the_mainland_s_form_from_taiwan_s_text() -> None:
    assert convert("both", {"看著": (3, 1)}) == {"看著": (3, 1), "看着": (3, 1)}


def test_what_becomes_equal_is_added_up() -> None:
    assert convert("hans", {"头发": (3, 0b01), "頭髮": (2, 0b10)}) == {"头发": (5, 0b11)}


def test_no_phrase_reaches_over_two_strings() -> None:
    convert = OpenCC("s2tw").convert
    assert convert("头发") == "頭髮"
    assert converted_all(["头", "发"], convert) == ["頭", "發"]
    assert converted_all(["头\n发", "好"], convert) == ["頭\n發", "好"]


def test_the_dictionary_is_scaled_to_the_mass_it_is_given(tmp_path: Path, base_file: BpeFile) -> None:
    kept = kept_dictionary(base_file, ["jieba"], scripts="as-is", spaced=False)
    file = count_dictionary(kept, tmp_path / "d", characters=1e8, weights={"jieba": 1.0}, spaced=0.0)
    assert not file.occurs
    counted = sum_counts([file], max_strings=10**6)
    mass = sum(len(s) * w for s, w in zip(counted.strings.to_pylist(), counted.weight_S.tolist(), strict=True))
    assert mass == pytest.approx(1e8 * UNIT, rel=0.01)
    assert counted.listed_S.all()
    assert not counted.count_S.any()
    assert len(word_frequencies("jieba")) > 300_000


def test_words_are_counted_behind_a_space_where_the_base_swallows_it(tmp_path: Path, llama3: Path) -> None:
    base_file = read_bpe_file(llama3)
    kept = kept_dictionary(base_file, ["jieba"], scripts="as-is", spaced=True)
    file = count_dictionary(kept, tmp_path / "d", characters=1e8, weights={"jieba": 1.0}, spaced=0.5)
    counted = sum_counts([file], max_strings=10**6)
    weights = dict(zip(counted.strings.to_pylist(), counted.weight_S.tolist(), strict=True))
    spaced = {string for string in weights if string.startswith(" ")}
    encoder = base_file.pretoken_encoder()
    for word in ("用户", "中国", "系统", "龘"):
        swallowed = base_file.bytes_of[encoder.encode(" " + word, add_special_tokens=False).ids[0]] != b" "
        assert (" " + word in spaced) == (swallowed and word in weights)
    assert weights[" 用户"] == pytest.approx(weights["用户"] / 2, abs=1)


def test_every_choice_is_known() -> None:
    for scripts in SCRIPTS:
        assert convert(scripts, {"你好": (1, 1)}) == {"你好": (1, 1)}
