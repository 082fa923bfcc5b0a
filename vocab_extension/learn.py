"""Learns new tokens: continued BPE over what the base tokenizer leaves of a corpus.

Count the pre-tokens with Han → encode each once with the base → alias its tokens to characters → train merges
on those → keep the products that may be tokens and stay reachable → count where each would be used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer

from hanhua.errors import InputError
from hanhua.progress import Progress, say
from hanhua.skills import JunkTest
from hanhua.vocab_extension.aliasing import Aliases, make_aliases
from hanhua.vocab_extension.choose import base_pieces, reachable
from hanhua.vocab_extension.config import ROUND_TO, VocabExtensionConfig
from hanhua.vocab_extension.count import PretokenTable, add_packed
from hanhua.vocab_extension.extend import NewToken
from hanhua.vocab_extension.shape import TokenShape
from hanhua.vocab_extension.tokenizer_json import BpeFile, encode_all, pretoken_splitter, read_bpe_file
from hanhua.vocab_extension.train import Evidence, Trained, count_evidence, train_merges

_BATCH = 20_000


@dataclass(frozen=True)
class Learned:
    """New tokens in the order of their ids, and what became of the other candidates."""

    tokens: tuple[NewToken, ...]
    requested: int
    candidates: int
    dropped: dict[str, int]
    documents: int
    duplicates: int
    characters: int


def rounded_size(base_size: int, new_tokens: int) -> int:
    """Return the number of new tokens, rounded down so that the whole vocabulary is a multiple of 256.

    >>> rounded_size(128_256, 8000)
    7936
    """
    return max((base_size + new_tokens) // ROUND_TO * ROUND_TO - base_size, 0)


def learn_tokens(
    texts: Iterable[str], *, base: Path, config: VocabExtensionConfig, junk: JunkTest | None = None
) -> Learned:
    """Learn new tokens from texts, for the tokenizer in the folder `base`.

    The same texts give the same tokens, whatever their order and the machine. Raises InputError when there
    is no Chinese text, or fewer than 256 candidates are good enough.
    """
    file = read_bpe_file(base)
    wanted = rounded_size(file.size, config.new_tokens)
    if wanted != config.new_tokens:
        say(f"new tokens: {config.new_tokens:,} → {wanted:,} (the vocabulary stays a multiple of {ROUND_TO})")
    table = _count(texts, file, base, config)
    aliases = make_aliases(file.bytes_of, TokenShape(config.max_token_characters, config.glued))
    segments = _segments(table, file, aliases)
    table.release()
    # Some candidates fall, so more merges are trained than tokens wanted; more still if too many fell.
    merges = wanted + wanted // 5 + 1000
    while True:
        say(f"training {merges:,} merges on {len(segments):,} different strings")
        trained = train_merges(segments, merges=merges, min_count=config.min_count)
        chosen, dropped = _choose(_by_bytes(trained, segments, aliases), file, config, junk)
        if len(chosen) >= wanted or len(trained.parts) < merges * 9 // 10:
            break
        merges *= 2
    return _rounded(chosen, dropped, wanted, len(trained.parts), table, file, config)


def _count(texts: Iterable[str], file: BpeFile, base: Path, config: VocabExtensionConfig) -> PretokenTable:
    split = pretoken_splitter(Tokenizer.from_file(str(base / file.place.name)), file.data)
    table = PretokenTable(config.max_strings)
    with Progress("counting", total=None, unit="documents") as bar:
        for text in texts:
            table.add(text, split)
            bar.advance(note=f"{table.characters / 1e6:,.1f} M characters, {len(table):,} strings")
    if table.duplicates:
        say(f"counted {table.duplicates:,} repeated documents once")
    if table.forgotten:
        say(f"more than {config.max_strings:,} different strings: forgot {table.forgotten:,} of the rarest")
    if not len(table):
        raise InputError(f"no Chinese text to learn from ({table.documents:,} documents read)")
    return table


def _segments(table: PretokenTable, file: BpeFile, aliases: Aliases) -> dict[str, int]:
    """Return the alias strings of all counted pre-tokens, each with its packed count and documents."""
    segments: dict[str, int] = {}
    words = table.items()
    encoder = file.pretoken_encoder()
    with Progress("encoding with the base", total=len(table), unit="strings") as bar:
        while batch := list(islice(words, _BATCH)):
            encoded = list(encode_all(encoder, (word for word, _ in batch)))
            for found, (_, packed) in zip(aliases.segments(encoded), batch, strict=True):
                for segment in found:
                    add_packed(segments, segment, packed)
            bar.advance(len(batch))
    return segments


def _choose(
    evidence: Mapping[bytes, Evidence], file: BpeFile, config: VocabExtensionConfig, junk: JunkTest | None
) -> tuple[list[NewToken], dict[str, int]]:
    """Return the good candidates in order of merit, and how many fell for which reason."""
    shape = TokenShape(config.max_token_characters, config.glued)
    known = set(file.bytes_of.values())
    dropped: Counter[str] = Counter()
    good = []
    for candidate, found in evidence.items():
        reason = _fault(candidate, found, shape, known, config, junk)
        if reason:
            dropped[reason] += 1
        else:
            good.append(candidate)
    kept = reachable(good, base_pieces(file, good))
    if len(kept) < len(good):
        dropped["not reachable"] = len(good) - len(kept)
    tokens = [
        NewToken(r.token.decode(), evidence[r.token].count, evidence[r.token].documents.bit_count()) for r in kept
    ]
    return tokens, dict(dropped)


def _by_bytes(trained: Trained, segments: Mapping[str, int], aliases: Aliases) -> dict[bytes, Evidence]:
    """Return the evidence for each string of bytes; two ways of cutting one string are one candidate."""
    found: dict[bytes, Evidence] = {}
    for product, evidence in count_evidence(trained, segments).items():
        data = aliases.spell(product)
        old = found.get(data, Evidence(0, 0))
        found[data] = Evidence(old.count + evidence.count, old.documents | evidence.documents)
    return found


def _fault(
    candidate: bytes,
    evidence: Evidence,
    shape: TokenShape,
    known: set[bytes],
    config: VocabExtensionConfig,
    junk: JunkTest | None,
) -> str | None:
    if candidate in known:
        return "a base token already"
    if not shape.is_wanted(candidate):
        return "too long"
    if evidence.documents.bit_count() < config.min_documents:
        return "too few documents"
    if evidence.count < config.min_count:
        return "too rare"
    if junk is not None and junk.is_junk(candidate.decode()):
        return "junk"
    return None


def _rounded(
    chosen: list[NewToken],
    dropped: dict[str, int],
    wanted: int,
    candidates: int,
    table: PretokenTable,
    file: BpeFile,
    config: VocabExtensionConfig,
) -> Learned:
    size = wanted if len(chosen) >= wanted else rounded_size(file.size, len(chosen))
    if size == 0:
        raise InputError(
            f"the corpus gives only {len(chosen):,} good new tokens, and a vocabulary grows by at least {ROUND_TO} "
            f"({table.documents:,} documents, {table.characters:,} characters; {candidates:,} candidates met "
            f"{config.min_count} times; dropped: {dropped or 'none'}). Give more text, or lower min_count "
            f"({config.min_count}) or min_documents ({config.min_documents})"
        )
    if size < wanted:
        say(f"new tokens: {wanted:,} → {size:,} (the corpus gives only {len(chosen):,} good ones)")
    return Learned(
        tuple(chosen[:size]),
        config.new_tokens,
        candidates,
        dropped,
        table.documents,
        table.duplicates,
        table.characters,
    )
