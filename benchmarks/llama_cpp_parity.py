"""Whether llama.cpp encodes real lines as tokenizer.json does, file by file.

    python benchmarks/llama_cpp_parity.py --data DIR --tokenizer llama3-zh --lines 10000

Takes equally many different lines from every file of DIR, spread over the whole of it. Needs the extra
`llama-cpp` (llama-cpp-python is compiled on installation). Exits with 1 when any line differs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from measurement import add_json_option, write_measurement
from tokenizers import Tokenizer

from hanhua.cli.printing import print_table
from hanhua.progress import Progress
from hanhua.vocab_extension.proof.llama_cpp_parity import compare, llama_cpp_encoder
from hanhua.vocab_extension.texts import TextFiles, sources_of

SHOWN = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of text files")
    parser.add_argument("--files", default="*.jsonl.zst", help="glob of the files in it")
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder of an extended tokenizer")
    parser.add_argument("--lines", type=int, default=10_000, help="how many in all, at least")
    add_json_option(parser)
    given = parser.parse_args()
    sources = sources_of([given.data / given.files])
    tokenizer = Tokenizer.from_file(str(given.tokenizer / "tokenizer.json"))
    found_of, problems = {}, []
    with llama_cpp_encoder(given.tokenizer) as encode, Progress("comparing", total=None, unit="lines") as bar:
        for source in sources:
            lines = spread(source, -(-given.lines // len(sources)))
            found = list(compare(encode, tokenizer, lines))
            problems += [f"{Path(source).name}: {problem}" for problem in found]
            counts = {"lines": len(lines), "characters": sum(map(len, lines)), "different": len(found)}
            found_of[Path(source).name] = counts
            bar.advance(len(lines), note=Path(source).name)
    rows = [(name, *(f"{count:,}" for count in counts.values())) for name, counts in found_of.items()]
    print_table(("file", "lines", "characters", "different"), rows)
    print("\n".join(problems[:SHOWN]))
    write_measurement(__file__, given, found_of)
    sys.exit(1 if problems else 0)


def spread(source: str, number: int) -> list[str]:
    """Return so many different lines of a file, evenly from its whole length; all when it has fewer."""
    lines = list(dict.fromkeys(lines_of(source)))
    number = min(number, len(lines))
    return [lines[i * len(lines) // number] for i in range(number)]


def lines_of(source: str) -> Iterator[str]:
    for text in TextFiles((source,)):
        yield from (line for line in text.splitlines() if line.strip())


if __name__ == "__main__":
    main()
