"""Documents to one long row of tokens per corpus, on disk, read back as fixed-length sequences.

Each document is `<|begin_of_text|> text <|end_of_text|>`; documents lie end to end and are cut every
`length` tokens. A sequence carries positions that restart at each document, from which attention keeps
documents apart, and labels in which a document's first token is never the target of the one before.

Shape suffixes: T tokens of a corpus, D documents, L tokens of a sequence, B sequences of a batch.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

from hanhua.artifacts.files import fsync_folder, read_json, sha256_of, write_json
from hanhua.artifacts.fingerprint import fingerprint
from hanhua.bits import token_to_bytes
from hanhua.continued_pretrain.bpe_dropout import DropoutEncoder
from hanhua.continued_pretrain.old_segmentation import OldSegmentation, OldSpeller
from hanhua.continued_pretrain.selection import Selection, select_documents
from hanhua.documents import Document, read_corpus
from hanhua.encoding import Encoder
from hanhua.errors import InputError
from hanhua.model_folder import load_tokenizer
from hanhua.processes import choose_workers, map_in_order
from hanhua.progress import Progress

IGNORED = -100
END_OF_TEXT = "<|end_of_text|>"
CHAT_END_OF_TEXT = "<|endoftext|>"
"""Between documents of ChatML models' pretraining; their bos and eos, <|im_start|> and <|im_end|>, are of turns."""
BATCH_DOCUMENTS = 256
COMPRESSED = 3
"""Text is about this many times the size of its zstd file."""


@dataclass(frozen=True)
class Marks:
    """Ids around a document."""

    bos: int
    eos: int


@dataclass(frozen=True)
class Batch:
    """Model input: token ids, positions restarting at each document, and targets (IGNORED for none)."""

    input_ids_BL: npt.NDArray[np.int64]
    position_ids_BL: npt.NDArray[np.int64]
    labels_BL: npt.NDArray[np.int64]


