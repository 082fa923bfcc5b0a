"""The stage `vocab_extension`: a tokenizer with new tokens, learned from a corpus, verified and measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hanhua.artifacts.manifest import Artifact
from hanhua.documents.corpus import Split, read_corpus
from hanhua.errors import InputError
from hanhua.progress import say
from hanhua.services import Services
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.extend import write_extended
from hanhua.vocab_extension.learning.learn import learn_tokens
from hanhua.vocab_extension.learning.sources import Source
from hanhua.vocab_extension.measuring.measure import Subject, measure
from hanhua.vocab_extension.proof.verify import examine, raise_if_broken
from hanhua.vocab_extension.texts import encodable
from hanhua.vocab_extension.tokenizer_json import read_bpe_file, say_limits


def learn_tokenizer(
    config: VocabExtensionConfig, inputs: Mapping[str, Artifact], out: Path, *, services: Services
) -> dict[str, Any]:
    """Learn new tokens from the train split, write the extended tokenizer into `out`, verify and measure it.

    inputs: `corpus`, and `base` with its tokenizer in `model/`. Raises InvariantError listing what is broken
    when the result does not verify, InputError when the corpus is too small.
    """
    corpus, base = inputs["corpus"].path, inputs["base"].path / "model"
    say_limits(base)
    scratch = out / "work"
    scratch.mkdir(exist_ok=True)
    learned = learn_tokens(_sources(corpus, config), base=base, config=config, junk=services.junk, scratch=scratch)
    bpe = read_bpe_file(base)
    write_extended(bpe, learned.tokens, out)
    examined = examine(out, base=base)
    verified = raise_if_broken(examined.checks)
    held_out = {name: _CorpusTexts(corpus, "heldout", (name,)) for name in _names(corpus)}
    pair = examined.pair
    subjects = [Subject("base", pair.base_tokenizer), Subject("extended", pair.extended_tokenizer, bpe.size)]
    compression: dict[str, dict[str, float]] = {}
    new_used: dict[str, float] = {}
    for row in measure(subjects, held_out):
        compression.setdefault(row.texts, {})[row.tokenizer] = round(row.characters_per_token, 4)
        if row.new_tokens_used is not None:
            new_used[row.texts] = round(row.new_tokens_used, 4)
    for name, ratios in compression.items():
        say(f"{name}: {ratios['base']:.3f} → {ratios['extended']:.3f} characters per token (held out)")
    return {
        "requested": config.new_tokens,
        "new_tokens": len(learned.tokens),
        "first_new_id": bpe.size,
        "vocab_size": bpe.size + len(learned.tokens),
        "learned_from": {
            "documents": learned.documents,
            "duplicates": learned.duplicates,
            "near_duplicates": learned.near_duplicates,
            "characters": learned.characters,
            "candidates": learned.candidates,
            "dropped": learned.dropped,
            "strings": learned.strings,
            "sampled": learned.sampled,
        },
        "compression": {"heldout": compression},
        "new_tokens_used": {"heldout": new_used},
        "verify": verified,
    }


def _sources(corpus: Path, config: VocabExtensionConfig) -> list[Source]:
    """Return the corpora to learn from; InputError for a name that the corpus does not have."""
    languages: dict[str, str] = {}
    for document in read_corpus(corpus, split="train"):
        languages.setdefault(document.corpus, document.language)
    chosen = config.corpora or [name for name, language in languages.items() if language.startswith("zh")]
    for field, names in (("corpora", chosen), ("weights", config.weights), ("max_characters", config.max_characters)):
        unknown = [name for name in names if name not in languages]
        if unknown:
            has = ", ".join(sorted(languages)) or "none"
            raise InputError(
                f"vocab_extension.{field}: no documents of the split train are named {unknown[0]!r}; {has}"
            )
    if not chosen:
        raise InputError(f"{corpus}: no document to learn from (language zh, split train)")
    return [
        Source(
            name,
            _CorpusTexts(corpus, "train", (name,)),
            config.weights.get(name, 1.0),
            config.max_characters.get(name),
        )
        for name in chosen
    ]


class _CorpusTexts:
    """Texts of one split of a Corpus, read again at each iteration."""

    def __init__(self, folder: Path, split: Split, corpora: tuple[str, ...]) -> None:
        self.folder, self.split, self.corpora = folder, split, corpora

    def __iter__(self) -> Iterator[str]:
        for document in read_corpus(self.folder, split=self.split, corpora=self.corpora):
            yield encodable(document.text)


def _names(corpus: Path) -> list[str]:
    return sorted({document.corpus for document in read_corpus(corpus, split="heldout")})
