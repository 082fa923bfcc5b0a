"""Sound extensions that other programs and people make, each written as a folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from shutil import copytree
from typing import Any

from small_llama import chinese_texts, english_texts
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from hanhua.bits import token_to_bytes

Data = dict[str, Any]


def from_counts(base: Path, counts: Iterable[tuple[str, str]]) -> Callable[[Data], None]:
    """Append merges of neighbors, each once, where both parts are there."""

    def write(data: Data) -> None:
        vocab, merges = data["model"]["vocab"], data["model"]["merges"]
        vocab |= {token["content"]: token["id"] for token in data["added_tokens"]}
        for a, b in counts:
            if a in vocab and b in vocab and a + b not in vocab:
                vocab[a + b] = max(vocab.values()) + 1
                merges.append([a, b])

    return write


def frequent_pairs(base: Path, *, rounds: int) -> list[tuple[str, str]]:
    """Return the merges of a plain continued BPE: the most frequent pair of base tokens, again and again."""
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    known = set(tokenizer.get_vocab())
    words = Counter(
        tuple(tokenizer.encode(token_to_bytes(piece).decode(), add_special_tokens=False).tokens)
        for text in (*chinese_texts()[:20], *english_texts()[:10])
        for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)
    )
    merges: list[tuple[str, str]] = []
    for _ in range(rounds):
        pairs = Counter[tuple[str, str]]()
        for word, times in words.items():
            for pair in pairwise(word):
                pairs[pair] += times
        best = next(pair for pair, _ in pairs.most_common() if "".join(pair) not in known)
        known.add("".join(best))
        merges.append(best)
        words = Counter({_joined(word, best): times for word, times in words.items()})
    return merges


def _joined(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out: list[str] = []
    for token in word:
        if out and (out[-1], token) == pair:
            out[-1] += token
        else:
            out.append(token)
    return tuple(out)


def continued_training(base: Path, out: Path) -> Path:
    """A continued BPE without any care for Han: marks, line ends and parts of characters become tokens as well."""
    return written(base, out, from_counts(base, frequent_pairs(base, rounds=40)))


def words_as_merges(base: Path, out: Path) -> Path:
    """As Qwen's words put into another vocabulary: for each word, merges from the left over its base tokens."""
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    chains = []
    for word in ("人工智能", "数据", "语言模型", "中华人民共和国"):
        parts = tokenizer.encode(word, add_special_tokens=False).tokens
        chains += [("".join(parts[:at]), parts[at]) for at in range(1, len(parts))]
    return written(base, out, from_counts(base, chains))


def english_domain(base: Path, out: Path) -> Path:
    """Words of a field in English, none with Han."""
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    chains = []
    for word in (" myocarditis", " angiotensin", " cytokine"):
        parts = tokenizer.encode(word, add_special_tokens=False).tokens
        chains += [("".join(parts[:at]), parts[at]) for at in range(1, len(parts))]
    return written(base, out, from_counts(base, chains))


def saved_by_transformers(base: Path, out: Path) -> Path:
    """Words as merges, loaded and saved by transformers: settings and the order of keys are its own."""
    made = words_as_merges(base, out.with_name(out.name + "-first"))
    AutoTokenizer.from_pretrained(made).save_pretrained(out)
    return out


def chat_tokens(base: Path, out: Path) -> Path:
    """Two special tokens of ChatML behind the others, and no other token."""

    def write(data: Data) -> None:
        vocab = data["model"]["vocab"]
        for content in ("<|im_start|>", "<|im_end|>"):
            last = max(*vocab.values(), *(token["id"] for token in data["added_tokens"]))
            flags = {**data["added_tokens"][0], "id": last + 1, "content": content}
            data["added_tokens"].append(flags)

    return written(base, out, write)


def old_form_of_merges(base: Path, out: Path) -> Path:
    """Merges as strings, as tokenizers before 0.20 wrote them."""
    made = words_as_merges(base, out)
    data = json.loads((made / "tokenizer.json").read_text(encoding="utf-8"))
    data["model"]["merges"] = [" ".join(merge) for merge in data["model"]["merges"]]
    (made / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    return made


def bpe_continue(base: Path, out: Path) -> Path:
    """What the package bpe-continue makes; ImportError without it."""
    from bpe_continue import continue_training

    made = continue_training(
        Tokenizer.from_file(str(base / "tokenizer.json")), texts=chinese_texts(), vocab_size=1024 + 200
    )
    copytree(base, out, dirs_exist_ok=True)
    made.save(str(out / "tokenizer.json"))
    return out


def written(base: Path, out: Path, change: Callable[[Data], None]) -> Path:
    copytree(base, out, dirs_exist_ok=True)
    data = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
    change(data)
    (out / "tokenizer.json").write_text(json.dumps(data), encoding="utf-8")
    return out


FOREIGN: dict[str, Callable[[Path, Path], Path]] = {
    "continued training": continued_training,
    "words as merges": words_as_merges,
    "English domain": english_domain,
    "saved by transformers": saved_by_transformers,
    "ChatML": chat_tokens,
    "old form of merges": old_form_of_merges,
    "bpe-continue": bpe_continue,
}
ONLY_HAN = {"words as merges", "old form of merges", "saved by transformers"}
