from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from hanhua.errors import MissingExtra
from hanhua.vocab_extension.proof.llama_cpp_parity import compare, differences


def test_a_difference_is_told_with_its_place(base: Path, extension: Path) -> None:
    before, after = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (base, extension))

    def encode(text: str) -> list[int]:
        return list(before.encode(text, add_special_tokens=False).ids)

    told = list(compare(encode, after, ["Plain English.", "Yes: 我们的", "no"]))
    assert len(told) == 1
    assert told[0].startswith("'Yes: 我们的': from token ")
    assert list(compare(encode, before, ["Yes: 我们的"])) == []


@pytest.mark.parametrize(("module", "extra"), [("gguf", "export"), ("llama_cpp", "llama-cpp")])
def test_what_is_not_installed_is_named(
    extension: Path, monkeypatch: pytest.MonkeyPatch, module: str, extra: str
) -> None:
    if module == "llama_cpp":
        pytest.importorskip("gguf")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"\[{extra}\]"):
        next(differences(extension, []))
