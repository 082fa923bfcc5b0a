"""Tokenizers that are no byte-level BPE are refused in one sentence; what training left in a file changes nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models

from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.bits import bytes_to_token
from hanhua.errors import InputError
from hanhua.vocab_extension.extend import extended
from hanhua.vocab_extension.measuring.measure import measure, open_subject
from hanhua.vocab_extension.pretokenizer import missing_bytes
from hanhua.vocab_extension.proof.verify import verify_extension
from hanhua.vocab_extension.tokenizer_json import BYTES_OF_HAN, BpeFile, read_bpe_file, saved_limits, say_limits
from hanhua.zh_text.scripts import is_han

KINDS: dict[str, tuple[Callable[[], Any], str]] = {
    "unigram": (lambda: models.Unigram([("<unk>", 0.0), ("▁a", -1.0)], 0), "a Unigram model, where byte-level BPE"),
    "wordpiece": (lambda: models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"), "a WordPiece model, where"),
    "wordlevel": (lambda: models.WordLevel({"a": 0}, unk_token="a"), "a WordLevel model, where"),
    "byte_fallback": (
        lambda: models.BPE({"<0x41>": 0, "▁a": 1}, [], byte_fallback=True),
        "SentencePiece's BPE .byte_f",
    ),
    "sentencepiece": (lambda: models.BPE({"▁": 0, "a": 1}, []), "SentencePiece's BPE .the character '▁' is not"),
    "characters": (lambda: models.BPE({"你": 0}, []), "not byte-level BPE .the character '你' is not"),
    "suffix": (lambda: models.BPE({"a</w>": 0}, [], end_of_word_suffix="</w>"), "uses end_of_word_suffix"),
    "ascii": (lambda: models.BPE({chr(c): c for c in range(0x21, 0x7F)}, []), "cannot spell Chinese in bytes .* 0x80"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_byte_level_bpe_is_named(kind: str, tmp_path: Path) -> None:
    make, message = KINDS[kind]
    Tokenizer(make()).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(InputError, match=message) as raised:
        read_bpe_file(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_folder_with_a_sentencepiece_model_alone(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(b"x")
    with pytest.raises(InputError, match=r"no tokenizer\.json in this folder, only a tokenizer\.model \(SentencePiece"):
        resolve_base_tokenizer(str(tmp_path))


def test_the_bytes_of_han_are_those_that_spell_it() -> None:
    used = {byte for code in range(0x3000, 0x32000) if is_han(chr(code)) for byte in chr(code).encode()}
    assert used == set(BYTES_OF_HAN)


def test_a_base_may_lack_other_bytes(base: Path, base_file: BpeFile, tmp_path: Path) -> None:
    """With control characters and impossible bytes left out, as SmolLM2 does, an extension is proved as before."""
    lacking = {0x04, 0x1B, 0xC0, 0xF1, 0xFF}
    names = {bytes_to_token(bytes([byte])) for byte in lacking}
    data = json.loads(base_file.place.read_text(encoding="utf-8"))
    used = {token for token in data["model"]["vocab"] if not names.isdisjoint(token)}
    assert used == names
    for order, name in enumerate(sorted(names)):
        data["model"]["vocab"][f"A{'B' * order}"] = data["model"]["vocab"].pop(name)  # so that no id is free
    for folder in ("base", "zh"):
        shutil.copytree(base, tmp_path / folder)
    (tmp_path / "base" / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    file = read_bpe_file(tmp_path / "base")
    assert missing_bytes(file) == lacking
    new = extended(file, [text.encode() for text in ("龘", "龘龘")])
    (tmp_path / "zh" / "tokenizer.json").write_text(json.dumps(new.data), encoding="utf-8")
    checks = {check.name: check.problems for check in verify_extension(tmp_path / "zh", base=tmp_path / "base")}
    assert {name: checks[name] for name in ("alphabet", "unchanged", "round_trip")} == {
        "alphabet": (),
        "unchanged": (),
        "round_trip": (),
    }


@pytest.mark.parametrize(
    "saved",
    [
        {"truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}},
        {
            "padding": {
                "strategy": {"Fixed": 64},
                "direction": "Right",
                "pad_to_multiple_of": None,
                "pad_id": 769,
                "pad_type_id": 0,
                "pad_token": "<|end_of_text|>",
            }
        },
    ],
    ids=["truncation", "padding"],
)
def test_truncation_and_padding_in_the_file_change_no_figure_are_named_and_not_handed_on(
    base: Path, texts: list[str], tmp_path: Path, saved: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(base, tmp_path / "saved")
    data = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
    (tmp_path / "saved" / "tokenizer.json").write_text(json.dumps({**data, **saved}), encoding="utf-8")
    subjects = [open_subject(base), open_subject(tmp_path / "saved")]
    plain, found = measure(subjects, {"zh": ["你好。", *texts[:20]]})
    assert found.tokens == plain.tokens
    say_limits(tmp_path / "saved")
    assert f"saved with {next(iter(saved))}: every text is" in capsys.readouterr().err
    new = extended(read_bpe_file(tmp_path / "saved"), ["龘".encode()])
    assert saved_limits(new.data) == []
    (tmp_path / "zh").mkdir()
    (tmp_path / "zh" / "tokenizer.json").write_text(json.dumps(new.data), encoding="utf-8")
    checks = verify_extension(tmp_path / "zh", base=tmp_path / "saved", structure_only=True)
    assert {"pipeline", "whole_texts"}.isdisjoint(check.name for check in checks if not check.holds)
