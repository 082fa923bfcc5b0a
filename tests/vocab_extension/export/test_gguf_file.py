from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gguf")

from gguf import GGUFReader
from small_llama import CHAT_TEMPLATE

from hanhua.bits import bytes_to_token, token_to_bytes
from hanhua.cli.entry import run_command
from hanhua.cli.vocab_extension import app
from hanhua.errors import InputError, MissingExtra, UsageError
from hanhua.vocab_extension.export.gguf_file import export_gguf
from hanhua.vocab_extension.extend import extended
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_bpe_file

NORMAL, CONTROL, USER_DEFINED = 1, 3, 4
GPT2_STEP = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def fields_of(path: Path) -> dict[str, Any]:
    return {name: field.contents() for name, field in GGUFReader(path).fields.items()}


def copy_of(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def edit(path: Path, **changes: Any) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**data, **changes}), encoding="utf-8")


def test_a_vocabulary_comes_back_whole(extension: Path, tmp_path: Path) -> None:
    done = export_gguf(extension, tmp_path / "zh.gguf")
    fields, bpe = fields_of(done.gguf), read_bpe_file(extension)
    tokens = fields["tokenizer.ggml.tokens"]
    assert {token: id_ for id_, token in enumerate(tokens)} == bpe.vocab
    assert fields["tokenizer.ggml.merges"] == [" ".join(merge) for merge in bpe.merges]
    special = {token["id"] for token in bpe.added}
    assert fields["tokenizer.ggml.token_type"] == [CONTROL if i in special else NORMAL for i in range(len(tokens))]
    assert fields["tokenizer.ggml.pre"] == "llama-bpe"
    assert fields["tokenizer.chat_template"] == CHAT_TEMPLATE
    assert (fields["tokenizer.ggml.bos_token_id"], fields["tokenizer.ggml.eos_token_id"]) == (768, 769)
    assert (fields["tokenizer.ggml.add_bos_token"], fields["tokenizer.ggml.add_eos_token"]) == (True, False)
    assert (done.tensors, done.modelfile) == (0, None)
    assert [path.name for path in tmp_path.iterdir()] == ["zh.gguf"]


def test_a_part_of_a_character_survives(base_file: BpeFile, base: Path, tmp_path: Path) -> None:
    folder = copy_of(base, tmp_path / "parts")
    new = extended(base_file, [b"\xe8\x9d", "，".encode() + b"\xe8\x9d", b"\xf0\xa0"])
    (folder / "tokenizer.json").write_text(json.dumps(new.data), encoding="utf-8")
    export_gguf(folder, tmp_path / "x.gguf")
    tokens = fields_of(tmp_path / "x.gguf")["tokenizer.ggml.tokens"]
    assert [token_to_bytes(token) for token in tokens[1024:]] == [b"\xe8\x9d", b"\xef\xbc\x8c\xe8\x9d", b"\xf0\xa0"]


def test_ends_of_generation_have_their_keys(extension: Path, tmp_path: Path) -> None:
    folder = copy_of(extension, tmp_path / "zh")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [769, 776, 777], "pad_token_id": 770}))
    export_gguf(folder, tmp_path / "a.gguf")
    fields = fields_of(tmp_path / "a.gguf")
    # 777 is <|eot_id|>; 776 has no name llama.cpp knows, and takes the key that is left.
    assert [fields[f"tokenizer.ggml.{kind}_token_id"] for kind in ("eos", "eot", "eom")] == [769, 777, 776]
    assert fields["tokenizer.ggml.padding_token_id"] == 770


def test_too_many_ends_are_named(extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy_of(extension, tmp_path / "zh")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [769, 776, 777, 780]}))
    export_gguf(folder, tmp_path / "a.gguf")
    assert "will not stop at <|reserved_special_token_7|>" in capsys.readouterr().err


def test_tokens_that_are_not_special_are_user_defined(extension: Path, tmp_path: Path) -> None:
    folder = copy_of(extension, tmp_path / "zh")
    added = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    added[5]["special"] = False
    edit(folder / "tokenizer.json", added_tokens=added)
    export_gguf(folder, tmp_path / "a.gguf")
    types = fields_of(tmp_path / "a.gguf")["tokenizer.ggml.token_type"]
    assert types[added[5]["id"]] == USER_DEFINED


def _without_bos(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("{}")


def _eos_beyond(folder: Path) -> None:
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 9999}))


def _normalized(folder: Path) -> None:
    edit(folder / "tokenizer.json", normalizer={"type": "NFKC"})


def _other_pattern(folder: Path) -> None:
    data = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    data["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": r"\w+"}
    edit(folder / "tokenizer.json", **data)


def _other_step(folder: Path) -> None:
    steps = [{"type": "Whitespace"}, {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}]
    edit(folder / "tokenizer.json", pre_tokenizer={"type": "Sequence", "pretokenizers": steps})


def _whole_word_without_merges(folder: Path) -> None:
    """A token that only `ignore_merges` reaches, behind a pattern whose pre-tokenizer merges all."""
    data = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    data["model"]["vocab"][bytes_to_token("龘龘".encode())] = 1536
    edit(folder / "tokenizer.json", pre_tokenizer=GPT2_STEP, model=data["model"])


