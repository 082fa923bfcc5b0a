"""What new tokens buy on text they were not learned from, and which settings of learning do best.

    python benchmarks/vocab_gain.py --data DIR --hold-out 'zh_hans_laws*' 'zh_*comments*' --new-tokens 32000
    python benchmarks/vocab_gain.py --data DIR --hold-out 'zh_*laws*' --compare merge_scope=words dictionary_weight=0

For each pattern of --hold-out: learns from all files of DIR that match --learn but not it, then measures it. The last
columns are tokens saved on its 5,000 commonest words standing alone, and standing behind a space, a comma
and a bracket, where Llama 3's pattern glues mark and word together.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from measurement import add_json_option, markdown_head, markdown_row, write_measurement
from tokenizers import Tokenizer

from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.pipeline.service_builders import service
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.extend import extended
from hanhua.vocab_extension.learning.learn import learn_tokens
from hanhua.vocab_extension.learning.sources import Source
from hanhua.vocab_extension.texts import TextFiles, sources_of
from hanhua.vocab_extension.tokenizer_json import encode_all, read_bpe_file
from hanhua.zh_text.scripts import is_han
from hanhua.zh_text.segmentation import segment

WORDS, CONTEXTS = 5_000, (" ", "，", "「")


class Measured(NamedTuple):
    """tokens: of the text. words: tokens of the words alone. glued: of the words in each context."""

    tokens: int
    words: int
    glued: tuple[int, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of text files")
    parser.add_argument("--learn", default="zh_*", help="glob of the files to learn from")
    parser.add_argument("--hold-out", nargs="+", required=True, help="globs, each held out in turn")
    parser.add_argument("--new-tokens", type=int, default=32_000)
    parser.add_argument("--compare", nargs="*", default=[], help="settings to try beside the default, key=value,…")
    parser.add_argument("--characters", type=int, default=1_500_000, help="of each held-out file to measure on")
    add_json_option(parser)
    given = parser.parse_args()
    base = resolve_base_tokenizer("llama3")
    print(markdown_head("held out", "settings", "base", "extended", "gain", "saved on words", "saved in context"))
    results: list[dict[str, Any]] = []
    for pattern in given.hold_out:
        held = sources_of([given.data / pattern])
        texts = list(first_characters(held, given.characters))
        words = common_words(texts)
        before = measured(Tokenizer.from_file(str(base / "tokenizer.json")), texts, words)
        sources = [
            Source(file, TextFiles((file,))) for file in sources_of([given.data / given.learn]) if file not in held
        ]
        for settings in ["default", *given.compare]:
            config = VocabExtensionConfig.model_validate({"new_tokens": given.new_tokens, **parsed(settings)})
            learned = learn_tokens(sources, base=base, config=config, junk=service("junk"))
            file = extended(read_bpe_file(base), [token.data for token in learned.tokens])
            after = measured(Tokenizer.from_str(json.dumps(file.data)), texts, words)
            results.append({"held_out": pattern, "settings": settings, **compared(texts, before, after)})
            print(row(results[-1]), flush=True)
    for settings in ["default", *given.compare]:
        gains = [found["gain"] for found in results if found["settings"] == settings]
        print(f"{settings}: mean gain {sum(gains) / len(gains):.3f}× over {len(gains)} held-out files")
    write_measurement(__file__, given, results)


def compared(texts: list[str], before: Measured, after: Measured) -> dict[str, Any]:
    """Return characters per token and the gain, tokens saved on the words, and in each context as a share of that."""
    characters, alone = sum(map(len, texts)), before.words - after.words
    shares = [(b - a) / max(alone, 1) for b, a in zip(before.glued, after.glued, strict=True)]
    return {
        "base_characters_per_token": characters / before.tokens,
        "extended_characters_per_token": characters / after.tokens,
        "gain": before.tokens / after.tokens,
        "word_tokens": before.words,
        "saved_word_tokens": alone,
        "saved_in_context_ratio": dict(zip(CONTEXTS, shares, strict=True)),
    }


def row(found: dict[str, Any]) -> str:
    rates = (f"{found[f'{which}_characters_per_token']:.3f}" for which in ("base", "extended"))
    words = f"{found['saved_word_tokens']:,} of {found['word_tokens']:,}"
    shares = " ".join(f"{share:.0%}" for share in found["saved_in_context_ratio"].values())
    return markdown_row(found["held_out"], found["settings"], *rates, f"{found['gain']:.3f}×", words, shares)


def measured(tokenizer: Tokenizer, texts: list[str], words: list[str]) -> Measured:
    def tokens(strings: list[str]) -> int:
        return sum(map(len, encode_all(tokenizer, strings, batch=500)))

    return Measured(tokens(texts), tokens(words), tuple(tokens([mark + w for w in words]) for mark in CONTEXTS))


def common_words(texts: list[str]) -> list[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(
            word for word in segment(text, engine="rjieba", new_words=False) if is_han(word) and len(word) > 1
        )
    return [word for word, _ in counts.most_common(WORDS)]


def first_characters(sources: tuple[str, ...], characters: int) -> Iterator[str]:
    taken = 0
    for text in TextFiles(sources):
        yield text
        taken += len(text)
        if taken >= characters:
            return


def parsed(settings: str) -> dict[str, object]:
    if settings == "default":
        return {}
    pairs = (word.partition("=") for word in settings.split(","))
    return {
        key: None if value == "null" else [value] if key == "required_characters" else value
        for key, _, value in islice(pairs, None)
    }


if __name__ == "__main__":
    main()
