"""`vocab-extension learn`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from hanhua.cli.named_values import named_values
from hanhua.cli.options import FORMATS, AsJson, Base, Split, TextField
from hanhua.cli.vocab.options import new_folder

if TYPE_CHECKING:
    from hanhua.vocab_extension.config import VocabExtensionConfig
    from hanhua.vocab_extension.learning.learn import Learned
    from hanhua.vocab_extension.learning.near_copies import NearCopies
    from hanhua.vocab_extension.measuring.measure import Measure
    from hanhua.vocab_extension.proof.pair import Pair
    from hanhua.vocab_extension.proof.verify import Examination


Corpus = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE…", help=f"Chinese texts, each argument one source: {FORMATS}"),
]
NewTokens = Annotated[
    int, typer.Option(metavar="N", min=256, help="Number of tokens to add; rounded down to a multiple of 256")
]
MergeScope = Annotated[
    str,
    typer.Option(
        metavar="KIND",
        help="Where merges are counted: runs of text, words only, or hybrid (across words at half weight)",
    ),
]
DictionaryWeight = Annotated[
    float,
    typer.Option(
        metavar="W",
        min=0,
        help="Weight of the word lists relative to the corpus; without --corpus, only they are used",
    ),
]
LIST_FORM = "NAME=W, such as jieba=1"
WordLists = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=W…",
        help="Word lists and their shares: jieba's dictionary, vocabularies of tokenizers (deepseek, qwen, llama4), "
        "each with -tw in Traditional (default: jieba=0.3 deepseek=0.6 deepseek-tw=0.04)",
    ),
]
SpacedWords = Annotated[
    float,
    typer.Option(
        metavar="W",
        min=0,
        help="Weight of a dictionary word after a space, if the base merges that space into the first token",
    ),
]
Scripts = Annotated[
    str,
    typer.Option(metavar="KIND", help="Script to convert texts to, with OpenCC: as-is, hans, hant-tw, hant-hk or both"),
]
RequiredCharacters = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SET…",
        help="Character sets in which every character gets a token: gb2312-1, gb2312, big5-1, hongkong (default: none)",
    ),
]
Weights = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE=W…", help="Weight of each occurrence in a source (default: 1)"),
]
MaxRead = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE=N…", help="Maximum number of characters read from a source (default: all)"),
]
Balance = Annotated[
    float,
    typer.Option(
        metavar="B", min=0, max=1, help="Balance between sources: 0 weighs every character alike, 1 every source alike"
    ),
]
SourceExponent = Annotated[
    float,
    typer.Option(
        min=0.05,
        max=1,
        help="Below 1, strings that several sources have count more: better for other texts, worse for these",
    ),
]
MinCount = Annotated[int, typer.Option(metavar="N", min=2, help="Minimum number of occurrences of a new token")]
MinDocuments = Annotated[
    int, typer.Option(metavar="N", min=1, max=32, help="Minimum number of documents that contain a new token")
]
MaxCharacters = Annotated[
    int, typer.Option(metavar="N", min=1, max=16, help="Maximum length of a new token in characters")
]
MaxStrings = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1000,
        help="Maximum number of distinct strings to learn from; each takes 500 to 900 bytes of memory",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Number of processes (default: one per core, at most 8)"),
]


def learn(
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the extended tokenizer")],
    corpus: Corpus = None,
    base: Base = "llama3",
    new_tokens: NewTokens = 8000,
    merge_scope: MergeScope = "runs",
    dictionary_weight: DictionaryWeight = 0.94,
    word_lists: WordLists = None,
    space_prefixed_words: SpacedWords = 0.25,
    scripts: Scripts = "as-is",
    required_characters: RequiredCharacters = None,
    weight: Weights = None,
    max_read: MaxRead = None,
    balance: Balance = 0.5,
    source_exponent: SourceExponent = 1.0,
    min_count: MinCount = 3,
    min_documents: MinDocuments = 2,
    max_characters: MaxCharacters = 4,
    max_strings: MaxStrings = 4_000_000,
    workers: Workers = None,
    text_field: TextField = "text",
    split: Split = "train",
    as_json: AsJson = False,
) -> None:
    """Learn new tokens from Chinese texts and write the extended tokenizer.

    2% of the documents are held out, and the table shows characters per token on them. The result loads in plain
    transformers, and is verified before it is written. Without --corpus, word lists alone teach.
    """
    given = {
        "new_tokens": new_tokens,
        "merge_scope": merge_scope,
        "dictionary_weight": dictionary_weight,
        **({"word_lists": named_values("--word-lists", word_lists, form=LIST_FORM)} if word_lists else {}),
        "space_prefixed_words": space_prefixed_words,
        "scripts": scripts,
        "required_characters": required_characters or (),
        "weights": _by_source("--weight", weight, corpus or []),
        "max_characters": _by_source("--max-read", max_read, corpus or []),
        "balance": balance,
        "source_exponent": source_exponent,
        "min_count": min_count,
        "min_documents": min_documents,
        "max_token_characters": max_characters,
        "max_strings": max_strings,
    }
    done = learn_folder(_config(given), corpus or [], base, Reading(text_field, split), out=out, workers=workers)
    _print_learned(*done, base=base, out=out, as_json=as_json)


def _config(given: dict[str, Any]) -> VocabExtensionConfig:
    from hanhua.cli.settings import config_of_options
    from hanhua.vocab_extension.config import VocabExtensionConfig

    return config_of_options(VocabExtensionConfig, given)


def learn_folder(
    config: VocabExtensionConfig,
    patterns: list[str],
    base: str,
    reading: Reading,
    *,
    out: Path,
    workers: int | None = None,
) -> tuple[dict[str, Any], Learned]:
    """Write the extended tokenizer as a finished artifact at `out`; return its facts and what was learned."""
    from hanhua.base_tokenizer import resolve_base_tokenizer
    from hanhua.vocab_extension.proof.verify import raise_if_broken
    from hanhua.vocab_extension.texts import sources_of
    from hanhua.vocab_extension.tokenizer_json import say_limits

    places = {pattern: sources_of([pattern], split=reading.split) for pattern in patterns}
    folder = resolve_base_tokenizer(base)
    say_limits(folder)
    with new_folder(out) as partial:
        learned, found = learn_into(partial, config, places, folder, reading, workers=workers)
        rows = _measured(found.pair, places, reading, learned.seen)
        facts = _learn_facts(learned, rows, raise_if_broken(found.checks), partial)
        _write_manifest(partial, config=config, base=folder, places=places, facts=facts)
    return facts, learned


class Reading(NamedTuple):
    """How files are read."""

    text_field: str
    split: str


def learn_into(
    partial: Path,
    config: VocabExtensionConfig,
    places: Mapping[str, tuple[str, ...]],
    base: Path,
    reading: Reading,
    *,
    workers: int | None = None,
) -> tuple[Learned, Examination]:
    """Learn from the files of each source except the 2% held out, write the tokenizer and verify it."""
    from hanhua.pipeline.service_builders import service
    from hanhua.vocab_extension.extend import write_extended
    from hanhua.vocab_extension.learning.learn import learn_tokens
    from hanhua.vocab_extension.learning.sources import Source
    from hanhua.vocab_extension.proof.verify import examine, raise_if_broken
    from hanhua.vocab_extension.texts import TextFiles
    from hanhua.vocab_extension.tokenizer_json import read_bpe_file

    sources = [
        Source(
            name,
            TextFiles(files, *reading, held_out=False),
            config.weights.get(name, 1.0),
            config.max_characters.get(name),
        )
        for name, files in places.items()
    ]
    scratch = partial / "work"
    scratch.mkdir(exist_ok=True)
    learned = learn_tokens(sources, base=base, config=config, junk=service("junk"), workers=workers, scratch=scratch)
    write_extended(read_bpe_file(base), learned.tokens, partial)
    found = examine(partial, base=base)
    raise_if_broken(found.checks)
    return learned, found


def _by_source(option: str, given: list[str] | None, patterns: list[str]) -> dict[str, str]:
    """Return the values of `FILE=VALUE` arguments by FILE, which must be one of --corpus's arguments."""
    from hanhua.errors import UsageError

    found = {}
    for word in given or []:
        name, _, value = word.rpartition("=")
        if name not in patterns:
            raise UsageError(
                f"{option} {word}: {name!r} is not given to --corpus ({', '.join(patterns) or 'nothing is'})"
            )
        found[name] = value
    return found


