"""How well, how fast and in how much memory new tokens are learned, and how fast the result encodes.

    python benchmarks/vocab_learn.py --data DIR --learn 'zh_*.jsonl.zst' --measure '*.jsonl.zst' --new-tokens 8000

Learns from the files of DIR that match --learn, without the 2% of their documents that are held out, and
measures on those and on every file that matches --measure and was not learned from.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tokenizers import Tokenizer

from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.cli.printing import print_table
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.extend import write_extended
from hanhua.vocab_extension.learn import learn_tokens
from hanhua.vocab_extension.measure import Measure, Subject, measure, open_subject
from hanhua.vocab_extension.texts import TextFiles, sources_of
from hanhua.vocab_extension.tokenizer_json import read_bpe_file

SPEED_CHARACTERS = 3_000_000
REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of text files")
    parser.add_argument("--learn", default="*.jsonl.zst", help="glob of the files to learn from")
    parser.add_argument("--measure", default="", help="glob of more files to measure on")
    parser.add_argument("--new-tokens", type=int, default=8000)
    parser.add_argument("--glued", choices=("none", "extend", "all"), default="all")
    parser.add_argument("--base", default="llama3")
    given = parser.parse_args()
    base = resolve_base_tokenizer(given.base)
    learn_from = sources_of([given.data / given.learn])
    others = [s for s in sources_of([given.data / given.measure]) if s not in learn_from] if given.measure else []
    config = VocabExtensionConfig(new_tokens=given.new_tokens, glued=given.glued)
    began = time.perf_counter()
    learned = learn_tokens(TextFiles(learn_from, held_out=False), base=base, config=config)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    with TemporaryDirectory() as folder:
        write_extended(read_bpe_file(base), learned.tokens, Path(folder))
        subjects = [open_subject(base, name="base"), open_subject(Path(folder), name="extended")]
    texts = {f"{Path(s).name} (held out)": TextFiles((s,), held_out=True) for s in learn_from}
    texts.update({Path(s).name: TextFiles((s,)) for s in others})
    rows = measure(subjects, texts)
    print_table(("texts", "characters", "base", "extended", "gain", "new used"), table_of(rows))
    print(
        f"\nlearned {len(learned.tokens):,} tokens from {learned.characters / 1e6:,.1f} M characters "
        f"in {seconds:,.0f} s, peak {peak / 1e9:.2f} GB; dropped {learned.dropped}"
    )
    print_speed(subjects, learn_from)


def table_of(rows: list[Measure]) -> list[tuple[str, ...]]:
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return [
        (
            base.texts,
            f"{base.characters:,}",
            f"{base.characters_per_token:.3f}",
            f"{new.characters_per_token:.3f}",
            f"{new.characters_per_token / base.characters_per_token:.3f}×",
            f"{new.new_tokens_used or 0:.1%}",
        )
        for base, new in pairs
    ]


def print_speed(subjects: list[Subject], sources: tuple[str, ...]) -> None:
    texts: list[str] = []
    for text in TextFiles(sources, held_out=True):
        texts.append(text)
        if sum(map(len, texts)) > SPEED_CHARACTERS:
            break
    size = sum(len(text.encode()) for text in texts) / 1e6
    fastest = {
        subject.name: min(seconds_to_encode(subject.tokenizer, texts) for _ in range(REPEATS)) for subject in subjects
    }
    speeds = ", ".join(f"{name} {size / seconds:.2f} MB/s" for name, seconds in fastest.items())
    print(f"encoding: {speeds} (extended at {fastest['base'] / fastest['extended']:.2f}× the base's speed)")


def seconds_to_encode(tokenizer: Tokenizer, texts: list[str]) -> float:
    began = time.perf_counter()
    tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
