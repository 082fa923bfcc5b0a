from pathlib import Path

import pytest
from small_llama import english_texts
from tokenizers import Tokenizer

from hanhua.errors import InputError
from hanhua.vocab_extension.measure import measure, open_subject


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