def _hole(folder: Path) -> None:
    data = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    data["model"]["vocab"][bytes_to_token("汉汉".encode())] = 1600
    edit(folder / "tokenizer.json", model=data["model"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without_bos, "no bos and eos token is named"),
        (_eos_beyond, "name the id 9,999"),
        (_normalized, r"has a normalizer \(NFKC\)"),
        (_other_pattern, "llama.cpp has no pre-tokenizer for"),
        (_other_step, "Whitespace is another step"),
        (_whole_word_without_merges, "ignore_merges is on, and llama.cpp's gpt-2 does otherwise; .* 1 tokens"),
        (_hole, "64 ids below 1,601 have no token, the first 1,536"),
    ],
)
def test_what_llama_cpp_would_read_otherwise_is_refused(
    extension: Path, tmp_path: Path, change: Any, message: str
) -> None:
    folder = copy_of(extension, tmp_path / "zh")
    change(folder)
    with pytest.raises(InputError, match=message):
        export_gguf(folder, tmp_path / "x.gguf")
    assert [path.name for path in tmp_path.iterdir()] == ["zh"]


def _as_dbrx(data: dict[str, Any]) -> None:
    data["model"]["ignore_merges"] = False


def _as_gpt2(data: dict[str, Any]) -> None:
    data["pre_tokenizer"] = GPT2_STEP


def _as_smollm(data: dict[str, Any]) -> None:
    data["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [{"type": "Digits", "individual_digits": True}, GPT2_STEP],
    }
    data["normalizer"] = {"type": "Sequence", "normalizers": []}


@pytest.mark.parametrize(("change", "name"), [(_as_dbrx, "dbrx"), (_as_gpt2, "gpt-2"), (_as_smollm, "smollm")])
def test_llama_cpps_own_name_is_written(extension: Path, tmp_path: Path, change: Any, name: str) -> None:
    folder = copy_of(extension, tmp_path / "zh")
    data = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    change(data)
    edit(folder / "tokenizer.json", **data)
    export_gguf(folder, tmp_path / "x.gguf")
    assert fields_of(tmp_path / "x.gguf")["tokenizer.ggml.pre"] == name


def test_nfc_is_let_pass_with_a_warning(extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy_of(extension, tmp_path / "zh")
    edit(folder / "tokenizer.json", normalizer={"type": "NFC"})
    export_gguf(folder, tmp_path / "x.gguf")
    assert "llama.cpp does not normalize" in capsys.readouterr().err


def test_nothing_is_overwritten(extension: Path, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_text("a thesis")
    with pytest.raises(InputError, match="exists already"):
        export_gguf(extension, tmp_path / "x.gguf")
    with pytest.raises(UsageError, match=r"call it x\.gguf"):
        export_gguf(extension, tmp_path / "x")
    with pytest.raises(InputError, match="no such folder"):
        export_gguf(extension, tmp_path / "nowhere" / "x.gguf")
    assert (tmp_path / "x.gguf").read_text() == "a thesis"


def test_without_gguf_the_extra_is_named(extension: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(MissingExtra, match=r"\[export\]"):
        export_gguf(extension, tmp_path / "x.gguf")


def test_a_real_extension_keeps_llama3s_ids(llama3_extension: Path, tmp_path: Path) -> None:
    done = export_gguf(llama3_extension, tmp_path / "llama3-zh.gguf")
    assert (done.tokens, done.merges > 280_147) == (128_768, True)
    data = done.gguf.read_bytes()
    # Reading all 400,000 strings takes gguf half a minute: the list of tokens alone, by its layout.
    at = data.index(b"tokenizer.ggml.tokens") + len("tokenizer.ggml.tokens") + 4 + 4
    found = []
    number, at = int.from_bytes(data[at : at + 8], "little"), at + 8
    for _ in range(number):
        length = int.from_bytes(data[at : at + 8], "little")
        found.append(data[at + 8 : at + 8 + length].decode())
        at += 8 + length
    vocab = read_bpe_file(llama3_extension).vocab
    assert {token: id_ for id_, token in enumerate(found)} == vocab
    assert found[128_000] == "<|begin_of_text|>"


def test_the_command_prints_what_was_written(
    extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["vocab-extension", "export", *map(str, words)])
        return run_command(app)

    assert run(extension, "--format", "gguf", "--out", tmp_path / "x.gguf", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["tokens"], facts["tensors"], facts["modelfile"]) == (1536, 0, None)
    assert facts["size_bytes"] == (tmp_path / "x.gguf").stat().st_size
    assert run(extension, "--format", "gguf", "--out", tmp_path / "y.gguf") == 0
    assert "1,536 tokens" in capsys.readouterr().out
    assert run(extension, "--format", "gguf", "--out", tmp_path / "y.gguf") == 2
    assert np.array_equal(np.fromfile(tmp_path / "x.gguf", np.uint8), np.fromfile(tmp_path / "y.gguf", np.uint8))
