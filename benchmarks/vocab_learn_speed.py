"""How fast and in how much memory new tokens are learned, beside a plain implementation of the same algorithm.

    python benchmarks/vocab_learn_speed.py --data DIR --megabytes 25 50 100 --synthetic 400 --plain 1

Learns 32,000 tokens from the first so many megabytes of the files of DIR that match --learn, taken in turn; from so
many megabytes of made-up runs no two of which are equal; and, from a small part, with a page of plain Python,
which must find the same tokens. Each in a process of its own; memory is that of the process and its workers together.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from measurement import add_json_option, markdown_head, markdown_row, write_measurement
from tokenizers import Tokenizer

from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.learning.learn import learn_tokens
from hanhua.vocab_extension.learning.sources import Source
from hanhua.vocab_extension.learning.symbols import Symbols
from hanhua.vocab_extension.learning.token_pattern import TokenPattern
from hanhua.vocab_extension.texts import TextFiles, sources_of
from hanhua.vocab_extension.tokenizer_json import encode_all, pretoken_splitter, read_bpe_file
from hanhua.zh_text.scripts import is_han

BARE = {"dictionary_weight": 0, "balance": 0, "min_documents": 1, "max_straddling": None}
"""Settings under which learning is continued BPE and nothing else."""
PLAIN_TOKENS = 512
SECONDS_BETWEEN_LOOKS = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of text files")
    parser.add_argument("--learn", default="zh_*", help="glob of the files to learn from")
    parser.add_argument("--new-tokens", type=int, default=32_000)
    parser.add_argument("--megabytes", type=float, nargs="*", default=[25, 50, 100])
    parser.add_argument("--synthetic", type=float, default=0, help="megabytes of all-distinct runs")
    parser.add_argument("--plain", type=float, default=0, help="megabytes for the plain implementation")
    add_json_option(parser)
    given = parser.parse_args()
    files = sources_of([given.data / given.learn])
    print(markdown_head("text", "MB", "tokens", "seconds", "MB/s", "peak GB", "strings"))
    results: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder:
        for megabytes in given.megabytes:
            texts = write_mixture(files, megabytes, Path(folder) / f"{megabytes}")
            done = run_apart(learn, texts, given.new_tokens, {})
            results.append(shown("real, mixed", megabytes, given.new_tokens, done))
        if given.synthetic:
            texts = write_synthetic(given.synthetic, Path(folder) / "synthetic")
            done = run_apart(learn, texts, given.new_tokens, {})
            results.append(shown("all runs distinct", given.synthetic, given.new_tokens, done))
        if given.plain:
            texts = write_mixture(files, given.plain, Path(folder) / "plain")
            results += compare(texts, given.plain)
    write_measurement(__file__, given, results)


def shown(name: str, megabytes: float, tokens: int, done: dict[str, Any]) -> dict[str, Any]:
    """Print a row, and return its figures."""
    seconds = done["seconds"]
    figures = (f"{seconds:.1f}", f"{megabytes / seconds:.2f}", f"{done['peak'] / 1e9:.2f}", f"{done['strings']:,}")
    print(markdown_row(name, f"{megabytes:g}", f"{tokens:,}", *figures), flush=True)
    counts = {"megabytes": megabytes, "tokens": tokens, "strings": done["strings"]}
    return {"text": name, **counts, "seconds": seconds, "peak_bytes": done["peak"]}


def compare(texts: Path, megabytes: float) -> list[dict[str, Any]]:
    ours, plain = (run_apart(f, texts, PLAIN_TOKENS, BARE) for f in (learn, learn_plainly))
    rows = [
        shown(name, megabytes, PLAIN_TOKENS, done) for name, done in (("ours, bare", ours), ("plain Python", plain))
    ]
    same = sum(a == b for a, b in zip(ours["tokens"], plain["tokens"], strict=True))
    ratio = plain["seconds"] / ours["seconds"]
    print(f"plain / ours: {ratio:.1f} times the time; {same} of {PLAIN_TOKENS} tokens the same")
    rows[1] |= {"times_ours": ratio, "tokens_as_ours": same}
    return rows


def learn(texts: Path, new_tokens: int, settings: dict[str, Any]) -> dict[str, Any]:
    sources = [Source(path.name, TextFiles((str(path),))) for path in sorted(texts.iterdir())]
    config = VocabExtensionConfig.model_validate({"new_tokens": new_tokens, **settings})
    learned = learn_tokens(sources, base=resolve_base_tokenizer("llama3"), config=config)
    return {"strings": learned.strings, "tokens": [token.data.hex() for token in learned.tokens]}


def learn_plainly(texts: Path, new_tokens: int, _: dict[str, Any]) -> dict[str, Any]:
    """Continued BPE as one would write it first: count all pairs, join the commonest, adjust the counts."""
    base = resolve_base_tokenizer("llama3")
    file, shape = read_bpe_file(base), TokenPattern(4, "all")
    split = pretoken_splitter(Tokenizer.from_file(str(file.place)), file.data)
    documents = {text for path in sorted(texts.iterdir()) for text in TextFiles((str(path),))}
    counts = Counter(word for text in documents for word in split(text) if any(map(is_han, word)))
    forms = Symbols(file.bytes_of, shape, 1)
    words: list[tuple[list[bytes], int]] = []
    for ids, count in zip(encode_all(file.pretoken_encoder(), counts), counts.values(), strict=True):
        words.append(([file.bytes_of[i] if forms.of_base_V[i] else b"" for i in ids], count))
    order = {data: n for n, data in enumerate(forms.bytes_of)}
    pairs: Counter[tuple[bytes, bytes]] = Counter()
    where: dict[tuple[bytes, bytes], set[int]] = {}
    for n, (parts, count) in enumerate(words):
        for pair in pairwise(parts):
            pairs[pair] += count
            where.setdefault(pair, set()).add(n)
    known = set(file.bytes_of.values())
    tokens: list[bytes] = []
    while len(tokens) < new_tokens:
        wanted = (p for p in pairs if all(p) and p[0] + p[1] not in known and shape.is_wanted(p[0] + p[1]))
        left, right = max(wanted, key=lambda p: (pairs[p], -order[p[0]], -order[p[1]]))
        tokens.append(left + right)
        known.add(left + right)
        order[left + right] = len(order)
        for pair in [p for p in pairs if p[0] + p[1] == left + right and all(p)]:
            for n in list(where[pair]):
                parts, count = words[n]
                for old in pairwise(parts):
                    pairs[old] -= count
                parts[:] = joined(parts, pair)
                for new in pairwise(parts):
                    pairs[new] += count
                    where.setdefault(new, set()).add(n)
    return {"strings": len(counts), "tokens": [token.hex() for token in tokens]}


def joined(parts: list[bytes], pair: tuple[bytes, bytes]) -> list[bytes]:
    out: list[bytes] = []
    at = 0
    while at < len(parts):
        both = tuple(parts[at : at + 2]) == pair
        out.append(b"".join(parts[at : at + 2]) if both else parts[at])
        at += 2 if both else 1
    return out


def write_mixture(files: tuple[str, ...], megabytes: float, folder: Path) -> Path:
    """Write a part of every file, as large as its share of all, into a folder of JSON lines."""
    folder.mkdir()
    sizes = {file: sum(len(text.encode()) for text in TextFiles((file,))) for file in files}
    share = min(megabytes * 1e6 / sum(sizes.values()), 1.0)
    for file, size in sizes.items():
        taken = 0
        with (folder / f"{Path(file).name.split('.')[0]}.jsonl").open("w", encoding="utf-8") as out:
            for text in TextFiles((file,)):
                if taken >= size * share:
                    break
                taken += len(text.encode())
                out.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    return folder


def write_synthetic(megabytes: float, folder: Path) -> Path:
    """Write documents of runs of eight to twelve common characters, drawn so that no two runs are equal."""
    folder.mkdir()
    random_, written = random.Random(0), 0
    common = [bytes([lead, trail]).decode("gb2312") for lead in range(0xB0, 0xD7) for trail in range(0xA1, 0xFE)]
    with (folder / "runs.jsonl").open("w", encoding="utf-8") as out:
        while written < megabytes * 1e6:
            runs = ("".join(random_.choices(common, k=random_.randint(8, 12))) for _ in range(100))
            line = "，".join(runs)
            written += len(line.encode())
            out.write(json.dumps({"text": line}, ensure_ascii=False) + "\n")
    return folder


def run_apart(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Run a function in a process of its own and watch how much memory it and its children use."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    began = time.perf_counter()
    process = context.Process(target=_send, args=(sender, function, arguments))
    process.start()
    peak = 0
    while not receiver.poll(SECONDS_BETWEEN_LOOKS):
        peak = max(peak, sum(memory_of(psutil.Process(process.pid))))
        if not process.is_alive() and not receiver.poll(0):
            raise SystemExit(f"{function.__name__} died with exit code {process.exitcode}")
    done: dict[str, Any] = receiver.recv()
    process.join()
    return {**done, "seconds": time.perf_counter() - began, "peak": peak}


def memory_of(process: psutil.Process) -> Iterator[int]:
    try:
        for one in (process, *process.children(recursive=True)):
            yield one.memory_info().rss
    except psutil.Error:
        return


def _send(sender: Any, function: Callable[..., dict[str, Any]], arguments: tuple[Any, ...]) -> None:
    sender.send(function(*arguments))


if __name__ == "__main__":
    main()
