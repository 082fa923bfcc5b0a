"""Learns new tokens: continued BPE over what the base tokenizer leaves of a corpus.

Count the pre-tokens with Han → sum the counts of all sources → encode each string once with the base → join the
commonest neighbors that may be a token, again and again.

Shape suffixes: V base vocabulary, T cells, one a base token; C candidates, R sources, S strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from hanhua.errors import InputError
from hanhua.processes import SMALL_BYTES, choose_workers
from hanhua.progress import say
from hanhua.services import JunkTest
from hanhua.vocab_extension.config import ROUND_TO, VocabExtensionConfig
from hanhua.vocab_extension.extend import NewToken
from hanhua.vocab_extension.learning.agreement import CANDIDATES, by_agreement
from hanhua.vocab_extension.learning.choose import base_pieces, reachable
from hanhua.vocab_extension.learning.count import UNIT, count_batches, multipliers
from hanhua.vocab_extension.learning.counts import CountedStrings, CountFile, sum_counts
from hanhua.vocab_extension.learning.kept_dictionary import KeptDictionary, count_dictionary, kept_dictionary
from hanhua.vocab_extension.learning.near_copies import NearCopies
from hanhua.vocab_extension.learning.occurrences import Joined
from hanhua.vocab_extension.learning.rejection import make_fault
from hanhua.vocab_extension.learning.required_characters import tokens_required
from hanhua.vocab_extension.learning.sources import Reader, Source
from hanhua.vocab_extension.learning.symbols import Symbols
from hanhua.vocab_extension.learning.token_array import encode_strings
from hanhua.vocab_extension.learning.token_pattern import TokenPattern
from hanhua.vocab_extension.learning.train import ContinuedBpe, Fault
from hanhua.vocab_extension.pretoken_limit import beginning, pretoken_limit
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_bpe_file

BATCH_CHARACTERS = 4_000_000
_DISCOUNT_PERCENT = {"runs": 0, "hybrid": 50, "words": 100}


@dataclass(frozen=True)
class Learned:
    """New tokens in the order of their ids, and what became of the other candidates.

    strings: different pre-tokens learned from. sampled: how many more a sample of them stands for. seen: what knows
    near copies of the texts.
    """

    tokens: tuple[NewToken, ...]
    requested: int
    candidates: int
    dropped: dict[str, int]
    documents: int
    duplicates: int
    characters: int
    strings: int
    sampled: int
    near_duplicates: int
    seen: NearCopies = field(repr=False, compare=False)


def rounded_size(base_size: int, new_tokens: int) -> int:
    """Return the number of new tokens, rounded down so that the whole vocabulary is a multiple of 256.

    >>> rounded_size(128_256, 8000)
    7936
    """
    return max((base_size + new_tokens) // ROUND_TO * ROUND_TO - base_size, 0)


def learn_tokens(
    sources: Sequence[Source],
    *,
    base: Path,
    config: VocabExtensionConfig,
    junk: JunkTest | None = None,
    workers: int | None = None,
    scratch: Path | None = None,
) -> Learned:
    """Learn new tokens from texts, for the tokenizer in the folder `base`.

    The same texts give the same tokens, whatever the order of the sources, the machine and the number of workers; of
    near copies the first one read counts. scratch: a
    folder for counts, about the size of the Chinese text in small corpora and less in large ones; by default
    a temporary one. Raises InputError when there is no Chinese text and no prior, or fewer than 256
    candidates are good enough.
    """
    file = read_bpe_file(base)
    wanted = rounded_size(file.size, config.new_tokens)
    if wanted != config.new_tokens:
        say(f"new tokens: {config.new_tokens:,} → {wanted:,} (the vocabulary stays a multiple of {ROUND_TO})")
    cover = tokens_required(file, config.required_characters, room=wanted) if config.required_characters else []
    # In order of their names: the order they were given in must not matter.
    reader = Reader(tuple(sorted(sources, key=lambda source: source.name)), BATCH_CHARACTERS)
    with TemporaryDirectory(dir=scratch) as folder:
        known = _dictionary(file, config)
        workers = choose_workers(workers, input_bytes=SMALL_BYTES)
        counted = _counted(reader, file, config, workers, Path(folder), known)
    symbols = Symbols(file.bytes_of, TokenPattern(config.max_token_characters, config.leading_mark), 2 * wanted)
    encodings = None if known is None else known.known
    cells = encode_strings(counted, base=base, symbol_V=symbols.of_base_V, workers=workers, known=encodings)
    say(f"joining neighbors in {len(counted):,} different strings, {len(cells.symbol_T):,} base tokens")
    search = ContinuedBpe(cells, counted, symbols, config.min_count * UNIT, _DISCOUNT_PERCENT[config.merge_scope])
    search.join_forced(cover)
    known_tokens = frozenset(file.bytes_of.values())
    fault = make_fault(config, known=known_tokens, junk=junk, has_corpus=reader.characters > 0)
    tokens = choose_tokens(search, file, wanted, fault, exponent=config.source_exponent)
    return _rounded(tokens, search, wanted, reader, file, config)


def choose_tokens(
    search: ContinuedBpe, file: BpeFile, wanted: int, fault: Fault, *, exponent: float = 1.0
) -> list[NewToken]:
    """Join until so many tokens are there, besides those already joined; where sources are told apart, choose of more.

    exponent: of each source's rate (`agreement`).
    """
    if search.counted.weight_RS is None:
        search.join_commonest(wanted, fault)
        return _tokens(search, file, search.joined)
    forced = len(search.joined)
    search.join_commonest(int(CANDIDATES * wanted), fault)
    evidence_CR = np.array(search.evidence)
    evidence_CR[:forced, -1] = np.inf
    names = [joined.data for joined in search.joined]
    order = by_agreement(names, evidence_CR, exponent=exponent, known=frozenset(file.bytes_of.values()))
    return _tokens(search, file, [search.joined[n] for n in order])[:wanted]


def _dictionary(file: BpeFile, config: VocabExtensionConfig) -> KeptDictionary | None:
    if not config.dictionary_weight or not config.word_lists:
        return None
    spaced = bool(config.space_prefixed_words) and config.leading_mark != "none"
    return kept_dictionary(file, list(config.word_lists), scripts=config.scripts, spaced=spaced)


def _counted(
    reader: Reader,
    file: BpeFile,
    config: VocabExtensionConfig,
    workers: int,
    folder: Path,
    dictionary: KeptDictionary | None,
) -> CountedStrings:
    """Return the counts of all sources and of the dictionary."""
    batches = reader.batches()
    first = list(islice(batches, 1))
    if first:
        say(pretoken_limit(file, beginning(first[0].texts)).words())
    counts = count_batches(
        chain(first, batches),
        sources=len(reader.sources),
        base=file.place.parent,
        scripts=config.scripts,
        workers=workers,
        scratch=folder,
    )
    if reader.duplicates:
        say(f"counted {reader.duplicates:,} repeated documents once")
    if reader.near_duplicates:
        say(f"left out {reader.near_duplicates:,} near copies of earlier documents")
    characters = sum(source.characters for source in counts)
    if not characters and (reader.sources or dictionary is None):
        raise InputError(f"no Chinese text to learn from ({reader.documents:,} documents read)")
    weights = [source.weight for source in reader.sources]
    files = [
        CountFile(found.path, found.rows, multiplier, source=number)
        for number, (source, multiplier) in enumerate(
            zip(counts, multipliers(counts, weights, config.balance), strict=True)
        )
        for found in source.files
    ]
    if dictionary is not None:
        files.append(_words(dictionary, folder / "dictionary.counts", config, characters))
    several = sum(source.characters > 0 for source in counts) > 1
    by_source = several and config.source_exponent < 1
    counted = sum_counts(files, max_strings=config.max_strings, by_source=by_source)
    if counted.sampled:
        say(f"{counted.sampled + len(counted):,} different strings: {len(counted):,} of them stand for all")
    return counted


def _words(dictionary: KeptDictionary, place: Path, config: VocabExtensionConfig, characters: int) -> CountFile:
    """Write the word lists as counts for a corpus of so many characters."""
    mass = config.dictionary_weight * characters if characters else NO_CORPUS_CHARACTERS
    spaced = config.space_prefixed_words
    return count_dictionary(dictionary, place, characters=mass, weights=config.word_lists, spaced=spaced)


NO_CORPUS_CHARACTERS = 1e8
"""What the dictionary's frequencies are scaled to when they are all there is."""


