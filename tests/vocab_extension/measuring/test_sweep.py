import json
from pathlib import Path

import pytest
from small_llama import english_texts
from tokenizers import Tokenizer

from hanhua.errors import InputError
from hanhua.vocab_extension.learned_list import read_learned, write_prefix
from hanhua.vocab_extension.measuring.measure import measure, open_subject
from hanhua.vocab_extension.measuring.model_shape import SHAPES
from hanhua.vocab_extension.measuring.sweep import Sweep, sizes_to_sweep, sweep
from hanhua.vocab_extension.measuring.times_seen import Budget
from hanhua.vocab_extension.proof.verify import verify_extension
from hanhua.vocab_extension.tokenizer_json import BpeFile

SIZES = (0, 256, 512)


@pytest.fixture(scope="module")
def tokens(extension: Path, base_file: BpeFile) -> list[bytes]:
    return read_learned(extension, base_file)


@pytest.fixture(scope="module")
def swept(base_file: BpeFile, tokens: list[bytes], texts: list[str]) -> Sweep:
    return sweep(
        base_file,
        tokens,
        SIZES,
        {"zh": texts, "en": english_texts()},
        sample_of=texts,
        budget=Budget(megabytes=20),
        min_seen=1000,
        shape=SHAPES["8b"],
    )


def test_size_0_is_the_base_and_the_last_the_extension(
    swept: Sweep, base: Path, extension: Path, texts: list[str]
) -> None:
    subjects = [open_subject(base, name="base"), open_subject(extension, name="new")]
    rows = measure(subjects, {"zh": texts, "en": english_texts()})
    for row, names in ((swept.rows[0], "base"), (swept.rows[-1], "new")):
        mine = [measured for measured in rows if measured.tokenizer == names]
        assert row.by_file == {measured.texts: measured.characters_per_token for measured in mine}
        assert row.characters_per_token == sum(m.characters for m in mine) / sum(m.tokens for m in mine)
    first = swept.rows[0]
    assert (first.new_tokens, first.gain, first.tokens_saved, first.step_gain_per_1000) == (0, 1.0, 0.0, 0.0)
    assert (first.costs.parameters_added, first.times_seen) == (0, None)


def test_on_the_text_it_was_learned_from_more_tokens_are_always_better(swept: Sweep) -> None:
    for before, row in zip(swept.rows, swept.rows[1:], strict=False):
        assert row.gain > before.gain
        assert row.step_gain_per_1000 > 0
        assert row.tokens_to_train < before.tokens_to_train
        assert row.by_file["en"] == before.by_file["en"]
        assert row.boundaries_inside >= before.boundaries_inside


def test_a_prefix_is_encoded_as_its_own_folder_is(
    swept: Sweep, base: Path, base_file: BpeFile, extension: Path, texts: list[str], tmp_path: Path
) -> None:
    write_prefix(extension, base_file, 256, tmp_path)
    assert all(check.holds for check in verify_extension(tmp_path, base=base))
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    ids = [id_ for text in texts for id_ in tokenizer.encode(text, add_special_tokens=False).ids]
    assert swept.rows[1].by_file["zh"] == sum(map(len, texts)) / len(ids)
    head = json.loads((tmp_path / "extension.json").read_text(encoding="utf-8"))
    whole = json.loads((extension / "extension.json").read_text(encoding="utf-8"))
    assert (head["first_new_id"], head["new_tokens"], head["vocab_size"]) == (1024, 256, 1280)
    assert head["tokens"] == whole["tokens"][:256]
    seen = swept.rows[1].times_seen
    assert seen is not None
    never = sum(1 for id_ in range(1024, 1280) if id_ not in set(ids))
    assert seen.never_in_sample == never / 256


def test_intervals_hold_their_figures(swept: Sweep) -> None:
    for row in swept.rows:
        assert row.characters_per_token_interval is not None
        assert row.gain_interval is not None
        assert row.step_gain_per_1000_interval is not None
        for value, (low, high) in (
            (row.characters_per_token, row.characters_per_token_interval),
            (row.gain, row.gain_interval),
            (row.step_gain_per_1000, row.step_gain_per_1000_interval),
        ):
            assert low <= value <= high


def test_the_same_sweep_twice_is_the_same(
    swept: Sweep, base_file: BpeFile, tokens: list[bytes], texts: list[str]
) -> None:
    again = sweep(
        base_file,
        tokens,
        SIZES,
        {"zh": texts, "en": english_texts()},
        sample_of=texts,
        budget=Budget(megabytes=20),
        min_seen=1000,
        shape=SHAPES["8b"],
    )
    assert again == swept


def test_counting_in_the_texts_themselves_needs_no_sample(
    base_file: BpeFile, tokens: list[bytes], texts: list[str]
) -> None:
    given = {"budget": Budget(tokens=1e6), "min_seen": 10, "shape": SHAPES["1b"]}
    own = sweep(base_file, tokens, SIZES, {"zh": texts}, sample_of=None, **given)
    assert own == sweep(base_file, tokens, SIZES, {"zh": texts}, sample_of=texts, **given)
    assert own.rows[0].tokens_to_train == pytest.approx(1e6)


@pytest.mark.parametrize(
    ("wanted", "learned", "sizes"),
    [
        ([8000, 4096], 16_384, (0, 4096, 7936)),
        ([255, 256, 300], 16_384, (0, 256)),
        ([20_000], 16_384, (0, 16_384)),
    ],
)
def test_sizes_keep_the_vocabulary_a_multiple_of_256(wanted: list[int], learned: int, sizes: tuple[int, ...]) -> None:
    assert sizes_to_sweep(wanted, base_size=128_256, learned=learned) == sizes


def test_sizes_too_small_to_be_one_are_refused() -> None:
    with pytest.raises(InputError, match="at least 256"):
        sizes_to_sweep([100], base_size=128_256, learned=16_384)


def test_no_text_is_refused(base_file: BpeFile, tokens: list[bytes]) -> None:
    with pytest.raises(InputError, match=r"no text to measure on in empty\.txt"):
        sweep(
            base_file,
            tokens,
            SIZES,
            {"empty.txt": []},
            sample_of=None,
            budget=Budget(megabytes=1),
            min_seen=1,
            shape=SHAPES["8b"],
        )


def test_what_does_not_extend_the_base_is_refused(base: Path, base_file: BpeFile, llama3: Path) -> None:
    with pytest.raises(InputError, match="no new tokens"):
        read_learned(base, base_file)
    with pytest.raises(InputError, match="no extension of"):
        read_learned(llama3, base_file)