def _measured(pair: Pair, places: Mapping[str, tuple[str, ...]], reading: Reading, seen: NearCopies) -> list[Measure]:
    """Measure both on what was held out; near copies of what was learned from would flatter."""
    from hanhua.vocab_extension.measuring.measure import Subject
    from hanhua.vocab_extension.measuring.measure import measure as measure_all
    from hanhua.vocab_extension.texts import TextFiles

    files = tuple(sorted({file for found in places.values() for file in found}))
    subjects = [Subject("base", pair.base_tokenizer), Subject("extended", pair.extended_tokenizer, pair.base.size)]
    return measure_all(subjects, {"held out": seen.without(TextFiles(files, *reading, held_out=True))})


def _learn_facts(learned: Learned, rows: list[Measure], verified: dict[str, str], out: Path) -> dict[str, Any]:
    from hanhua.artifacts.files import read_json
    from hanhua.vocab_extension.extend import EXTENSION_JSON

    head = read_json(out / EXTENSION_JSON)
    ratios = {row.tokenizer: round(row.characters_per_token, 4) for row in rows if row.documents}
    return {
        "requested": learned.requested,
        "new_tokens": head["new_tokens"],
        "first_new_id": head["first_new_id"],
        "vocab_size": head["vocab_size"],
        "documents": learned.documents,
        "characters": learned.characters,
        "heldout_documents": rows[0].documents,
        "compression": {"heldout": {"all": ratios}} if ratios else {},
        "dropped": learned.dropped,
        "verify": verified,
    }