def _tokens(search: ContinuedBpe, file: BpeFile, ranked: list[Joined]) -> list[NewToken]:
    """Return what was joined, in this order; the check is by the tokenizer's own merges, token by token."""
    found = {joined.data: joined for joined in ranked}
    kept = reachable(found, base_pieces(file, found))
    if len(kept) < len(found):
        search.dropped["not reachable"] += len(found) - len(kept)
    return [NewToken(r.token, found[r.token].count, found[r.token].documents.bit_count()) for r in kept]


def _rounded(
    tokens: list[NewToken],
    search: ContinuedBpe,
    wanted: int,
    reader: Reader,
    file: BpeFile,
    config: VocabExtensionConfig,
) -> Learned:
    size = wanted if len(tokens) >= wanted else rounded_size(file.size, len(tokens))
    dropped = dict(search.dropped)
    if size == 0:
        raise InputError(
            f"the corpus gives only {len(tokens):,} good new tokens, and a vocabulary grows by at least {ROUND_TO} "
            f"({reader.documents:,} documents, {reader.characters:,} characters; dropped: {dropped or 'none'}; "
            "in a .txt file each line is a document). "
            f"Give more text, or lower min_count ({config.min_count}) or min_documents ({config.min_documents})"
        )
    if size < wanted:
        say(f"new tokens: {wanted:,} → {size:,} (the corpus gives only {len(tokens):,} good ones)")
    return Learned(
        tuple(tokens[:size]),
        config.new_tokens,
        len(tokens) + sum(dropped.values()),
        dropped,
        reader.documents,
        reader.duplicates,
        reader.characters,
        len(search.counted),
        search.counted.sampled,
        reader.near_duplicates,
        reader.near,
    )
