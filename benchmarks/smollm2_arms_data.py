"""The texts of `smollm2_arms`, packed beforehand: token ids of every tokenizer, rows of its new tokens, sizes in text.

Set q is what the quickstart ships, split by the pipeline's own filter. Set e is large corpora: classics in modern
Chinese, laws and questions to train on, with English books and code as replay; parts of them by document, and forum
comments and TiDB's manual, which are never trained on, to measure.

Shape suffixes: D documents, T tokens.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hanhua.artifacts.files import read_json, write_json
from hanhua.continued_pretrain.pack import PackedCorpus, _encode, _Encoder, document_marks

MEASURED_SETS = {"q": ("zh", "en_replay", "chat_replay")}
NEW_TOKENS = {"q": (0, 128, 256, 512, 1024), "e": (0, 2048, 8192)}
CHAT = "chat_replay"
INITS = ("mean", "calibrated")
"""On SmolLM2, whose two matrices are one, `mean+calibrated` is `mean`: a tied matrix is an input."""


@dataclass(frozen=True)
class Text:
    """A document to be packed: of which corpus, and whether it spells out special tokens that are meant."""

    corpus: str
    text: str

    @property
    def row(self) -> tuple[str, str, bool]:
        """It as `pack` takes it."""
        return ("", self.text, self.corpus == CHAT)


@dataclass(frozen=True)
class Measured:
    """Documents to measure on: ids without marks, characters and UTF-8 bytes of each."""

    name: str
    ids: tuple[npt.NDArray[np.int64], ...]
    characters_D: npt.NDArray[np.int64]
    bytes_D: npt.NDArray[np.int64]

    def first(self, documents: int | None) -> Measured:
        """Return the same with at most so many documents, spread evenly."""
        if documents is None or documents >= len(self.ids):
            return self
        chosen = np.linspace(0, len(self.ids) - 1, documents).astype(int)
        return Measured(self.name, tuple(self.ids[i] for i in chosen), self.characters_D[chosen], self.bytes_D[chosen])


@dataclass(frozen=True)
class PackedSet:
    """One set under one tokenizer. train: by corpus. train_bytes: of each document, of set e alone."""

    name: str
    new_tokens: int
    first_new_id: int
    bos: int
    train: dict[str, PackedCorpus]
    train_bytes_D: npt.NDArray[np.int64]
    measured: dict[str, Measured]
    rows: dict[str, npt.NDArray[np.float32]]


def pack_set(
    name: str, train: Sequence[Text], measured: Sequence[Text], *, model: Path, tokenizer: Path, new: int, out: Path
) -> dict[str, Any]:
    """Write `NAME-NEW.npz` into `out`, and `NAME.json` with what no tokenizer changes; return sizes as plain data.

    Set q keeps a corpus each, to be mixed by weight; set e is one row of documents in the order given.
    """
    encoder = _Encoder(tokenizer, 0, 0.0, sum(len(text.text) for text in train))
    arrays: dict[str, npt.NDArray[Any]] = {}
    corpora = sorted({text.corpus for text in train}) if name == "q" else ["mixture"]
    for corpus in corpora:
        chosen = [text for text in train if name == "e" or text.corpus == corpus]
        ids, starts = _joined(_encode(encoder, [text.row for text in chosen]))
        arrays[f"train/{corpus}/ids"], arrays[f"train/{corpus}/starts"] = ids, starts
    for corpus in sorted({text.corpus for text in measured}):
        rows = _encode(encoder, [text.row for text in measured if text.corpus == corpus])
        ids, starts = _joined([row[1:-1] for row in rows])
        arrays[f"measured/{corpus}/ids"], arrays[f"measured/{corpus}/starts"] = ids, starts
    for init in INITS if new and new < 8192 else INITS[:1] if new else ():
        arrays[f"rows/{init}"] = new_rows(model, tokenizer, init).astype(np.float16)
    np.savez_compressed(out / f"{name}-{new}.npz", allow_pickle=False, **arrays)
    write_json(out / f"{name}.json", _sizes(name, train, measured, model))
    return {key: len(value) for key, value in arrays.items() if key.endswith("ids")}


def _sizes(name: str, train: Sequence[Text], measured: Sequence[Text], model: Path) -> dict[str, Any]:
    marks = document_marks(model)
    of_measured: dict[str, dict[str, list[int]]] = {}
    for text in measured:
        sizes = of_measured.setdefault(text.corpus, {"characters": [], "bytes": []})
        sizes["characters"].append(len(text.text))
        sizes["bytes"].append(len(text.text.encode()))
    train_bytes = [len(text.text.encode()) for text in train] if name == "e" else []
    first = int(read_json(model / "config.json")["vocab_size"])
    return {
        "bos": marks.bos,
        "eos": marks.eos,
        "first_new_id": first,
        "measured": of_measured,
        "train_bytes": train_bytes,
        "train_corpora": [text.corpus for text in train] if name == "e" else [],
    }


def _joined(rows: Sequence[npt.NDArray[np.uint32]]) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int32]]:
    """Return rows end to end, and where each starts and the last ends."""
    starts = np.cumsum([0, *(len(row) for row in rows)]).astype(np.int32)
    joined = np.concatenate([*rows, np.zeros(0, np.uint32)])
    if joined.max(initial=0) > np.iinfo(np.uint16).max:
        raise ValueError(f"a token id of {joined.max()} does not fit in 16 bits")
    return joined.astype(np.uint16), starts


def new_rows(model: Path, tokenizer: Path, method: str) -> npt.NDArray[np.float32]:
    """Return the rows that `resize` gives the new tokens of a tokenizer, where both matrices are one."""
    from hanhua.vocab_extension.resize.initialization import Methods, row_blocks
    from hanhua.vocab_extension.resize.pieces import plan_rows
    from hanhua.vocab_extension.resize.resize import examined_matrices
    from hanhua.vocab_extension.resize.weight_source import open_source
    from hanhua.vocab_extension.tokenizer_json import read_bpe_file

    source, bpe = open_source(model), read_bpe_file(tokenizer)
    (rows,) = examined_matrices(source, bpe, source.rows).values()
    plan = plan_rows(bpe, source.rows, bpe.size)
    blocks = row_blocks(
        Methods.parse(method).input, rows, plan, side="input", seed=0, initializer_range=source.initializer_range
    )
    return np.concatenate(list(blocks))


def load_set(folder: Path, name: str, new: int) -> PackedSet:
    """Read what `pack_set` wrote."""
    sizes, arrays = read_json(folder / f"{name}.json"), np.load(folder / f"{name}-{new}.npz")
    train, measured = {}, {}
    for key in arrays.files:
        if not key.endswith("/ids"):
            continue
        kind, corpus, _ = key.split("/")
        ids, starts = arrays[key], arrays[f"{kind}/{corpus}/starts"].astype(np.int64)
        if kind == "train":
            language = "zh" if corpus.startswith("zh") else "en"
            train[corpus] = PackedCorpus(corpus, language, ids.astype(np.uint32), starts[:-1])
        else:
            texts = tuple(part.astype(np.int64) for part in np.split(ids, starts[1:-1]))
            of_text = sizes["measured"][corpus]
            measured[corpus] = Measured(corpus, texts, np.array(of_text["characters"]), np.array(of_text["bytes"]))
    rows = {key.split("/")[1]: arrays[key].astype(np.float32) for key in arrays.files if key.startswith("rows/")}
    train_bytes = np.array(sizes["train_bytes"], dtype=np.int64)
    return PackedSet(name, new, sizes["first_new_id"], sizes["bos"], train, train_bytes, measured, rows)


def alternated(old: PackedCorpus, new: PackedCorpus, old_ratio: float) -> PackedCorpus:
    """Return the same documents, this share of them with the old segmentation, spread evenly."""
    if not old_ratio:
        return new
    parts = []
    for number in range(len(new.starts_D)):
        corpus = old if int((number + 1) * old_ratio) > int(number * old_ratio) else new
        ends = np.append(corpus.starts_D, len(corpus.tokens_T))
        parts.append(corpus.tokens_T[ends[number] : ends[number + 1]])
    starts = np.cumsum([0, *(len(part) for part in parts)])[:-1]
    return PackedCorpus(new.name, new.language, np.concatenate(parts), starts.astype(np.int64))


def pieces_of(text: str, characters: int) -> Iterator[str]:
    """Cut a text at line ends into pieces of about so many characters; a longer line stays whole up to twice that."""
    held: list[str] = []
    size = 0
    for line in text.splitlines(keepends=True):
        for at in range(0, len(line), 2 * characters):
            part = line[at : at + 2 * characters]
            if held and size + len(part) > characters:
                yield "".join(held)
                held, size = [], 0
            held.append(part)
            size += len(part)
    if held:
        yield "".join(held)


def mixed(texts: dict[str, list[str]], shares: dict[str, float], *, total_bytes: int, seed: int) -> list[Text]:
    """Return documents in a random order, each corpus with its share of the bytes, spread evenly."""
    generator, placed = random.Random(seed), []
    for corpus in sorted(shares):
        wanted, seen, own = shares[corpus] * total_bytes, 0, list(texts[corpus])
        generator.shuffle(own)
        for text in own:
            if seen >= wanted:
                break
            placed.append((seen / wanted, corpus, text))
            seen += len(text.encode())
        else:
            if seen < 0.98 * wanted:
                raise ValueError(f"{corpus} has {seen:,} bytes, and {wanted:,.0f} are wanted")
    return [Text(corpus, text) for _, corpus, text in sorted(placed)]


def remove(folder: Path) -> None:
    """Remove a folder that may not be there."""
    shutil.rmtree(folder, ignore_errors=True)