@dataclass(frozen=True)
class PackedCorpus:
    """One corpus's training tokens: a memory map and where its documents start."""

    name: str
    language: str
    tokens_T: npt.NDArray[np.uint32]
    starts_D: npt.NDArray[np.int64]

    def sequences(self, length: int) -> int:
        """Return how many whole sequences there are; each needs one token more, as the last target."""
        return max(0, (len(self.tokens_T) - 1) // length)

    def sequence(self, index: int, length: int) -> Batch:
        """Return sequence `index` as a Batch of one."""
        low = index * length
        ids = self.tokens_T[low : low + length + 1].astype(np.int64)
        first = np.searchsorted(self.starts_D, low, side="right")
        last = np.searchsorted(self.starts_D, low + length, side="right")
        cuts = self.starts_D[first:last] - low  # starts inside (0, length], relative
        labels = ids[1:].copy()
        labels[cuts - 1] = IGNORED
        origin = np.zeros(length, dtype=np.int64)
        inside = cuts[cuts < length]
        origin[inside] = inside
        positions = np.arange(length) - np.maximum.accumulate(origin)
        return Batch(ids[None, :-1], positions[None], labels[None])


def stack(batches: list[Batch]) -> Batch:
    """Return several batches as one."""
    return Batch(
        np.concatenate([b.input_ids_BL for b in batches]),
        np.concatenate([b.position_ids_BL for b in batches]),
        np.concatenate([b.labels_BL for b in batches]),
    )


def document_marks(tokenizer_folder: Path) -> Marks:
    """Return the ids put around a document.

    The end is `<|end_of_text|>` where the tokenizer has it: an instruction-tuned Llama 3 names
    `<|eot_id|>`, the end of a turn, as its eos. ChatML models have `<|endoftext|>` on both sides: text between
    their bos and eos would be a turn of nobody.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    settings = read_json(tokenizer_folder / "tokenizer_config.json")

    def id_of(key: str) -> int | None:
        token = settings.get(key)
        token = token.get("content") if isinstance(token, dict) else token
        return None if token is None else tokenizer.token_to_id(token)

    between = tokenizer.token_to_id(CHAT_END_OF_TEXT)
    if between is not None and id_of("bos_token") == tokenizer.token_to_id("<|im_start|>"):
        return Marks(between, between)
    bos, eos = id_of("bos_token"), tokenizer.token_to_id(END_OF_TEXT)
    eos = id_of("eos_token") if eos is None else eos
    if bos is None or eos is None:
        missing = "bos_token" if bos is None else "eos_token"
        raise InputError(f"{tokenizer_folder}: tokenizer_config.json names no {missing} that is in the vocabulary")
    return Marks(bos, eos)


def token_characters(tokenizer_folder: Path, *, rows: int) -> npt.NDArray[np.int16]:
    """Return how many characters begin in each token, by id, shape (rows,); 0 for special tokens.

    Summed over a text's tokens this is the text's number of characters: each has one leading byte.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    special = set(tokenizer.get_added_tokens_decoder())
    characters = np.zeros(rows, dtype=np.int16)
    for token, id_ in tokenizer.get_vocab(with_added_tokens=True).items():
        if id_ not in special:
            characters[id_] = sum(byte & 0xC0 != 0x80 for byte in token_to_bytes(token))
    return characters


def pack_corpora(
    corpus: Path,
    *,
    corpus_hash: str,
    tokenizer_folder: Path,
    work: Path,
    languages: frozenset[str] | None = None,
    enough_tokens: Mapping[str, int] | int | None = None,
    seed: int = 0,
    workers: int | None = None,
    bpe_dropout: float = 0.0,
    chat_corpora: Sequence[str] = (),
    old: OldSegmentation | None = None,
) -> dict[str, PackedCorpus]:
    """Tokenize the train split of a Corpus into `work`, one row of tokens per corpus; reuse it when it is there.

    enough_tokens: stop drawing documents of a corpus when this many tokens are sure to be reached; None
    takes all. languages: only documents in one of these. workers: processes, None by the size of the text; they
    change nothing. chat_corpora: those whose texts spell out special tokens that are meant. old: a share of the text in
    the base's tokens.
    What was packed is found again by content: the Corpus, the tokenizer's own bytes and the choice of documents
    (a name would not notice a grown vocabulary).
    """
    wanted = dict(enough_tokens) if isinstance(enough_tokens, Mapping) else enough_tokens
    key = {
        "format": 2,
        "corpus": corpus_hash,
        "tokenizer": sha256_of(tokenizer_folder / "tokenizer.json"),
        "marks": document_marks(tokenizer_folder),
        "languages": None if languages is None else sorted(languages),
        "enough_tokens": wanted,
        "seed": seed,
        "bpe_dropout": bpe_dropout,
        "chat_corpora": sorted(chat_corpora),
        **({} if old is None else {"old_segmentation": old}),
    }
    folder = work / f"packed-{fingerprint(key)[:16]}"
    if not folder.is_dir():
        _check_chat(corpus, tokenizer_folder, chat_corpora)
        aside = folder.with_name(folder.name + ".partial")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        selection = select_documents(corpus, languages=languages, enough_tokens=wanted, seed=seed)
        size = sum(path.stat().st_size for path in corpus.glob("part-*"))
        chosen = choose_workers(workers, input_bytes=size * COMPRESSED)
        encoder = (tokenizer_folder, seed, bpe_dropout, size * COMPRESSED // chosen, old, frozenset(chat_corpora))
        _tokenize(corpus, selection, aside, encoder=encoder, workers=chosen)
        aside.rename(folder)
        fsync_folder(work)
    return {entry["name"]: _open(folder, entry) for entry in read_json(folder / "packed.json")}


def _check_chat(corpus: Path, tokenizer_folder: Path, names: Sequence[str]) -> None:
    """Raise InputError for a chat corpus in marks that this tokenizer does not have: they would be learned as text."""
    tokenizer = load_tokenizer(tokenizer_folder)
    tokenizer.encode_special_tokens = False
    special = set(tokenizer.get_added_tokens_decoder())
    for name in names:
        first = next(iter(read_corpus(corpus, split="train", corpora=[name])), None)
        if first is not None and special.isdisjoint(tokenizer.encode(first.text, add_special_tokens=False).ids):
            raise InputError(
                f"chat_corpora: {first.id} spells out no special token of this base ({first.text[:40]!r}…); write the "
                "corpus in the base's own chat template, or take it out of chat_corpora"
            )


def _open(folder: Path, entry: dict[str, str]) -> PackedCorpus:
    tokens = np.memmap(folder / f"{entry['file']}.tokens", dtype=np.uint32, mode="r")
    starts = np.fromfile(folder / f"{entry['file']}.starts", dtype=np.int64)
    return PackedCorpus(entry["name"], entry["language"], tokens, starts)


def _tokenize(
    corpus: Path,
    selection: Selection,
    out: Path,
    *,
    encoder: tuple[Path, int, float, int, OldSegmentation | None, frozenset[str]],
    workers: int,
) -> None:
    names = sorted(selection.languages)
    files = {name: (out / f"{i:03d}.tokens").open("wb") for i, name in enumerate(names)}
    starts: dict[str, list[int]] = {name: [] for name in names}
    total = dict.fromkeys(names, 0)
    documents = selection.documents(read_corpus(corpus, split="train"))
    chat = encoder[-1]
    sent = (
        ([d.corpus for d in batch], [(d.id, d.text, d.corpus in chat) for d in batch]) for batch in _batches(documents)
    )
    encoded = map_in_order(
        _encode,
        sent,
        prepare=_Encoder,
        arguments=encoder[:-1],
        workers=workers,
        name="tokenizing",
    )
    with Progress("tokenizing", total=selection.chosen, unit="documents") as bar:
        for corpora, rows in encoded:
            for name, ids in zip(corpora, rows, strict=True):
                ids.tofile(files[name])
                starts[name].append(total[name])
                total[name] += len(ids)
            bar.advance(len(rows))
    for i, name in enumerate(names):
        files[name].close()
        np.array(starts[name], dtype=np.int64).tofile(out / f"{i:03d}.starts")
    entries = [{"name": n, "language": selection.languages[n], "file": f"{i:03d}"} for i, n in enumerate(names)]
    write_json(out / "packed.json", entries)


class _Encoder:
    """A tokenizer with its marks; made once in each process."""

    def __init__(
        self, folder: Path, seed: int, bpe_dropout: float, expected_bytes: int, old: OldSegmentation | None = None
    ) -> None:
        self.folder, self.marks, self.seed, self.expected_bytes = folder, document_marks(folder), seed, expected_bytes
        plain = load_tokenizer(folder)
        self.plain = Encoder(plain, expected_bytes=expected_bytes)
        self.dropout = DropoutEncoder(folder, plain, rate=bpe_dropout) if bpe_dropout else None
        self.old = None if old is None else OldSpeller(folder, old)

    @cached_property
    def in_chat(self) -> Encoder:
        """What reads special tokens that a chat corpus spells out as themselves."""
        tokenizer = load_tokenizer(self.folder)
        tokenizer.encode_special_tokens = False
        return Encoder(tokenizer, expected_bytes=self.expected_bytes)


def _encode(encoder: _Encoder, documents: list[tuple[str, str, bool]]) -> list[npt.NDArray[np.uint32]]:
    """Return the ids of documents (id, text, written in a chat template), each between its marks."""
    rows: list[Sequence[int] | npt.NDArray[np.uint32]] = [[]] * len(documents)
    for in_chat in (False, True):
        places = [i for i, document in enumerate(documents) if document[2] == in_chat]
        if not places:
            continue
        if encoder.dropout is not None and not in_chat:
            for i in places:
                seed = xxhash.xxh3_64_intdigest(documents[i][0].encode(), seed=encoder.seed)
                rows[i] = encoder.dropout.encode(documents[i][1], seed=seed)
            continue
        found = (encoder.in_chat if in_chat else encoder.plain).encode([documents[i][1] for i in places])
        for i, ids_T in zip(places, found, strict=True):
            rows[i] = ids_T
            if encoder.old is not None and not in_chat:
                rows[i] = encoder.old.spelled(*documents[i][:2], ids_T.tolist())
    bos, eos = ([mark] for mark in (encoder.marks.bos, encoder.marks.eos))
    return [np.concatenate((bos, ids, eos), dtype=np.uint32, casting="unsafe") for ids in rows]


def _batches(documents: Iterator[Document]) -> Iterator[list[Document]]:
    while batch := list(islice(documents, BATCH_DOCUMENTS)):
        yield batch
