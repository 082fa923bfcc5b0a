"""Measures the harmful-content filter as it ships: recall plain and disguised, false alarms, layers, speed.

    python benchmarks/harm_layers.py --data $DATA [--documents 1500]

Recall on `benchmarks/harm_heldout.jsonl` (texts of the project, none of them learned from), by category and
disguise, and by layer; rejected documents and 20-character snippets of every Chinese file of `$DATA/corpus`, of which
the first 600 documents were half learned from where the license allowed; COLD's development set; what reading long
texts in part loses; milliseconds a megabyte.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from harm_train import BENIGN, DOCUMENTS, ROOT, read_cold_dev, read_labelled
from measurement import add_json_option, markdown_head, markdown_row, write_measurement

from hanhua.documents.readers import read_records
from hanhua.filtering.config import CATEGORIES, HarmConfig
from hanhua.filtering.document import Drafts
from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.harm.benign import cut_snippets, half_of
from hanhua.filtering.harm.classifier import read_windows
from hanhua.filtering.harm.classifier_files import load_classifier
from hanhua.filtering.harm.disguised_copies import DISGUISES, disguised
from hanhua.filtering.harm.layers import shipped_classifier
from hanhua.filtering.harm.training import LabelledText, evaluate_classifier
from hanhua.filtering.linear.features import window_starts
from hanhua.filtering.linear.windows import Plan, density_margin, plan_windows
from hanhua.services import HarmScorer
from hanhua.zh_text.folding import code_points, fold

TOGETHER = 20
SPEED_FILES = ("zh_hans_classics_modern", "zh_hans_tidb_docs")
SEEDS = (1, 2, 3)
LAYERS = {
    "lexicon": HarmConfig(classifier=False),
    "classifiers": HarmConfig(lexicon=False),
    "both (default)": HarmConfig(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path, help="folder with harm/cold and corpus")
    parser.add_argument("--documents", type=int, default=1500, help="benign documents a file")
    add_json_option(parser)
    arguments = parser.parse_args()
    held_out = read_labelled(ROOT / "benchmarks" / "harm_heldout.jsonl")
    results = {
        "recall": show_recall(held_out),
        "layers": show_layers(held_out),
        "benign": show_benign(arguments.data, arguments.documents),
        "cold": show_cold(arguments.data),
        "long_texts": show_sampling(arguments.data, held_out),
        "milliseconds_per_megabyte": show_speed(arguments.data),
    }
    write_measurement(__file__, arguments, results)


def rejects(scorer: HarmScorer, texts: Sequence[str]) -> float:
    return sum(scorer.score(text).score >= 0.5 for text in texts) / max(len(texts), 1)


def show_recall(held_out: Sequence[LabelledText]) -> list[dict[str, Any]]:
    scorer = build_harm_scorer()
    print("\n## Recall on held-out texts, plain and disguised\n")
    print(markdown_head("category", "texts", "plain", "named right", *DISGUISES))
    rows = []
    for name in (*CATEGORIES, "all"):
        texts = [one.text for one in held_out if one.category == name or (name == "all" and one.category)]
        found = [scorer.score(one.text) for one in held_out if one.text in set(texts)]
        labels = [one.category for one in held_out if one.text in set(texts)]
        hits = [(score.category == label) for score, label in zip(found, labels, strict=True) if score.score >= 0.5]
        shares = {"plain": len(hits) / len(texts), "named_right": sum(hits) / max(len(hits), 1)}
        for disguise, hide in DISGUISES.items():
            shares[disguise] = rejects(scorer, [disguised(text, hide, seed) for text in texts for seed in SEEDS])
        print(markdown_row(name, f"{len(texts)}", *(f"{share:.0%}" for share in shares.values())))
        rows.append({"category": name, "texts": len(texts), **shares})
    return rows


def show_layers(held_out: Sequence[LabelledText]) -> dict[str, dict[str, float]]:
    harmful = [one.text for one in held_out if one.category]
    harmless = [one.text for one in held_out if one.category is None]
    print(f"\n## By layer: {len(harmful)} harmful texts, {len(harmless)} harmless look-alikes\n")
    print(markdown_head("layers", "recall", "homophones", "look-alikes rejected"))
    found = {}
    for name, config in LAYERS.items():
        scorer = build_harm_scorer(config)
        hidden = [disguised(text, DISGUISES["homophones"], seed) for text in harmful for seed in SEEDS]
        sets = {"recall": harmful, "homophones": hidden, "look_alikes_rejected": harmless}
        found[name] = {measured: rejects(scorer, texts) for measured, texts in sets.items()}
        print(markdown_row(name, *(f"{rate:.1%}" for rate in found[name].values())))
    return found


def show_benign(data: Path, documents: int) -> list[dict[str, Any]]:
    scorer = build_harm_scorer()
    print("\n## Rejected of benign text\n")
    print(markdown_head("file", "learned from", "documents", "rejected", "snippets", "rejected"))
    rows = []
    for path in sorted((data / "corpus").glob("zh_*")):
        if "messy" in path.name:
            continue
        learned = any(name in path.name for name in BENIGN)
        texts = [one.text for one in islice(read_records(path), documents)]
        unseen = [text for i, text in enumerate(texts) if not learned or i >= DOCUMENTS or half_of(text) == 1]
        snippets = [snippet for text in unseen for snippet in cut_snippets(text)]
        name, source = path.name.split(".")[0], "other documents" if learned else "no"
        of_documents, of_snippets = rejects(scorer, unseen), rejects(scorer, snippets)
        figures = (f"{len(unseen):,}", f"{of_documents:.2%}", f"{len(snippets):,}", f"{of_snippets:.2%}")
        print(markdown_row(name, source, *figures))
        counts = {"documents": len(unseen), "snippets": len(snippets)}
        shares = {"documents_rejected_ratio": of_documents, "snippets_rejected_ratio": of_snippets}
        rows.append({"file": name, "learned_from": source, **counts, **shares})
    return rows


def show_cold(data: Path) -> dict[str, Any]:
    dev = read_cold_dev(data)
    print(f"\n## COLD's development set, {len(dev):,} comments not in its training set\n")
    rates = evaluate_classifier(load_classifier(shipped_classifier("hate")), dev)
    print("hate classifier: " + ", ".join(f"{name} {value:.4f}" for name, value in rates.items()))
    scorer = build_harm_scorer()
    shares = [rejects(scorer, [o.text for o in dev if bool(o.category) == bad]) for bad in (True, False)]
    print(f"whole filter: {shares[0]:.1%} of the offensive rejected, {shares[1]:.2%} of the others")
    return {"comments": len(dev), "hate": dict(rates), "offensive_rejected": shares[0], "others_rejected": shares[1]}


def show_sampling(data: Path, held_out: Sequence[LabelledText]) -> list[dict[str, float]]:
    """Harmful texts strewn over benign documents: what is rejected when all windows are read, and when some are."""
    general = load_classifier(shipped_classifier("general"))
    harmful = "".join(one.text for one in held_out if one.category in CATEGORIES[:5])
    path = next((data / "corpus").glob("zh_hans_classics_modern*"))
    pages = [one.text for one in islice(read_records(path), 200) if len(one.text) > 4000]
    print(f"\n## Long texts read in part: {len(pages)} documents\n")
    print(markdown_head("harmful share", "read whole: rejected", "read in part: rejected", "of the text read"))
    rows = []
    for share in (0.1, 0.2, 0.3, 0.5, 1.0):
        whole: list[bool] = []
        part: list[bool] = []
        read: list[float] = []
        for number, page in enumerate(pages):
            codes = code_points(fold(planted(page, harmful, share, number)).text)
            every = window_starts(len(codes))
            plan = plan_windows(len(codes))
            for plans, out in ((Plan(every, np.ones(len(every))), whole), (plan, part)):
                reading = read_windows(codes, plans)
                assert reading is not None
                margin = density_margin(general.window_margins(reading), plans)
                out.append(margin >= general.calibration.threshold)
            read.append(len(plan.starts) * 80 / len(codes))
        rejected = {"read_whole_rejected": float(np.mean(whole)), "read_in_part_rejected": float(np.mean(part))}
        rows.append({"harmful_share": share, **rejected, "text_read": float(np.mean(read))})
        print(markdown_row(*(f"{value:.0%}" for value in rows[-1].values())))
    return rows


def planted(page: str, harmful: str, share: float, seed: int) -> str:
    """Return a page of which a share, in pieces of 120 characters, is harmful text."""
    chance, pieces = np.random.default_rng(seed), [page[i : i + 120] for i in range(0, len(page), 120)]
    for at in chance.permutation(len(pieces))[: round(share * len(pieces))]:
        start = int(chance.integers(len(harmful) - 120))
        pieces[at] = harmful[start : start + 120]
    return "".join(pieces)


def show_speed(data: Path) -> list[dict[str, Any]]:
    print("\n## Milliseconds of processor time a megabyte, folding (shared by all rules) excluded\n")
    print(markdown_head("file", "documents", "MB", *LAYERS))
    rows = []
    for name in SPEED_FILES:
        path = next((data / "corpus").glob(f"{name}*"))
        texts = [one.text for one in islice(read_records(path), 1200)]
        megabytes = sum(len(text.encode()) for text in texts) / 1e6
        times = {}
        for layers, config in LAYERS.items():
            scorer = build_harm_scorer(config)
            # Together, as a judge asks.
            parts = [texts[at : at + TOGETHER] for at in range(0, len(texts), TOGETHER)]
            groups = [list(Drafts(part, ["zh"] * len(part))) for part in parts]
            for first, *_ in groups:
                _ = first.folded_codes  # folds all of the group
            began = time.process_time()
            for draft in chain.from_iterable(groups):
                scorer.score_draft(draft)
            times[layers] = 1000 * (time.process_time() - began) / megabytes
        print(markdown_row(name, f"{len(texts):,}", f"{megabytes:.1f}", *(f"{time_:.0f}" for time_ in times.values())))
        rows.append({"file": name, "documents": len(texts), "megabytes": megabytes, **times})
    return rows


if __name__ == "__main__":
    main()
