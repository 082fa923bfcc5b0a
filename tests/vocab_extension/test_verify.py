"""Breaks an extension in the ways people break them; verify must name each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from hanhua.errors import InputError, InvariantError
from hanhua.vocab_extension.verify import failure_lines, raise_if_broken, verify_extension

Data = dict[str, Any]


def special_ids_moved(data: Data) -> None:
    """New entries in model.vocab only: the usual first try."""
    special = {token["content"] for token in data["added_tokens"]}
    data["model"]["vocab"] = {t: i for t, i in data["model"]["vocab"].items() if t not in special}


def added_flat(data: Data) -> None:
    """What `add_tokens` writes."""
    data["added_tokens"].append(
        {
            "id": max(data["model"]["vocab"].values()) + 1,
            "content": "汉化",
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": True,
            "special": False,
        }
    )


def merges_reordered(data: Data) -> None:
    """New merges before the base's, as after training on both together."""
    merges = data["model"]["merges"]
    data["model"]["merges"] = merges[-5:] + merges[:-5]


def hole_in_ids(data: Data) -> None:
    last = max(data["model"]["vocab"], key=lambda token: data["model"]["vocab"][token])
    data["model"]["vocab"][last] += 10


def merge_over_kana(data: Data) -> None:
    """A merge over E3 82, the first two bytes of half of all katakana."""
    vocab, merges = data["model"]["vocab"], data["model"]["merges"]
    left, right = next(
        (a, b) for a in ("ã", "ãģ") for b in ("Ĥ", "Ĥļ") if a in vocab and b in vocab and a + b not in vocab
    )
    vocab[left + right] = max(vocab.values()) + 1
    merges.append([left, right])


def english_merge(data: Data) -> None:
    vocab, merges = data["model"]["vocab"], data["model"]["merges"]
    left, right = next((a, b) for a in ("q", "z", "x") for b in ("q", "z", "k") if a + b not in vocab)
    vocab[left + right] = max(vocab.values()) + 1
    merges.append([left, right])


def normaliser_added(data: Data) -> None:
    data["normalizer"] = {"type": "NFKC"}


def unreachable_token(data: Data) -> None:
    """A token that only `ignore_merges` keeps alive, as after appending a vocabulary trained apart."""
    last = max(data["model"]["vocab"], key=lambda token: data["model"]["vocab"][token])
    data["model"]["merges"] = [m for m in data["model"]["merges"] if "".join(m) != last]


def ignore_merges_off(data: Data) -> None:
    data["model"]["ignore_merges"] = False


def base_token_renamed(data: Data) -> None:
    vocab = data["model"]["vocab"]
    vocab["a"], vocab["b"] = vocab["b"], vocab["a"]


def pre_tokenizer_changed(data: Data) -> None:
    data["pre_tokenizer"]["pretokenizers"].insert(0, {"type": "Digits", "individual_digits": True})


def special_token_dropped(data: Data) -> None:
    data["added_tokens"] = data["added_tokens"][1:]


@pytest.mark.parametrize(
    ("breaks", "check", "words"),
    [
        (special_ids_moved, "special_tokens", "<|begin_of_text|>: loads as id"),
        (added_flat, "added_tokens", "'汉化' (id 1536) is an added token (add_tokens)"),
        (merges_reordered, "base_merges", "merge 0:"),
        (hole_in_ids, "ids", "id 1535 has no token"),
        (merge_over_kana, "new_merges", "is part of a character"),
        (english_merge, "new_merges", "has no Han character"),
        (normaliser_added, "pipeline", "normalizer: none in the base, NFKC in the extension"),
        (unreachable_token, "reachability", "merges stop at"),
        (ignore_merges_off, "pipeline", "model.ignore_merges: True in the base, False"),
        (base_token_renamed, "base_tokens", "'a': id"),
        (pre_tokenizer_changed, "pipeline", "pre_tokenizer: Sequence(Split, ByteLevel)"),
        (special_token_dropped, "special_tokens", "<|begin_of_text|>: special in the base"),
    ],
)
def test_what_is_broken_is_named(
    base: Path, extension: Path, tmp_path: Path, breaks: Callable[[Data], None], check: str, words: str
) -> None:
    broken = tmp_path / "broken"
    copytree(extension, broken)
    data = json.loads((broken / "tokenizer.json").read_text(encoding="utf-8"))
    breaks(data)
    (broken / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    checks = {found.name: found for found in verify_extension(broken, base=base, structure_only=True)}
    assert not checks[check].holds
    assert any(words in problem for problem in checks[check].problems), checks[check].problems
    with pytest.raises(InvariantError, match=check):
        raise_if_broken(checks.values())


def test_ours_holds(base: Path, extension: Path, texts: list[str]) -> None:
    checks = verify_extension(extension, base=base, texts={"zh": texts[:20]})
    assert failure_lines(checks) == []
    assert set(raise_if_broken(checks).values()) == {"ok"}


def test_the_real_llama3_extended_holds(llama3: Path, llama3_extension: Path) -> None:
    assert failure_lines(verify_extension(llama3_extension, base=llama3)) == []


def test_an_extension_of_another_base_is_broken(base: Path, extension: Path) -> None:
    checks = verify_extension(base, base=extension, structure_only=True)
    assert {"base_tokens", "base_merges"} <= {check.name for check in checks if not check.holds}


def test_the_base_itself_is_no_extension(base: Path) -> None:
    checks = {check.name: check for check in verify_extension(base, base=base, structure_only=True)}
    assert checks["new_tokens"].problems == ("there is no new token",)
    assert all(check.holds for name, check in checks.items() if name != "new_tokens")


def test_changed_settings_are_named(base: Path, extension: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    copytree(extension, broken)
    (broken / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    said = json.loads((broken / "extension.json").read_text(encoding="utf-8"))
    (broken / "extension.json").write_text(json.dumps({**said, "first_new_id": 1000}), encoding="utf-8")
    settings = {check.name: check for check in verify_extension(broken, base=base)}["settings"]
    assert settings.number == 2


def test_a_folder_without_a_tokenizer_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tokenizer\.json: no such file"):
        verify_extension(tmp_path, base=base)
