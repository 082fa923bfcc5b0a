from __future__ import annotations

import ast
import importlib.util
import json
import random
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tiktoken
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repository import ROOT
from small_llama import chinese_texts, english_texts
from tokenizers import Tokenizer

from hanhua.cli.entry import run_command
from hanhua.cli.vocab_extension import app
from hanhua.errors import InputError
from hanhua.vocab_extension.export.tiktoken_file import check_merges_by_rank, export_tiktoken
from hanhua.vocab_extension.extend import extended
from hanhua.vocab_extension.proof.samples import HAN_FREE, HAN_TEXTS, random_texts
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_bpe_file

PARTS = [b"\xe3\x93", "，".encode() + b"\xe3\x93"]


def loader_of(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("load_tokenizer", folder / "load_tokenizer.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, llama3_extension: Path) -> Path:
    out = tmp_path_factory.mktemp("tiktoken")
    export_tiktoken(llama3_extension, out)
    return out


@pytest.fixture(scope="module")
def encoding(written: Path) -> tiktoken.Encoding:
    found = loader_of(written).load()
    assert isinstance(found, tiktoken.Encoding)
    return found


@pytest.fixture(scope="module")
def tokenizer(llama3_extension: Path) -> Tokenizer:
    return Tokenizer.from_file(str(llama3_extension / "tokenizer.json"))


def assert_same(encoding: tiktoken.Encoding, tokenizer: Tokenizer, texts: Iterable[str]) -> None:
    for text in texts:
        ids = encoding.encode(text, allowed_special="all")
        assert ids == tokenizer.encode(text, add_special_tokens=False).ids, repr(text)
        assert encoding.decode(ids) == text


def test_base_ranks_and_special_ids_are_llama3s(written: Path, encoding: tiktoken.Encoding, llama3: Path) -> None:
    lines = (written / "tokenizer.model").read_text(encoding="ascii").splitlines()
    ranks = [int(line.split()[1]) for line in lines]
    assert ranks == [*range(128_000), *range(128_256, 128_768)]
    base = read_bpe_file(llama3)
    assert all(encoding.encode_single_token(base.bytes_of[id_]) == id_ for id_ in range(0, 128_000, 97))
    assert encoding.encode("<|begin_of_text|>", allowed_special="all") == [128_000]
    assert encoding.encode("<|eot_id|>", allowed_special="all") == [128_009]
    assert encoding.n_vocab == 128_768


def test_the_loader_is_short_and_needs_tiktoken_alone(written: Path) -> None:
    source = (written / "load_tokenizer.py").read_text(encoding="utf-8")
    imported = {
        name.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for name in node.names
    }
    assert imported == {"base64", "json", "tiktoken"}
    assert source.count("\n") <= 60
    assert "hanhua" not in source


def test_quickstart_texts_are_encoded_alike(encoding: tiktoken.Encoding, tokenizer: Tokenizer) -> None:
    assert_same(encoding, tokenizer, [*chinese_texts(), *english_texts(), *HAN_FREE, *HAN_TEXTS])


def test_code_is_encoded_alike(encoding: tiktoken.Encoding, tokenizer: Tokenizer) -> None:
    sources = sorted(ROOT.glob("vocab_extension/**/*.py"))
    assert_same(encoding, tokenizer, [path.read_text(encoding="utf-8") for path in sources])


def test_random_unicode_is_encoded_alike(encoding: tiktoken.Encoding, tokenizer: Tokenizer) -> None:
    assert_same(encoding, tokenizer, [*random_texts(2000, han=True), *random_texts(2000, han=False)])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_encoded_alike(encoding: tiktoken.Encoding, tokenizer: Tokenizer, text: str) -> None:
    assert_same(encoding, tokenizer, [text])


def test_repeated_parts_of_new_tokens_are_encoded_alike(encoding: tiktoken.Encoding, tokenizer: Tokenizer) -> None:
    random_ = random.Random(0)
    new = [tokenizer.decode([id_]).strip() for id_ in range(128_256, 128_768)]
    shuffled = (random_.choice(new) for _ in range(5000))
    assert_same(encoding, tokenizer, ("".join(random_.choices(text, k=random_.randint(2, 20))) for text in shuffled))


@pytest.mark.slow
def test_parts_of_characters_are_encoded_alike(llama3: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    shutil.copytree(llama3, folder)
    new = extended(read_bpe_file(llama3), [*PARTS, "㓀".encode()])
    (folder / "tokenizer.json").write_text(json.dumps(new.data), encoding="utf-8")
    export_tiktoken(folder, tmp_path / "out")
    encoding = loader_of(tmp_path / "out").load()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = [f"{mark}{chr(c)}x" for c in range(0x3480, 0x3540) for mark in ("", "，", " ", "㓀")]
    assert {128_256, 128_257, 128_258} <= {id_ for text in texts for id_ in encoding.encode(text)}
    assert_same(encoding, tokenizer, texts)


def _one_way_only(file: BpeFile) -> dict[str, Any]:
    """The new tokens with one merge each, as a trainer writes them."""
    seen: set[str] = set()
    base = len(file.merges) - 500
    kept = file.merges[:base]
    for left, right in file.merges[base:]:
        if left + right not in seen:
            kept.append((left, right))
        seen.add(left + right)
    return {"merges": [list(merge) for merge in kept]}


def _swapped(file: BpeFile) -> dict[str, Any]:
    merges = [list(merge) for merge in file.merges]
    merges[5], merges[-5] = merges[-5], merges[5]
    return {"merges": merges}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_one_way_only, "no merge joins them"),
        (_swapped, "not in the order of their products' ids"),
        (lambda file: {"ignore_merges": False}, "ignore_merges is off"),
    ],
)
def test_what_tiktoken_would_merge_otherwise_is_refused(llama3_extension: Path, change: Any, message: str) -> None:
    file = read_bpe_file(llama3_extension)
    model = {**file.data["model"], **change(file)}
    with pytest.raises(InputError, match=message):
        check_merges_by_rank(BpeFile(file.place, {**file.data, "model": model}))


def test_a_trained_base_is_refused(extension: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tiktoken"):
        export_tiktoken(extension, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_writes_a_folder(
    llama3_extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["vocab-extension", "export", str(llama3_extension), *map(str, words)])
        return run_command(app)

    out = tmp_path / "out"
    assert run("--format", "tiktoken", "--out", out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["tokens"] == 128_512
    assert sorted(path.name for path in out.iterdir()) == [
        "load_tokenizer.py",
        "special_tokens.json",
        "tokenizer.model",
    ]
    assert run("--format", "tiktoken", "--out", out) == 2
    assert "exists and is not empty" in capsys.readouterr().err
    assert run("--format", "tiktoken", "--dtype", "f16", "--out", tmp_path / "x") == 2
    assert run("--format", "onnx", "--out", tmp_path / "x") == 2
