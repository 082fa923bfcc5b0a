"""The texts of a comparison: what the base learns, what all arms train on, what is held out; drawn by hash.

Long documents are cut at line ends into pieces, so that a budget of bytes is met to a piece. Whole documents are held
out, and of each only one piece is measured, so that an interval over documents is one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import xxhash

from hanhua.artifacts.manifest import Artifact, open_artifact, write_manifest
from hanhua.documents import Document, read_records
from hanhua.documents.corpus import write_corpus
from hanhua.errors import InputError
from hanhua.experiments.evidence.recipe import EvidenceRecipe, TextSettings
from hanhua.vocab_extension.texts import encodable

BASE, TRAIN = "base-texts", "train-texts"
LEAST_HELDOUT = 2


def draw_texts(recipe: EvidenceRecipe, folder: Path) -> tuple[Artifact | None, Artifact]:
    """Return the Corpus the base learns from, if it does, and that of all arms, which holds the held-out texts too.

    They are written into `folder` once. Raises InputError for a text with too few bytes or held-out documents.
    """
    base, train = folder / BASE, folder / TRAIN
    if not train.is_dir():
        parts: dict[Path, list[Document]] = {base: [], train: []}
        for name, text in recipe.texts.items():
            heldout, first, second = _drawn(recipe, name, text)
            parts[base] += first
            parts[train] += [*second, *heldout]
        for path, documents in parts.items():
            _write(path, documents)
    return (open_artifact(base) if recipe.base.training is not None else None), open_artifact(train)


def bytes_of(recipe: EvidenceRecipe) -> int:
    """Return the bytes every arm trains on."""
    return sum(text.train_bytes for text in recipe.texts.values())


def pieces_of(text: str, characters: int) -> Iterator[str]:
    r"""Cut a text at line ends into pieces of about so many characters; a longer line is cut where it must be.

    >>> list(pieces_of("ab\ncd\nefghij", 3)), "".join(pieces_of("a\n\nb", 1))
    (['ab\n', 'cd\n', 'efg', 'hij'], 'a\n\nb')
    """
    held = ""
    for line in text.splitlines(keepends=True):
        if held and len(held) + len(line) > characters:
            yield held
            held = ""
        held += line
        while len(held) > characters and len(held.rstrip("\r\n")) > characters:
            yield held[:characters]
            held = held[characters:]
    if held:
        yield held


def _drawn(
    recipe: EvidenceRecipe, name: str, text: TextSettings
) -> tuple[list[Document], list[Document], list[Document]]:
    """Return held-out documents, those of the base, those of the arms."""
    heldout: list[tuple[int, Document]] = []
    rest: list[tuple[int, Document]] = []
    for record in read_records(text.path, text_field=text.text_field, on_broken=lambda place, reason: None):
        whole = encodable(record.text)
        pieces = [piece for piece in pieces_of(whole, recipe.piece_characters) if piece.strip()]
        if not pieces:
            continue
        hash_ = xxhash.xxh3_64_intdigest(whole.encode(), seed=1)
        kept_aside = hash_ % recipe.heldout_of == 0
        if kept_aside:
            pieces = [pieces[(hash_ >> 32) % len(pieces)]]
        for number, piece in enumerate(pieces):
            place = f"{name}:{Path(text.path).name}#{record.number}.{number}"
            split = "heldout" if kept_aside else "train"
            document = Document(place, piece, name, source=name, language=text.language, split=split)  # type: ignore[arg-type]
            (heldout if kept_aside else rest).append((xxhash.xxh3_64_intdigest(place.encode()), document))
    ordered = [document for _, document in sorted(rest, key=lambda item: item[0])]
    first, left = _up_to(ordered, text.base_bytes)
    second, _ = _up_to(left, text.train_bytes)
    measured = [document for _, document in sorted(heldout, key=lambda item: item[0])][: text.heldout_documents]
    _check(name, text, len(measured), sum(len(d.text.encode()) for d in second))
    return measured, first, second


def _up_to(documents: list[Document], wanted: int) -> tuple[list[Document], list[Document]]:
    total = 0
    for number, document in enumerate(documents):
        if total >= wanted:
            return documents[:number], documents[number:]
        total += len(document.text.encode())
    return documents, []


def _check(name: str, text: TextSettings, heldout: int, found: int) -> None:
    if found < text.train_bytes:
        raise InputError(
            f"texts.{name}: {found:,} bytes are left to train on, of {text.train_bytes:,}; lower base_bytes or "
            "train_bytes, or give more text"
        )
    if text.heldout_documents and heldout < min(LEAST_HELDOUT, text.heldout_documents):
        raise InputError(
            f"texts.{name}: {heldout} documents fell to the held-out ones, and an interval needs {LEAST_HELDOUT}; give "
            "more documents, or a smaller heldout_of"
        )


def _write(path: Path, documents: list[Document]) -> None:
    aside = path.with_name(path.name + ".partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    write_corpus(aside, documents)
    total = sum(len(document.text.encode()) for document in documents if document.split == "train")
    write_manifest(aside, kind="corpus", config={}, inputs={}, facts={"train_bytes": total})
    aside.rename(path)
