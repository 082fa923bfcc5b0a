import json
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from transformers import AutoTokenizer

from hanhua.vocab_extension.proof.auto_tokenizer import _differences, _read, answers, ask
from hanhua.vocab_extension.proof.verify import verify_extension

TEXTS = ["汉化：让它用更少的词元读中文。", "plain English, 1 2 3", ""]
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>"]


def rewritten(extension: Path, out: Path, **settings: Any) -> Path:
    copytree(extension, out)
    place = out / "tokenizer_config.json"
    place.write_text(json.dumps(json.loads(place.read_text(encoding="utf-8")) | settings), encoding="utf-8")
    return out


def test_a_process_without_torch_says_the_same(
    extension: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = answers(extension, TEXTS, SPECIAL)
    assert here.again is None and here.changes == [], "a sound one is shown without loading its merges again"
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert ask(extension, TEXTS, SPECIAL) == here
    folder = rewritten(extension, tmp_path / "no-json")
    (folder / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"JSON|json|expected"):
        ask(folder, TEXTS, SPECIAL)


def test_what_saving_changes_is_loaded_whole_and_named(base: Path, extension: Path, tmp_path: Path) -> None:
    # Special by the settings alone: loading adds it, so what is saved is another file.
    broken = rewritten(extension, tmp_path / "added", bos_token="<|nowhere|>")
    found = answers(broken, TEXTS, SPECIAL)
    assert found.again is not None and found.again.vocab is not None
    assert "<|nowhere|>" in found.again.vocab
    checks = {check.name: check for check in verify_extension(broken, base=base)}
    assert "another vocabulary" in " ".join(checks["transformers_parity"].problems)


@pytest.mark.parametrize("part", ["post_processor", "pre_tokenizer", "decoder", "added_tokens", "vocab"])
def test_a_load_that_holds_something_else_than_the_file_is_named(extension: Path, part: str, tmp_path: Path) -> None:
    file = _read(extension / "tokenizer.json")
    file["model"]["merges"] = []
    copytree(extension, tmp_path / "small")
    (tmp_path / "small/tokenizer.json").write_text(json.dumps(file), encoding="utf-8")
    again = AutoTokenizer.from_pretrained(tmp_path / "small")
    assert list(_differences(again, file, TEXTS)) == []
    if part == "vocab":
        a, b = list(file["model"]["vocab"])[:2]
        ids = file["model"]["vocab"]
        file["model"]["vocab"] = ids | {a: ids[b], b: ids[a]}
    else:
        file[part] = file[part][1:] if part == "added_tokens" else None
    name = "model.vocab" if part == "vocab" else part
    assert list(_differences(again, file, TEXTS)) == [f"after save and load {name} is another"]


def test_a_text_that_does_not_pass_as_it_is_is_named(extension: Path) -> None:
    file = _read(extension / "tokenizer.json")
    corrupts = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"
    again = AutoTokenizer.from_pretrained(extension, **{"clean_up_tokenization_spaces": True, corrupts: True})
    assert list(_differences(again, file, TEXTS)) == []
    assert list(_differences(again, file, ["a , b 中文 ."])) == [
        "after save and load 'a , b 中文 .' does not pass as it is"
    ]
