"""Which bases can be extended, and what the same number of new tokens buys on each: characters per token, held out.

    python benchmarks/bases.py --new-tokens 4096
    python benchmarks/bases.py --bases llama3 llama4 --corpus 'texts/zh_*.jsonl' --new-tokens 16384

For each base: learns from all texts but the 2% held out of every file, proves the extension,
and measures base and extension on what was held out and on --texts, which were never learned from.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from measurement import add_json_option, markdown_head, markdown_row, write_measurement

from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.errors import InputError
from hanhua.packaged_tokenizers import PACKAGED
from hanhua.pipeline.service_builders import service
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.export.gguf_vocabulary import llama_cpp_name
from hanhua.vocab_extension.extend import write_extended
from hanhua.vocab_extension.learning.learn import learn_tokens
from hanhua.vocab_extension.learning.sources import Source
from hanhua.vocab_extension.measuring.measure import measure, open_subject
from hanhua.vocab_extension.pretokenizer import missing_bytes
from hanhua.vocab_extension.proof.pair import open_pair
from hanhua.vocab_extension.proof.shared_pretokens import shared_pretokens
from hanhua.vocab_extension.proof.verify import verify_extension
from hanhua.vocab_extension.texts import TextFiles, sources_of
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_bpe_file
from hanhua.zh_text.scripts import is_han

BASES = ("llama3", "llama4", "qwen", "deepseek", "tekken", "smollm2")
QUICKSTART = Path(__file__).parent.parent / "recipes" / "quickstart"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--bases", nargs="+", default=list(BASES), help=f"folders, Hub ids, or of {', '.join(PACKAGED)}"
    )
    parser.add_argument("--corpus", default=str(QUICKSTART / "zh_*.jsonl"), help="glob of the files to learn from")
    parser.add_argument(
        "--texts", type=Path, default=QUICKSTART / "questions.jsonl", help="a file to measure on as well"
    )
    parser.add_argument("--text-field", default="question", help="the field of --texts that holds the text")
    parser.add_argument("--new-tokens", type=int, default=4096)
    parser.add_argument("--dictionary-weight", type=float, default=10.0, help="so much, for the corpus is small")
    add_json_option(parser)
    given = parser.parse_args()
    print(markdown_head("base", "tokens", "Han tokens", "new", "llama.cpp", "proved", "held out", "other texts"))
    results = []
    for base in given.bases:
        results.append(measured(base, given))
        print(row(results[-1]), flush=True)
    write_measurement(__file__, given, results)


def measured(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Extend one base, and return what holds of it and what it buys."""
    base = resolve_base_tokenizer(name)
    file = read_bpe_file(base)
    files = sources_of([given.corpus])
    sources = [Source(one, TextFiles((one,), held_out=False)) for one in files]
    config = VocabExtensionConfig(new_tokens=given.new_tokens, dictionary_weight=given.dictionary_weight)
    learned = learn_tokens(sources, base=base, config=config, junk=service("junk"))
    with TemporaryDirectory() as place:
        out = Path(place)
        write_extended(file, learned.tokens, out)
        checks = verify_extension(out, base=base)
        texts = {
            "held_out": TextFiles(files, held_out=True),
            "other": TextFiles((str(given.texts),), given.text_field),
        }
        rows = measure([open_subject(base, name="base"), open_subject(out, name="extended")], texts)
        beside = shared_pretokens(open_pair(base, out)).as_json()
    broken = [check.name for check in checks if not check.holds]
    return {
        "base": name,
        "tokens": file.size,
        "han_tokens": sum(_is_han(data) for data in file.bytes_of.values()),
        "new_tokens": len(learned.tokens),
        "bytes_without_token": len(missing_bytes(file)),
        "normalizer": (file.data.get("normalizer") or {}).get("type"),
        "ignore_merges": bool(file.data["model"].get("ignore_merges")),
        "llama_cpp": _llama_cpp(file),
        "broken_checks": broken,
        "beside_han": beside,
        "characters_per_token": {f"{one.texts}.{one.tokenizer}": one.characters_per_token for one in rows},
        "characters": {one.texts: one.characters for one in rows},
    }


def row(found: dict[str, Any]) -> str:
    rates = found["characters_per_token"]
    both = [(rates[f"{texts}.base"], rates[f"{texts}.extended"]) for texts in ("held_out", "other")]
    shown = [f"{before:.3f} → {after:.3f} ({after / before:.2f}×)" for before, after in both]
    numbers = (f"{found[key]:,}" for key in ("tokens", "han_tokens", "new_tokens"))
    proved = ", ".join(found["broken_checks"]) or "yes"
    return markdown_row(found["base"], *numbers, found["llama_cpp"] or "none", proved, *shown)


def _llama_cpp(file: BpeFile) -> str | None:
    try:
        return llama_cpp_name(file)
    except InputError:
        return None


def _is_han(data: bytes) -> bool:
    try:
        return is_han(data.decode())
    except UnicodeDecodeError:
        return False


if __name__ == "__main__":
    main()
