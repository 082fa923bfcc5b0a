"""What no corpus changes is made once for a base: the dictionary's words in both scripts, and their encodings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hanhua.vocab_extension.learning import kept_dictionary as kept_dictionary_module
from hanhua.vocab_extension.learning.count import UNIT
from hanhua.vocab_extension.learning.dictionary import Words
from hanhua.vocab_extension.learning.kept_dictionary import KeptDictionary, count_dictionary, kept_dictionary
from hanhua.vocab_extension.learning.string_encoding import (
    Encoded,
    KnownEncodings,
    completed,
    encode,
    open_encoding,
)
from hanhua.vocab_extension.learning.string_hashes import hashes_of
from hanhua.vocab_extension.tokenizer_json import BpeFile

LISTS = ["jieba", "deepseek"]


def few_words(lists: Sequence[str], *, scripts: str, base: BpeFile | None) -> Words:
    words = {
        word: ((number + 1, 7) if len(lists) == 2 else (number + 1,), False)
        for number, word in enumerate(("中国", "用户", "用户名", "互联网", "锅碗", "龘"))
    }
    return {**words, " 用户": (words["用户"][0], True)} if base is not None else words


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(kept_dictionary_module, "dictionary_words", few_words)
    return tmp_path / "cache" / "hanhua" / "dictionary"


def same(one: KeptDictionary, other: KeptDictionary) -> bool:
    pairs = [
        (one.frequency_LK, other.frequency_LK),
        (one.spaced_K, other.spaced_K),
        (one.known.hash_K, other.known.hash_K),
        *zip(vars(one.known.encoded).values(), vars(other.known.encoded).values(), strict=True),
    ]
    return one.strings.equals(other.strings) and all(np.array_equal(a, b) for a, b in pairs)


def test_it_is_made_once_and_comes_back_the_same(
    cache: Path, base_file: BpeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = kept_dictionary(base_file, LISTS, scripts="both", spaced=True)
    assert made.strings.to_pylist().count(" 用户") == 1 and made.spaced_K.sum() == 1
    (file,) = cache.glob("*.npz")
    with monkeypatch.context() as patch:
        patch.setattr(kept_dictionary_module, "dictionary_words", lambda *_, **__: pytest.fail("made again"))
        assert same(kept_dictionary(base_file, LISTS, scripts="both", spaced=True), made)
    kept_dictionary(base_file, LISTS, scripts="hans", spaced=True)
    kept_dictionary(base_file, LISTS, scripts="both", spaced=False)
    kept_dictionary(base_file, LISTS[:1], scripts="both", spaced=True)
    assert len(list(cache.glob("*.npz"))) == 4, "other scripts, no spaces and other lists are other files"
    file.write_bytes(file.read_bytes()[:500])
    assert same(kept_dictionary(base_file, LISTS, scripts="both", spaced=True), made), "a damaged one is made again"


def test_only_the_newest_are_kept(cache: Path, base_file: BpeFile, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(kept_dictionary_module.MOST_KEPT + 3):
        monkeypatch.setattr(kept_dictionary_module, "ALGORITHM", f"version-{number}")
        kept_dictionary(base_file, LISTS, scripts="as-is", spaced=False)
    assert len(list(cache.glob("*.npz"))) == kept_dictionary_module.MOST_KEPT


def test_known_encodings_are_those_that_would_be_made(base_file: BpeFile) -> None:
    state = open_encoding(base_file.place.parent)
    strings = ["，中国", "用户", "abc用户", "互联网", " 用户名", "锅碗", "「系统", "用户名称管理"]
    whole = encode(state, strings)
    order = np.argsort(hashes_of(strings))
    some = [strings[n] for n in order.tolist() if n % 2]
    known = KnownEncodings(hashes_of(some), encode(state, some))
    for chosen in (strings, strings[1::2], strings[::2], strings[::-1]):
        at_S = known.find(hashes_of(chosen))
        assert (at_S >= 0).tolist() == [string in some for string in chosen]
        others = encode(state, [string for string, at in zip(chosen, at_S, strict=True) if at < 0])
        found, wanted = completed(known, at_S, others), encode(state, chosen)
        for name in vars(wanted):
            assert np.array_equal(getattr(found, name), getattr(wanted, name)), name
    assert isinstance(whole, Encoded) and len(whole.lengths_S) == len(strings)


@pytest.mark.parametrize(("tokens", "share"), [([1, 2], 1.0), ([2, 2], 0.25)])
def test_a_list_of_the_base_s_own_tokens_leaves_its_share_to_the_others(
    tokens: list[int], share: float, tmp_path: Path
) -> None:
    """Lists of one word each: of a base's own vocabulary every word is one token, which no merge can make."""
    nothing = np.zeros(0, dtype=bool)
    encoded = Encoded(nothing.astype(np.int32), np.array(tokens, dtype=np.int32), nothing, nothing)
    known = KnownEncodings(np.array([3, 9], dtype=np.uint64), encoded)
    words = pa.array(["中国", "互联网"], type=pa.large_string())
    found = KeptDictionary(words, ("own", "other"), np.array([[5, 0], [0, 4]]), np.zeros(2, dtype=bool), known)
    path = tmp_path / "counts.arrow"
    count_dictionary(found, path, characters=1e6, weights={"own": 3, "other": 1}, spaced=1)
    counts = pa.ipc.open_file(path).read_all()["count"].to_numpy()
    assert counts[1] == pytest.approx(share * 1e6 * UNIT / 3, abs=1)
    assert counts[0] == (1 if share == 1 else pytest.approx(0.75e6 * UNIT / 2, abs=1))
