"""Learns new tokens: continued BPE over what the base tokenizer leaves of a corpus.

Count the pre-tokens with Han → encode each once with the base → alias its tokens to characters → train merges
on those → keep the products that may be tokens and stay reachable → count where each would be used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer

from hanhua.errors import InputError
from hanhua.progress import Progress, say
from hanhua.skills import JunkTest
from hanhua.vocab_extension.aliasing import Aliases, make_aliases
from hanhua.vocab_extension.choose import Reached, base_pieces, reachable
from hanhua.vocab_extension.config import ROUND_TO, VocabExtensionConfig
from hanhua.vocab_extension.count import PretokenTable
from hanhua.vocab_extension.extend import NewToken
from hanhua.vocab_extension.shape import TokenShape
from hanhua.vocab_extension.tokenizer_json import BpeFile, encode_all, pretoken_splitter, read_bpe_file
from hanhua.vocab_extension.train import train_merges
from hanhua.vocab_extension.usage import count_usage

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
    shape = TokenShape(config.max_token_characters, config.glued)
    aliases = make_aliases(file.bytes_of, shape)
    segments = _segments(table, file, aliases)
    # Some candidates fall, so more merges are trained than tokens wanted; more still if too many fell.
    merges = wanted + wanted // 5 + 1000
    while True:
        say(f"training {merges:,} merges on {len(segments):,} different strings")
        products = train_merges(segments, merges=merges, min_count=config.min_count)
        chosen, dropped = _choose([aliases.spell(p) for p in products], table, file, shape, config, junk)
        if len(chosen) >= wanted or len(products) < merges:
            break
        merges *= 2
    return _rounded(chosen, dropped, wanted, len(products), table, file, config)


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


def _segments(table: PretokenTable, file: BpeFile, aliases: Aliases) -> Counter[str]:
    counts: Counter[str] = Counter()
    words = ((word, count) for word, count, _ in table.items())
    encoder = file.pretoken_encoder()
    with Progress("encoding with the base", total=len(table), unit="strings") as bar:
        for batch in _batches(words):
            encoded = list(encode_all(encoder, (word for word, _ in batch)))
            for found, (_, count) in zip(aliases.segments(encoded), batch, strict=True):
                for segment in found:
                    counts[segment] += count
            bar.advance(len(batch))
    return counts


def _choose(
    products: list[bytes],
    table: PretokenTable,
    file: BpeFile,
    shape: TokenShape,
    config: VocabExtensionConfig,
    junk: JunkTest | None,
) -> tuple[list[NewToken], dict[str, int]]:
    """Return the good candidates in order of merit, and how many fell for which reason."""
    dropped: Counter[str] = Counter()
    known = set(file.bytes_of.values())
    candidates = []
    for product in dict.fromkeys(products):
        reason = _fault(product, shape, known, junk)
        if reason:
            dropped[reason] += 1
        else:
            candidates.append(product)
    pieces = base_pieces(file, candidates)
    kept = reachable(candidates, pieces)
    usage = count_usage(file, kept, table)
    good: list[bytes] = []
    for reached, count, documents in zip(kept, usage.counts, usage.documents, strict=True):
        if documents < config.min_documents or count < config.min_count:
            dropped["too few documents" if documents < config.min_documents else "too rare"] += 1
        else:
            good.append(reached.token)
    of_token = dict(zip((r.token for r in kept), zip(usage.counts, usage.documents, strict=True), strict=True))
    final: list[Reached] = reachable(good, pieces)
    dropped["not reachable"] = len(candidates) - len(kept) + len(good) - len(final)
    return [NewToken(r.token.decode(), *of_token[r.token]) for r in final], {k: n for k, n in dropped.items() if n}


def _fault(product: bytes, shape: TokenShape, known: set[bytes], junk: JunkTest | None) -> str | None:
    if product in known:
        return "a base token already"
    if not shape.is_wanted(product):
        return "too long"
    if junk is not None and junk.is_junk(product.decode()):
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


def _batches(items: Iterator[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    while batch := list(islice(items, _BATCH)):
        yield batch
