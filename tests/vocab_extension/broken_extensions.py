"""The ways in which people break an extension, each done to the data of a sound tokenizer.json."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

from small_llama import chinese_texts
from tokenizers import Tokenizer, trainers

from hanhua.bits import bytes_to_token

Data = dict[str, Any]
Breaks = Callable[[Data], None]


def special_ids_moved(data: Data) -> None:
    """New entries in model.vocab only: the usual first try."""
    special = {token["content"] for token in data["added_tokens"]}
    data["model"]["vocab"] = {t: i for t, i in data["model"]["vocab"].items() if t not in special}


def added_flat(data: Data) -> None:
    """What `add_tokens` writes."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
    data["added_tokens"].append({"id": max(data["model"]["vocab"].values()) + 1, "content": "汉化", **flags})


def trained_apart(data: Data) -> None:
    """A second BPE trained on Chinese, its new tokens and merges appended: many of them no merge ever reaches."""
    other = Tokenizer.from_str(json.dumps(data))
    trainer = trainers.BpeTrainer(vocab_size=1200, show_progress=False)
    other.train_from_iterator(chinese_texts(), trainer=trainer)
    trained = json.loads(other.to_str())["model"]
    vocab, merges = data["model"]["vocab"], data["model"]["merges"]
    for left, right in trained["merges"]:
        if left + right not in vocab:
            vocab[left + right] = max(vocab.values()) + 1
            merges.append([left, right])


def merges_reordered(data: Data) -> None:
    """New merges before the base's, as after training on both together."""
    merges = data["model"]["merges"]
    data["model"]["merges"] = merges[-5:] + merges[:-5]


def base_merges_swapped(data: Data) -> None:
    merges = data["model"]["merges"]
    merges[0], merges[1] = merges[1], merges[0]


def base_merge_repeated(data: Data) -> None:
    """The loader keeps the last rank of a pair, so this one now comes after all others."""
    data["model"]["merges"].append(data["model"]["merges"][0])


def hole_in_ids(data: Data) -> None:
    vocab = data["model"]["vocab"]
    vocab[max(vocab, key=vocab.__getitem__)] += 10


def id_given_twice(data: Data) -> None:
    vocab = data["model"]["vocab"]
    last = max(vocab, key=vocab.__getitem__)
    vocab[last] -= 1


def _merge_over(data: Data, left: bytes, right: bytes) -> None:
    vocab = data["model"]["vocab"]
    a, b = bytes_to_token(left), bytes_to_token(right)
    assert a in vocab
    assert b in vocab
    assert a + b not in vocab
    vocab[a + b] = max(vocab.values()) + 1
    data["model"]["merges"].append([a, b])


def merge_over_kana(data: Data) -> None:
    """E3 82: the first two bytes of half of all kana."""
    _merge_over(data, b"\xe3", b"\x82")


def merge_over_emoji(data: Data) -> None:
    """F0 9F: the first two bytes of nearly all emoji."""
    _merge_over(data, b"\xf0", b"\x9f")


def merge_over_hexagrams(data: Data) -> None:
    """E4 B7: U+4DC0 to U+4DFF, between the blocks of Han characters."""
    _merge_over(data, b"\xe4", b"\xb7")


def merge_of_endings(data: Data) -> None:
    """9D B4: the end of 蝴, and of much else."""
    _merge_over(data, b"\x9d", b"\xb4")


def merge_of_two_beginnings(data: Data) -> None:
    """E4 E4 stands in no text."""
    _merge_over(data, b"\xe4", b"\xe4")


def merge_of_han_and_kana(data: Data) -> None:
    """我 E3 swallows the beginning of a kana."""
    _merge_over(data, "我".encode(), b"\xe3")


def english_merge(data: Data) -> None:
    vocab = data["model"]["vocab"]
    left, right = next((a, b) for a in b"qzx" for b in b"qzk" if chr(a) + chr(b) not in vocab)
    _merge_over(data, bytes([left]), bytes([right]))


def normalizer_added(data: Data) -> None:
    data["normalizer"] = {"type": "NFKC"}


