from pathlib import Path

import pytest
from small_llama import english_texts
from tokenizers import Tokenizer

from hanhua.errors import InputError
from hanhua.vocab_extension.measuring.measure import measure, measure_with_languages, open_subject


def test_figures_are_those_of_plain_counting(base: Path, extension: Path, texts: list[str]) -> None:
    rows = measure([open_subject(base, name="base"), open_subject(extension, name="new")], {"zh": iter(texts)})
    for row, folder in zip(rows, (base, extension), strict=True):
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
        assert row.tokens == sum(map(len, ids))
        assert row.characters == sum(map(len, texts))
        assert row.bytes == sum(len(text.encode()) for text in texts)
        assert row.documents == len(texts)
        assert row.characters_per_token == row.characters / row.tokens
        new = [id_ for line in ids for id_ in line if id_ >= 1024]
        if row.tokenizer == "base":
            assert row.new_tokens_used is None
        else:
            assert row.new_tokens_used == len(set(new)) / 512
            assert row.share_of_new == len(new) / row.tokens


def test_english_is_the_same(base: Path, extension: Path) -> None:
    first, second = measure([open_subject(base), open_subject(extension)], {"en": english_texts()})
    assert first.tokens == second.tokens
    assert second.new_tokens_used == 0.0


def test_no_text_at_all_gives_zeroes_not_errors(base: Path, extension: Path) -> None:
    rows = measure([open_subject(base), open_subject(extension)], {"none": []})
    assert [(row.documents, row.tokens, row.characters_per_token) for row in rows] == [(0, 0, 0.0), (0, 0, 0.0)]


def test_an_extension_without_its_json_is_known_by_the_base_size(base: Path, extension: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes((extension / "tokenizer.json").read_bytes())
    assert open_subject(tmp_path).first_new_id is None
    assert open_subject(tmp_path, base_size=1024).new_tokens == 512


def test_what_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no tokenizer\.json"):
        open_subject(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="not a tokenizer"):
        open_subject(tmp_path)


def test_intervals_hold_their_figures(base: Path, extension: Path, texts: list[str]) -> None:
    for row in measure([open_subject(base, name="base"), open_subject(extension, name="new")], {"zh": texts}):
        for value, interval in (
            (row.characters_per_token, row.characters_per_token_interval),
            (row.bytes_per_token, row.bytes_per_token_interval),
            (row.gain, row.gain_interval),
            (row.new_tokens_used, row.new_tokens_used_interval),
            (row.share_of_new, row.share_of_new_interval),
        ):
            assert (value is None) == (interval is None)
            if value is not None and interval is not None:
                assert interval[0] <= value <= interval[1]


def test_the_gain_is_over_the_first_and_paired(base: Path, extension: Path, texts: list[str]) -> None:
    first, second = measure([open_subject(base), open_subject(extension)], {"zh": texts})
    assert (first.gain, first.gain_interval) == (1.0, (1.0, 1.0))
    assert second.gain == pytest.approx(second.characters_per_token / first.characters_per_token)
    assert second.gain_interval is not None
    assert second.gain_interval[0] > 1.1


def test_the_share_used_would_be_inside_its_interval_on_other_texts(
    base: Path, extension: Path, texts: list[str]
) -> None:
    halves = {"one": texts[::2], "other": texts[1::2]}
    rows = measure([open_subject(extension)], halves)
    one, other = rows[0], rows[1]
    assert one.new_tokens_used is not None
    assert other.new_tokens_used is not None
    assert one.new_tokens_used_interval is not None
    low, high = one.new_tokens_used_interval
    # Of two samples each is off by its own error: √2 of one's interval.
    assert abs(other.new_tokens_used - one.new_tokens_used) <= 2**0.5 * (high - low) / 2


def test_languages_add_up_to_the_files(base: Path, extension: Path, texts: list[str]) -> None:
    subjects = [open_subject(base, name="base"), open_subject(extension, name="new")]
    mixed = {"zh.jsonl": texts, "both.jsonl": [*texts[:10], *english_texts()]}
    rows = measure_with_languages(subjects, mixed)
    files = [row for row in rows if row.by == "file"]
    languages = [row for row in rows if row.by == "language"]
    assert files == measure(subjects, mixed)
    assert {row.texts for row in languages} >= {"zh-Hans", "latin"}
    for field in ("documents", "characters", "bytes", "tokens"):
        assert sum(getattr(row, field) for row in files) == sum(getattr(row, field) for row in languages)
    english = next(row for row in languages if row.texts == "latin" and row.tokenizer == "new")
    assert english.gain == 1.0
    assert english.new_tokens_used == 0.0


def test_one_document_has_no_interval(base: Path, texts: list[str]) -> None:
    (row,) = measure([open_subject(base)], {"zh": texts[:1]})
    assert row.characters_per_token_interval is None
    assert row.gain == 1.0


def test_json_says_everything(base: Path, extension: Path, texts: list[str]) -> None:
    row = measure([open_subject(extension)], {"zh": texts})[0].as_json()
    assert set(row) == {
        "tokenizer",
        "texts",
        "by",
        "documents",
        "characters",
        "bytes",
        "tokens",
        "gain",
        "new_tokens_used",
        "share_of_new",
        "characters_per_token",
        "bytes_per_token",
        *(f"{name}_interval" for name in ("characters_per_token", "bytes_per_token", "gain")),
        *(f"{name}_interval" for name in ("new_tokens_used", "share_of_new")),
    }