def _write_manifest(
    folder: Path,
    *,
    config: VocabExtensionConfig,
    base: Path,
    places: Mapping[str, tuple[str, ...]],
    facts: dict[str, Any],
) -> None:
    from hanhua.artifacts.files import sha256_of
    from hanhua.cli.output import finish

    files = {file for found in places.values() for file in found}
    inputs = {file: sha256_of(Path(file)) for file in sorted(files) if Path(file).is_file()}
    inputs["base"] = sha256_of(base / "tokenizer.json")
    finish("vocab_extension", folder, config=config, inputs=inputs, facts=facts)


def _print_learned(facts: dict[str, Any], learned: Learned, *, base: str, out: Path, as_json: bool) -> None:
    from hanhua.cli.printing import print_json, print_table

    if as_json:
        print_json(facts)
        return
    ratios = facts["compression"].get("heldout", {}).get("all")
    rows = [
        ("base", f"{facts['first_new_id']:,}", f"{ratios['base']:.3f}" if ratios else "", ""),
        (
            "extended",
            f"{facts['vocab_size']:,}",
            f"{ratios['extended']:.3f}" if ratios else "",
            f"{ratios['extended'] / ratios['base']:.2f}×" if ratios else "",
        ),
    ]
    print_table(("tokenizer", "tokens", "characters per token", "gain"), rows)
    held = f"{facts['heldout_documents']:,} documents held out (2%), never learned from"
    print(held if ratios else "the corpus is so small that no document was held out; measure on other texts")
    first = "  ".join([token.text for token in learned.tokens if token.text][:12])
    print(f"first new tokens: {first}")
    print(f"next: vocab-extension resize --model MODEL --tokenizer {out} --out MODEL-zh")
    print(f"      vocab-extension verify {out} --base {base} --texts FILE…   (already verified on built-in texts)")
