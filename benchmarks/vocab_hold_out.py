"""What new tokens buy on each source when all the others are learned from, and what other vocabularies make of it.

    python benchmarks/vocab_hold_out.py --data DIR --settings now={} \
        'before={"dictionary_weight": 0.6, "word_lists": {"jieba": 1}}'

Cheap enough to try many settings. Of each file of DIR that matches --learn, documents of --characters in all are drawn
by their hash, and weigh what the whole file would. All strings are counted and encoded once; the source held out stands
in the same array with no weight. Its pre-tokens are then encoded by the extended tokenizer. Of the word lists, words
that stand for less than one occurrence are left out. Intervals are 95%, over the documents of the source held out.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from measurement import add_json_option, markdown_head, markdown_row, write_measurement
from tokenizers import Tokenizer

from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.encoding import Encoder
from hanhua.pipeline.service_builders import service
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.extend import NewToken, extended
from hanhua.vocab_extension.learning.count import UNIT
from hanhua.vocab_extension.learning.counts import CountedStrings, sum_counts
from hanhua.vocab_extension.learning.kept_dictionary import KeptDictionary, count_dictionary, kept_dictionary
from hanhua.vocab_extension.learning.learn import choose_tokens
from hanhua.vocab_extension.learning.rejection import make_fault
from hanhua.vocab_extension.learning.symbols import Symbols
from hanhua.vocab_extension.learning.token_array import TokenArray, encode_strings
from hanhua.vocab_extension.learning.token_pattern import TokenPattern
from hanhua.vocab_extension.learning.train import ContinuedBpe
from hanhua.vocab_extension.measuring.bootstrap import interval_of, resampled_totals
from hanhua.vocab_extension.texts import TextFiles, sources_of
from hanhua.vocab_extension.tokenizer_json import BpeFile, pretoken_splitter, read_bpe_file
from hanhua.zh_text.scripts import is_han

PEERS = ("llama3", "qwen", "deepseek")
MAX_DOCUMENT = 60_000


@dataclass(frozen=True)
class Held:
    """One source. tokens_DK: of its documents, by each of PEERS. string_T, document_T: of each pre-token with Han."""

    name: str
    characters: int
    characters_D: np.ndarray
    digests_D: np.ndarray
    tokens_DK: np.ndarray
    string_T: np.ndarray
    document_T: np.ndarray


@dataclass(frozen=True)
class Data:
    """All sources and word lists in one array of base tokens."""

    base: BpeFile
    sources: list[Held]
    strings: list[str]
    dictionary: KeptDictionary
    number_K: np.ndarray
    cells: TokenArray
    count_FS: np.ndarray
    documents_FS: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of text files")
    parser.add_argument("--learn", default="zh_*", help="glob of the files")
    parser.add_argument("--only", nargs="*", help="hold out these files alone, by the beginnings of their names")
    parser.add_argument("--settings", nargs="+", default=["now={}"], help="NAME=JSON, the first compared with the last")
    parser.add_argument("--new-tokens", type=int, default=32_000)
    parser.add_argument("--characters", type=int, default=400_000, help="drawn of each file")
    add_json_option(parser)
    given = parser.parse_args()
    settings = {
        name: VocabExtensionConfig.model_validate({"new_tokens": given.new_tokens, **json.loads(value)})
        for name, _, value in (word.partition("=") for word in given.settings)
    }
    data = read(sources_of([given.data / given.learn]), given.characters, settings)
    print(markdown_head("held out", *PEERS, *settings, "gained", "without an occurrence"), flush=True)
    results = []
    for source in data.sources:
        if given.only is None or any(source.name.startswith(name) for name in given.only):
            results.append(held_out(data, source, settings))
            print(row(results[-1]), flush=True)
    ratios = [found["gained"] for found in results]
    print(f"mean gained: {sum(ratios) / len(ratios) - 1:+.2%}; least {min(ratios) - 1:+.2%}")
    write_measurement(__file__, given, results)


def held_out(data: Data, source: Held, settings: dict[str, VocabExtensionConfig]) -> dict[str, Any]:
    """Return characters per token of every peer and setting, and the first setting's over the last one's."""
    learned = [learn(data, source, config) for config in settings.values()]
    tokens_DK = np.column_stack([source.tokens_DK, *(tokens_D for tokens_D, _ in learned)])
    totals = resampled_totals(np.column_stack([source.characters_D, tokens_DK]).astype(np.int64))
    names = [*PEERS, *settings]
    own, last = 1 + len(PEERS), len(names)
    return {
        "held_out": source.name,
        "documents": len(source.characters_D),
        "characters_per_token": {
            name: float(source.characters_D.sum() / tokens_DK[:, n].sum()) for n, name in enumerate(names)
        },
        "interval": None
        if totals is None
        else {name: interval_of(totals[:, 0] / totals[:, 1 + n]) for n, name in enumerate(names)},
        "gained": float(tokens_DK[:, -1].sum() / tokens_DK[:, len(PEERS)].sum()),
        "gained_interval": None if totals is None else interval_of(totals[:, last] / totals[:, own]),
        "without_occurrence": dict(zip(settings, (unmet for _, unmet in learned), strict=True)),
    }


def row(found: dict[str, Any]) -> str:
    low, high = found["gained_interval"] or (found["gained"], found["gained"])
    return markdown_row(
        found["held_out"],
        *(f"{value:.3f}" for value in found["characters_per_token"].values()),
        f"{found['gained'] - 1:+.2%} [{low - 1:+.2%}, {high - 1:+.2%}]",
        ", ".join(map(str, found["without_occurrence"].values())),
    )


def learn(data: Data, held: Held, config: VocabExtensionConfig) -> tuple[np.ndarray, int]:
    """Learn from all but one source; return the tokens of its documents, and how many tokens the others lack."""
    others = [n for n, source in enumerate(data.sources) if source is not held]
    sizes = np.array([data.sources[n].characters for n in others], dtype=float)
    shares = sizes ** (1 - config.balance) / (sizes ** (1 - config.balance)).sum()
    drawn = np.array([data.sources[n].characters_D.sum() for n in others])
    weight_S = (data.count_FS[others] * (shares * sizes.sum() / drawn)[:, None]).sum(axis=0) * UNIT
    listed_S = np.zeros(len(data.strings), dtype=bool)
    listed_K = words_of(data, config, characters=config.dictionary_weight * float(sizes.sum()))
    weight_S[data.number_K] += listed_K
    listed_S[data.number_K[listed_K > 0]] = True
    weight_RS = data.count_FS[others] * (shares * sizes.sum() / drawn)[:, None] * UNIT
    counted = CountedStrings(
        pa.array([]),
        np.rint(weight_S).astype(np.int64),
        data.count_FS[others].sum(axis=0),
        np.bitwise_or.reduce(data.documents_FS[others], axis=0),
        listed_S,
        weight_RS=weight_RS.astype(np.float32) if config.source_exponent < 1 else None,
    )
    cells = TokenArray(data.cells.symbol_T.copy(), data.cells.string_T, data.cells.begins_T, data.cells.words_T)
    search = ContinuedBpe(cells, counted, symbols_of(data.base, config), config.min_count * UNIT)
    learned = tokens_of(search, data.base, config)
    return encoded_by(data, held, [token.data for token in learned]), sum(token.count == 0 for token in learned)


def tokens_of(search: ContinuedBpe, base: BpeFile, config: VocabExtensionConfig) -> list[NewToken]:
    """Join and choose as `learn` does."""
    fault = make_fault(config, known=frozenset(base.bytes_of.values()), junk=service("junk"))
    return choose_tokens(search, base, config.new_tokens, fault, exponent=config.source_exponent)


def encoded_by(data: Data, held: Held, tokens: list[bytes]) -> np.ndarray:
    """Return into how many tokens each document held out goes with these new ones."""
    number_S, at_T = np.unique(held.string_T, return_inverse=True)
    strings = [data.strings[number] for number in number_S.tolist()]
    lengths = [
        np.array([len(found.ids) for found in file.pretoken_encoder().encode_batch_fast(strings)])
        for file in (data.base, extended(data.base, tokens))
    ]
    saved_T = (lengths[0] - lengths[1])[at_T]
    saved_D = np.bincount(held.document_T, weights=saved_T, minlength=len(held.characters_D))
    return held.tokens_DK[:, 0] - saved_D


def words_of(data: Data, config: VocabExtensionConfig, *, characters: float) -> np.ndarray:
    """Return the weight of each word of the lists, 0 below one occurrence."""
    weights = {name: config.word_lists.get(name, 0.0) for name in data.dictionary.lists}  # type: ignore[call-overload]
    with TemporaryDirectory() as folder:
        file = count_dictionary(
            data.dictionary,
            Path(folder) / "words",
            characters=characters,
            weights=weights,
            spaced=config.space_prefixed_words,
        )
        # The file is in the order of the dictionary, which is that of its hashes.
        weight_K = sum_counts([file], max_strings=10**7).weight_S
    return np.where(weight_K >= UNIT, weight_K, 0)


def read(files: tuple[str, ...], characters: int, settings: dict[str, VocabExtensionConfig]) -> Data:
    """Read, draw, count and encode everything once."""
    base = read_bpe_file(resolve_base_tokenizer("llama3"))
    folders = [resolve_base_tokenizer(name) for name in PEERS]
    encoders = [Encoder(Tokenizer.from_file(str(folder / "tokenizer.json"))) for folder in folders]
    numbers: dict[str, int] = {}
    sources = [read_source(file, base, encoders, numbers, characters) for file in files]
    lists = sorted({name for config in settings.values() for name in config.word_lists})
    dictionary = kept_dictionary(base, lists, scripts="as-is", spaced=True)
    words = dictionary.strings.to_pylist()
    total = float(sum(source.characters for source in sources))
    counted = np.zeros((len(sources), len(numbers)), dtype=np.int64)
    documents = np.zeros(counted.shape, dtype=np.uint64)
    for n, source in enumerate(sources):
        counted[n] = np.bincount(source.string_T, minlength=len(numbers))
        bit_T = np.uint64(1) << source.digests_D[source.document_T] % np.uint64(64)
        np.bitwise_or.at(documents[n], source.string_T, bit_T)
    number_K = np.array([numbers.setdefault(word, len(numbers)) for word in words])
    data = Data(base, sources, list(numbers), dictionary, number_K, None, counted, documents)  # type: ignore[arg-type]
    most_K = np.zeros(len(words))
    for config in settings.values():
        most_K = np.maximum(most_K, words_of(data, config, characters=config.dictionary_weight * total))
    return encoded(data, most_K)


def encoded(data: Data, most_K: np.ndarray) -> Data:
    """Return the data with the strings that stand for something in one array; others are encoded as nothing."""
    met = np.zeros(len(data.strings), dtype=bool)
    met[: data.count_FS.shape[1]] = True
    met[data.number_K[most_K > 0]] = True
    strings = [string if kept else "a" for string, kept in zip(data.strings, met.tolist(), strict=True)]
    nothing = np.zeros(len(strings), dtype=np.int64)
    counted = CountedStrings(pa.array(strings, type=pa.large_string()), nothing, nothing, nothing, nothing)  # type: ignore[arg-type]
    symbols = symbols_of(data.base, VocabExtensionConfig())
    cells = encode_strings(
        counted,
        base=data.base.place.parent,
        symbol_V=symbols.of_base_V,
        workers=1,
        known=data.dictionary.known,
    )
    width = len(strings) - data.count_FS.shape[1]
    count_FS, documents_FS = (np.pad(part, ((0, 0), (0, width))) for part in (data.count_FS, data.documents_FS))
    return Data(data.base, data.sources, strings, data.dictionary, data.number_K, cells, count_FS, documents_FS)


def symbols_of(base: BpeFile, config: VocabExtensionConfig) -> Symbols:
    pattern = TokenPattern(config.max_token_characters, config.leading_mark)
    return Symbols(base.bytes_of, pattern, 2 * config.new_tokens)


def read_source(file: str, base: BpeFile, encoders: list[Encoder], numbers: dict[str, int], characters: int) -> Held:
    """Draw documents of a file, encode them with every peer, and number their pre-tokens with Han."""
    different = {xxhash.xxh3_64_intdigest(text.encode()): text for text in TextFiles((file,))}
    size, drawn = sum(map(len, different.values())), list[tuple[int, str]]()
    taken = 0
    for digest, text in sorted(different.items()):
        drawn.append((digest, text[:MAX_DOCUMENT]))
        taken += len(drawn[-1][1])
        if taken >= characters:
            break
    texts = [text for _, text in drawn]
    split = pretoken_splitter(Tokenizer.from_str(json.dumps(base.data)), base.data)
    strings: list[int] = []
    ends: list[int] = []
    for text in texts:
        strings += [numbers.setdefault(word, len(numbers)) for word in split(text) if any(map(is_han, word))]
        ends.append(len(strings))
    return Held(
        name=Path(file).name.partition(".")[0],
        characters=size,
        characters_D=np.array([len(text) for text in texts]),
        digests_D=np.array([digest for digest, _ in drawn], dtype=np.uint64),
        tokens_DK=np.column_stack([encoder.encode(texts).lengths for encoder in encoders]),
        string_T=np.array(strings),
        document_T=np.repeat(np.arange(len(texts)), np.diff(ends, prepend=0)),
    )


if __name__ == "__main__":
    main()
