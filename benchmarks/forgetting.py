"""Planted forgetting: a share of replay that follows the measured loss of English, against a fixed one.

    python benchmarks/forgetting.py --data DIR --work DIR

A small Llama learns English, gets Chinese tokens, and is trained on a little Chinese many times over at a high rate, so
that it forgets. Each arm sees equally many tokens: `none` without replay, `fixed` with a fixed share, `guard` with one
that follows half of the held-out English (`en`); judged is the other half (`en_unseen`), which decides nothing, and at
the end `en_wide`, `--judged-pieces` more of the same books, four times as many, whose mean is less noisy. What is
in --work is not done again, and an arm that was stopped goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from learning_curves import as_artifact, pieces, settings, take, write_base, write_extension, write_resized
from measurement import add_json_option, write_measurement
from safetensors.torch import load_file

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.manifest import open_artifact, write_manifest
from hanhua.cli.printing import print_table
from hanhua.continued_pretrain.checkpoint import TRAINED, Checkpoints
from hanhua.continued_pretrain.execution import make_accelerator, reproducible
from hanhua.continued_pretrain.model import build_training_model
from hanhua.continued_pretrain.retention.heldout_sets import HeldoutSet, rows_of
from hanhua.continued_pretrain.retention.measure import increase_over, measure_nats
from hanhua.continued_pretrain.retention.settings import ReplaySettings, RetentionSettings
from hanhua.continued_pretrain.retention.watch import LOG
from hanhua.continued_pretrain.stage import pretrain_folder
from hanhua.continued_pretrain.train_log import read_rows
from hanhua.documents import Document
from hanhua.documents.corpus import read_corpus, write_corpus

ARMS = ("none", "fixed", "guard")
JUDGED, CHINESE, WIDE = "en_unseen", "zh", "en_wide"


def main() -> None:
    given = arguments()
    prepare(given)
    results = []
    for seed, arm in itertools.product(given.seeds, given.arms):
        path = given.work / "results" / f"{arm}-{seed}.json"
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            write_json(path, adapt(given, arm, seed))
        results.append({**read_json(path), WIDE: judge(given, arm, seed)})
    print_results(results, given)
    write_measurement(__file__, given, results)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of text files")
    parser.add_argument("--zh", nargs="+", default=["zh_hans_classics_modern*"], help="globs")
    parser.add_argument("--en", nargs="+", default=["en_classic_books*"], help="globs")
    parser.add_argument("--work", type=Path, required=True, help="folder for models and results")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--base-tokens", type=int, default=1_200_000, help="English tokens the base learns from")
    parser.add_argument("--zh-bytes", type=int, default=150_000, help="bytes of Chinese, seen many times")
    parser.add_argument("--tokens", type=int, default=153_600, help="tokens of each arm")
    parser.add_argument("--new-tokens", type=int, default=2048)
    parser.add_argument("--replay", type=float, default=0.15, help="fixed share, and the one the guard begins with")
    parser.add_argument("--target", type=float, default=0.03, help="increase of English bits per byte to be held")
    parser.add_argument("--min-share", type=float, default=0.05)
    parser.add_argument("--max-share", type=float, default=0.4)
    parser.add_argument("--eval-steps", type=int, default=15)
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="peak, of all weights; it falls to 0")
    parser.add_argument("--held-out-pieces", type=int, default=16, help="of 2,000 characters, for each held-out set")
    parser.add_argument("--judged-pieces", type=int, default=64, help="of English that are measured at the end only")
    parser.add_argument("--set-bytes", type=int, default=40_000, help="of each held-out set that are measured")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=ARMS)
    parser.add_argument("--threads", type=int, default=1)
    parser.set_defaults(tokenizer=None)
    add_json_option(parser)
    return parser.parse_args()


def prepare(given: argparse.Namespace) -> None:
    """Make texts, base and extended model once."""
    made = {"texts": write_texts, "base": write_base, "extension": write_extension, "resized": write_resized}
    for name, make in made.items():
        if not (given.work / name).is_dir():
            aside = given.work / f"{name}.partial"
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            make(given, aside)
            aside.rename(given.work / name)


def write_texts(given: argparse.Namespace, folder: Path) -> None:
    """Write Corpora: what the base reads, what the tokenizer is learned from, what is trained and measured on."""
    english, chinese = pieces(given.data, given.en), pieces(given.data, given.zh)
    base = list(take(english, given.base_tokens * 6, name="en", language="en"))
    held = [
        Document(f"{name}:held:{number}", text, name, language=language, split="heldout")
        for texts, name, language in ((english, "en", "en"), (english, JUDGED, "en"), (chinese, CHINESE, "zh"))
        for number, text in enumerate(itertools.islice(texts, given.held_out_pieces))
    ]
    adapt = list(take(chinese, given.zh_bytes, name=CHINESE, language="zh"))
    replayed = list(take(english, given.tokens * 3, name="en", language="en"))
    for name, documents in (("base", base), ("adapt", [*held, *adapt, *replayed]), ("learn", adapt)):
        (folder / name).mkdir()
        write_corpus(folder / name, documents)
        write_manifest(folder / name, kind="corpus", config={}, inputs={}, facts={})


def adapt(given: argparse.Namespace, arm: str, seed: int) -> dict[str, Any]:
    """Train one arm and return its first and last measurement, the shares, and what it saw."""
    replay = None
    if arm == "guard":
        replay = ReplaySettings(
            corpora=("en",),
            target_loss_increase=given.target,
            min_share=given.min_share,
            max_share=given.max_share,
            sets=("en",),
        )
    retention = RetentionSettings(
        eval_steps=given.eval_steps,
        sets=("english",),
        heldout=("en", JUDGED, CHINESE),
        max_set_bytes=given.set_bytes,
        max_loss_increase=None,
        replay=replay,
    )
    share = 0.0 if arm == "none" else given.replay
    rates = {"learning_rate": given.learning_rate, "min_learning_rate_ratio": 0.0}
    weights = {CHINESE: 1 - share, "en": share}
    config = settings(given, **rates, max_tokens=given.tokens, weights=weights, seed=seed, retention=retention)
    config = config.model_copy(update={"save_steps": 5})
    out = given.work / "arms" / f"{arm}-{seed}"
    out.mkdir(parents=True, exist_ok=True)  # what is there is resumed, and refused where the settings were others
    base, corpus = as_artifact(given.work / "resized" / "model"), open_artifact(given.work / "texts" / "adapt")
    facts = pretrain_folder(config, base, corpus, out, first_new_id=None)
    rows = read_rows(out / "logs" / LOG)
    shutil.rmtree(out / "model")
    return {"arm": arm, "seed": seed, "tokens": facts["tokens"], "corpora": facts["corpora"], "measured": rows}


def judge(given: argparse.Namespace, arm: str, seed: int) -> dict[str, float]:
    """Return what English that nobody saw costs the final weights of an arm, over those it began with."""
    texts = list(pieces(given.data, given.en))[-given.judged_pieces :]
    read = {document.text for name in ("base", "adapt") for document in read_corpus(given.work / "texts" / name)}
    assert not read & set(texts)
    wide = HeldoutSet(WIDE, True, tuple(texts))
    last = Checkpoints(given.work / "arms" / f"{arm}-{seed}" / "work" / "checkpoints", run={}).latest()
    assert last is not None
    found = []
    for name, weights in (("start", None), (f"{arm}-{seed}", last / TRAINED)):
        path = given.work / "results" / f"{WIDE}-{given.judged_pieces}-{name}.json"
        if not path.is_file():
            write_json(path, nats_of(given, wide, weights))
        found.append(read_json(path))
    return asdict(increase_over(wide, *found))


def nats_of(given: argparse.Namespace, wide: HeldoutSet, weights: Path | None) -> list[float]:
    """Return the nats of each piece under the given trained weights, or those that training begins with."""
    folder, config = given.work / "resized" / "model", settings(given, max_tokens=given.tokens)
    with reproducible(given.threads):
        model = build_training_model(folder, config, first_new_id=None, dtype=torch.float32)
        if weights is not None:
            assert not model.load_state_dict(load_file(weights), strict=False).unexpected_keys
        rows = rows_of([wide], folder, length=config.sequence_length, multiple=config.micro_batch_size)
        accelerator, micro = make_accelerator("fp32"), config.micro_batch_size
        return measure_nats(model, rows, accelerator, pieces=len(wide.pieces), micro=micro)


def print_results(results: list[dict[str, Any]], given: argparse.Namespace) -> None:
    table = []
    for run in results:
        last = run["measured"][-1]["sets"]
        english, chinese = last[JUDGED], last[CHINESE]
        table.append(
            [
                run["arm"],
                str(run["seed"]),
                f"{run['corpora'].get('en', {'share': 0})['share']:.1%}",
                f"{english['increase']:+.1%} ({english['low']:+.1%} to {english['high']:+.1%})",
                "yes" if english["increase"] <= given.target else "no",
                f"{run[WIDE]['increase']:+.1%} ({run[WIDE]['low']:+.1%} to {run[WIDE]['high']:+.1%})",
                "yes" if run[WIDE]["increase"] <= given.target else "no",
                f"{chinese['bits_per_byte']:.3f}",
            ]
        )
    within = f"within {given.target:.0%}"
    print_table(["arm", "seed", "replay", f"{JUDGED}, against step 0", within, WIDE, within, "zh, bits"], table)
    chinese = {
        arm: mean(run["measured"][-1]["sets"][CHINESE]["bits_per_byte"] for run in results if run["arm"] == arm)
        for arm in given.arms
    }
    if {"fixed", "guard"} <= set(chinese):
        print(f"Chinese of guard against fixed, mean of seeds: {chinese['guard'] / chinese['fixed'] - 1:+.2%}")


if __name__ == "__main__":
    main()
