"""One encoding with the whole list tells how long the text is with any beginning of the list."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hanhua.encoding import Encoder
from hanhua.vocab_extension.extend import extended
from hanhua.vocab_extension.learned_list import read_learned
from hanhua.vocab_extension.measuring.document_counts import encode_flat
from hanhua.vocab_extension.measuring.size_curve import LastStep, SizeCurve, tokens_at_every_size
from hanhua.vocab_extension.tokenizer_json import BpeFile, load_tokenizer


def encoded(base: BpeFile, tokens: list[bytes], texts: list[str]) -> np.ndarray:
    file = extended(base, tokens) if tokens else base
    return encode_flat(Encoder(load_tokenizer(file.data)), texts)[0]


def test_tokens_taken_apart_are_the_encodings_of_every_size(
    base_file: BpeFile, extension: Path, texts: list[str]
) -> None:
    tokens = read_learned(extension, base_file)
    ids_T = encoded(base_file, tokens, texts)
    new_T = ids_T[ids_T >= base_file.size] - base_file.size
    found = tokens_at_every_size(base_file, tokens, np.bincount(new_T, minlength=len(tokens)), len(ids_T))
    for size in (0, 1, 2, 17, 100, 256, 400, len(tokens)):
        assert found[size] == len(encoded(base_file, tokens[:size], texts)), size


def test_a_token_of_more_than_two_pieces_is_taken_apart_into_all_of_them(base_file: BpeFile) -> None:
    # Nothing merges 用户名称 but the file's habit of taking a whole pre-token that is a token.
    token = "用户名称".encode()
    pieces = len(encoded(base_file, [], ["用户名称"]))
    assert pieces > 2
    assert tokens_at_every_size(base_file, [token], np.array([5]), 5).tolist() == [5 * pieces, 5]


@pytest.mark.parametrize(
    ("share", "found"),
    [(0.05, LastStep(1024, 0.04)), (0.03, LastStep(2048, 0.0)), (0.0, None), (0.11, LastStep(0, 0.1))],
)
def test_the_first_step_that_saves_too_little(share: float, found: LastStep | None) -> None:
    assert SizeCurve((0, 1024, 2048, 3072), (1000, 900, 864, 864)).first_below(share) == found
