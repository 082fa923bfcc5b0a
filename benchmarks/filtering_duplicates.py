"""Prints recall and precision of near-duplicate search on planted copies, against what the band plan promises.

    python benchmarks/filtering_duplicates.py --data $DATA --only classics_modern --documents 1500

Texts of 300 to 2,000 characters are cut out of the documents. Each kind of copy is planted once for every text;
recall is the share of copies that end in the cluster of their original, precision the share of documents that
were dropped and are copies. Theory is for the similarity of each pair of texts as it was measured, averaged.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from measurement import add_json_option, markdown_head, markdown_row, write_measurement
from opencc import OpenCC

from hanhua.documents.places import expand_paths
from hanhua.documents.readers import read_records
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.duplicates.clusters import find_clusters
from hanhua.filtering.duplicates.curve import match_probability
from hanhua.filtering.judge import Judge

CONFIG = FilteringConfig.model_validate({"harm": {"enabled": False}, "pii": {"mode": "off"}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of corpora")
    parser.add_argument("--only", default="zh", help="files whose name contains this")
    parser.add_argument("--documents", type=int, default=1500, help="texts to copy")
    add_json_option(parser)
    arguments = parser.parse_args()
    texts = originals(Path(arguments.data), arguments.only, arguments.documents)
    twin = OpenCC("s2t").convert
    kinds: list[tuple[str, Callable[[str, random.Random], str]]] = [
        *(
            (f"{share:.0%} of characters changed", changing(share))
            for share in (0.01, 0.02, 0.05, 0.08, 0.1, 0.15, 0.2)
        ),
        *((f"cut to {share:.0%}", cutting(share)) for share in (0.95, 0.9, 0.8, 0.7, 0.6, 0.5)),
        ("the Traditional twin", lambda text, rng: twin(text)),
        ("the Traditional twin, 5% changed", lambda text, rng: twin(changing(0.05)(text, rng))),
        ("another text", lambda text, rng: ""),
    ]
    head = markdown_head("copy", "similarity", "theory", "recall", "precision")
    print(f"{len(texts):,} texts\n\n{head}")
    results = []
    for name, copy in kinds:
        results.append({"copy": name, **measure(texts, copy)})
        print(row(results[-1]), flush=True)
    write_measurement(__file__, arguments, results)


def originals(data: Path, only: str, count: int) -> list[str]:
    rng, texts = random.Random(0), []
    for path in expand_paths(data):
        if only not in path.name:
            continue
        for record in read_records(path, on_broken=lambda place, problem: None):
            size = rng.randrange(300, 2000)
            if len(record.text) >= size:
                texts.append(record.text[:size])
            if len(texts) == 2 * count:
                break
    # Statutes and the like repeat one another by right; only texts that no other resembles are originals.
    kept = clusters_of(texts, loose=True)
    return [text for index, text in enumerate(texts) if kept.count(kept[index]) == 1][:count]


def changing(share: float) -> Callable[[str, random.Random], str]:
    def change(text: str, rng: random.Random) -> str:
        pool = [character for character in text if character.isalnum()]
        return "".join(rng.choice(pool) if c.isalnum() and rng.random() < share else c for c in text)

    return change


def cutting(share: float) -> Callable[[str, random.Random], str]:
    return lambda text, rng: text[: int(share * len(text))]


def row(found: dict[str, Any]) -> str:
    if not found["planted"]:
        return markdown_row("none planted", "–", "–", "–", f"{found['dropped']} of {found['texts']:,} dropped")
    precision = "–" if found["precision"] is None else f"{found['precision']:.1%}"
    shares = (f"{found['theory']:.1%}", f"{found['recall']:.1%}", precision)
    return markdown_row(found["copy"], f"{found['similarity']:.2f}", *shares)


def measure(texts: list[str], copy: Callable[[str, random.Random], str]) -> dict[str, Any]:
    rng = random.Random(1)
    copies = [copy(text, rng) for text in texts]
    planted = [(text, other) for text, other in zip(texts, copies, strict=True) if other]
    roots = clusters_of([*texts, *(other for _, other in planted)])
    found = [roots[len(texts) + at] == roots[at] for at in range(len(planted))]
    false = sum(roots[at] != at for at in range(len(texts)))
    counts = {"texts": len(texts), "planted": len(planted), "dropped": false}
    if not planted:
        return counts
    similarity = [jaccard(*pair) for pair in planted]
    near = CONFIG.duplicates
    meets = partial(match_probability, bands=near.bands, rows=near.rows, min_similarity=near.min_similarity)
    return {
        **counts,
        "similarity": float(np.mean(similarity)),
        "theory": float(np.mean([meets(one) for one in similarity])),
        "recall": float(np.mean(found)),
        "precision": sum(found) / (sum(found) + false) if sum(found) + false else None,
    }


def jaccard(one: str, other: str) -> float:
    left, right = (set(Draft(text).shingles.tolist()) for text in (one, other))
    return len(left & right) / max(len(left | right), 1)


def clusters_of(texts: list[str], *, loose: bool = False) -> list[int]:
    judge = Judge(FilteringConfig.model_validate({"preset": "none", "duplicates": {"exact": True, "near": True}}))
    judged = [judge.judge(text, language="zh") for text in texts]
    near = CONFIG.duplicates.model_copy(update={"min_similarity": 0.2}) if loose else CONFIG.duplicates
    with tempfile.TemporaryDirectory() as name:
        digests, signatures, letters = (Path(name, part) for part in ("digests", "signatures", "letters"))
        digests.write_bytes(b"".join(one.digest for one in judged))
        signatures.write_bytes(b"".join(one.signature for one in judged))
        np.array([one.letters for one in judged], dtype=np.uint32).tofile(letters)
        roots: list[int] = find_clusters(near, digests=digests, signatures=signatures, letters=letters).root.tolist()
        return roots


if __name__ == "__main__":
    main()