def unreachable_token(data: Data) -> None:
    """A token that only `ignore_merges` keeps alive."""
    vocab = data["model"]["vocab"]
    last = max(vocab, key=vocab.__getitem__)
    data["model"]["merges"] = [m for m in data["model"]["merges"] if "".join(m) != last]


def token_as_plain_text(data: Data) -> None:
    """A new entry written as text, not spelled in bytes."""
    vocab = data["model"]["vocab"]
    vocab["汉化"] = max(vocab.values()) + 1


def ignore_merges_off(data: Data) -> None:
    data["model"]["ignore_merges"] = False


def base_tokens_swapped(data: Data) -> None:
    vocab = data["model"]["vocab"]
    vocab["a"], vocab["b"] = vocab["b"], vocab["a"]


def base_token_renamed(data: Data) -> None:
    vocab = data["model"]["vocab"]
    token = next(token for token in vocab if len(token) == 5)
    vocab["renamed"] = vocab.pop(token)


def pre_tokenizer_changed(data: Data) -> None:
    data["pre_tokenizer"]["pretokenizers"].insert(0, {"type": "Digits", "individual_digits": True})


def decoder_changed(data: Data) -> None:
    """What saving as another class can do: spaces are lost in decoding."""
    data["decoder"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}


def special_token_dropped(data: Data) -> None:
    data["added_tokens"] = data["added_tokens"][1:]


def special_token_stripping(data: Data) -> None:
    data["added_tokens"][0]["rstrip"] = True


# How it is broken, the check that names it, and words of what verify says.
BROKEN: tuple[tuple[Breaks, str, str], ...] = (
    (special_ids_moved, "special_tokens", "<|begin_of_text|>: not listed in model.vocab at its id 768"),
    (special_ids_moved, "loads", "<|begin_of_text|>: loads as id"),
    (added_flat, "added_tokens", "'汉化' (id 1536) is an added token (add_tokens)"),
    (trained_apart, "reachability", "merges stop at"),
    (trained_apart, "new_merges", "which has no Han character"),
    (merges_reordered, "base_merges", "merge 0:"),
    (base_merges_swapped, "base_merges", "merge 1:"),
    (base_merge_repeated, "new_merges", "is there twice"),
    (hole_in_ids, "ids", "id 1535 has no token"),
    (id_given_twice, "ids", "id 1534 is given to 2 tokens"),
    (merge_over_kana, "new_merges", "(E3 82 begins 'む' too)"),
    (merge_over_emoji, "new_merges", "(F0 9F begins '🀀' too)"),
    (merge_over_hexagrams, "new_merges", "(E4 B7 begins '䷀' too)"),
    (merge_of_endings, "new_merges", "9D B4 which begins inside a character"),
    (merge_of_two_beginnings, "new_merges", "E4 E4 which is not UTF-8 in any text"),
    (merge_of_han_and_kana, "new_merges", "'我' E3 which ends inside a character"),
    (english_merge, "new_merges", "has no Han character"),
    (normalizer_added, "pipeline", "normalizer: none in the base, NFKC in the extension"),
    (unreachable_token, "reachability", "merges stop at"),
    (token_as_plain_text, "new_tokens", "is not spelled in bytes"),
    (ignore_merges_off, "pipeline", "model.ignore_merges: True in the base, False"),
    (base_tokens_swapped, "base_tokens", "'a': id"),
    (base_token_renamed, "base_tokens", "missing in the extension"),
    (pre_tokenizer_changed, "pipeline", "pre_tokenizer: Sequence(Split, ByteLevel)"),
    (decoder_changed, "pipeline", "decoder: ByteLevel in the base, Metaspace in the extension"),
    (special_token_dropped, "special_tokens", "<|begin_of_text|>: special in the base"),
    (special_token_stripping, "special_tokens", "its flags differ"),
)


WAYS = tuple(dict.fromkeys(breaks for breaks, _, _ in BROKEN))


def write_broken(extension: Path, breaks: Breaks, out: Path) -> Path:
    """Copy an extension and break the copy."""
    copytree(extension, out)
    place = out / "tokenizer.json"
    data = json.loads(place.read_text(encoding="utf-8"))
    breaks(data)
    place.write_text(json.dumps(data), encoding="utf-8")
    return out
