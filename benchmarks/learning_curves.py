"""Does extending the vocabulary pay? A small Llama learns English, then Chinese, with and without new tokens.

    python benchmarks/learning_curves.py --data DIR --work DIR --out docs/figures

An 8K vocabulary is learned on English and a base of Llama 3's layout is trained on English with it. Then, over the
same bytes of Chinese and from the same base: (a) with the base's tokenizer, (b) with an extended one; each with and
without replay of English; several seeds. Held-out bits per byte of both languages are measured on the way. What is in
--work is not done again, so it can be stopped at any time, and several can work on different --seeds of one folder.
`--tokenizer llama3 --hidden 64 --layers 2` is the same with the real 128K vocabulary.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from learning_curves_figure import write_results
from measurement import add_json_option, write_measurement
from probe_methods import write_tokenizer
from random_llama import write_llama

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.manifest import Artifact, content_hash, hash_files, open_artifact, write_manifest
from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.bits import bits_of_nats
from hanhua.continued_pretrain.checkpoint import Checkpoints, TrainState
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.execution import make_accelerator, reproducible
from hanhua.continued_pretrain.loop import train
from hanhua.continued_pretrain.model import TrainingModel, build_training_model
from hanhua.continued_pretrain.model_shapes import ModelShape
from hanhua.continued_pretrain.pack import document_marks
from hanhua.continued_pretrain.parallel import place
from hanhua.continued_pretrain.prepare import prepare_data
from hanhua.continued_pretrain.stage import pretrain_folder
from hanhua.continued_pretrain.start import start_run
from hanhua.documents import Document, read_corpus, read_records
from hanhua.documents.corpus import write_corpus
from hanhua.model_folder import load_tokenizer
from hanhua.vocab_extension.resize.config import ResizeConfig
from hanhua.vocab_extension.resize.resize import resize_folder

ARMS = ("plain", "extended", "plain+replay", "extended+replay")
MEASURED_AT = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1.0)
PIECE_CHARACTERS = 2000


def main() -> None:
    given = arguments()
    (given.work / "results").mkdir(parents=True, exist_ok=True)
    keep_settings(given)
    prepare(given)
    if not given.prepare_only:
        for seed, arm in itertools.product(given.seeds, given.arms):
            result = given.work / "results" / f"{arm}-{seed}.json"
            if not result.is_file():
                write_json(result, adapt(given, arm, seed))
        runs = write_results(given.work, given.out, replay=given.replay)
        write_measurement(__file__, given, runs)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of text files")
    parser.add_argument("--zh", nargs="+", default=["zh_hans_classics_modern*", "zh_hans_laws*"], help="globs")
    parser.add_argument("--en", nargs="+", default=["en_classic_books*"], help="globs")
    parser.add_argument("--work", type=Path, required=True, help="folder for models and results")
    parser.add_argument("--out", type=Path, required=True, help="folder for the curves and the table")
    parser.add_argument("--tokenizer", default=None, help="base tokenizer; none: 8K tokens learned on the English")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--base-tokens", type=int, default=1_500_000, help="English tokens the base learns from")
    parser.add_argument("--zh-bytes", type=int, default=150_000, help="bytes of Chinese each arm learns from")
    parser.add_argument("--held-out-pieces", type=int, default=8, help=f"of {PIECE_CHARACTERS} characters a language")
    parser.add_argument("--new-tokens", type=int, default=4096)
    parser.add_argument("--replay", type=float, default=0.15, help="share of English tokens in the replay arms")
    parser.add_argument("--learning-rate", type=float, default=5e-4, help="peak, of all weights; it falls to 0")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=ARMS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--prepare-only", action="store_true", help="stop when the base is there")
    add_json_option(parser)
    return parser.parse_args()


def settings(given: argparse.Namespace, **changes: Any) -> ContinuedPretrainConfig:
    return ContinuedPretrainConfig(
        sequence_length=512,
        micro_batch_size=2,
        gradient_accumulation_steps=1,
        lora=None,
        threads=given.threads,
        precision="fp32",
        save_steps=100_000,
        **changes,
    )


def keep_settings(given: argparse.Namespace) -> None:
    """Note what decides the results, or end where --work holds results of other settings."""
    free = {"work", "out", "data", "seeds", "arms", "threads", "prepare_only", "json"}
    deciding = {name: value for name, value in vars(given).items() if name not in free}
    path = given.work / "settings.json"
    if path.is_file() and (found := read_json(path)) != deciding:
        differ = [name for name in deciding if found.get(name) != deciding[name]]
        sys.exit(f"{given.work}: made with another {', '.join(differ)}; name another --work, or remove it")
    write_json(path, deciding)


# --- texts, base, extension: made once -------------------------------------------------------------------------


def prepare(given: argparse.Namespace) -> None:
    made: dict[str, Callable[[argparse.Namespace, Path], None]] = {
        "texts": write_texts,
        "base": write_base,
        "extension": write_extension,
        "resized": write_resized,
    }
    for name, make in made.items():
        if not (given.work / name).is_dir():
            aside = given.work / f"{name}.partial"
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir()
            make(given, aside)
            aside.rename(given.work / name)


def write_texts(given: argparse.Namespace, folder: Path) -> None:
    """Write three Corpora: what the base reads, what the tokenizer is learned from, what is trained and measured on."""
    english, chinese = pieces(given.data, given.en), pieces(given.data, given.zh)
    en_size = given.base_tokens * 6
    base = list(take(english, en_size, name="en", language="en"))
    held = [
        replace(d, split="heldout")
        for texts, language in ((english, "en"), (chinese, "zh"))
        for d in itertools.islice(take(texts, 1 << 40, name=language, language=language), given.held_out_pieces)
    ]
    adapt = list(take(chinese, given.zh_bytes, name="zh", language="zh"))
    replayed = list(take(english, given.zh_bytes * 2, name="en", language="en"))
    learned = list(take(chinese, 20_000_000, name="zh", language="zh"))
    for name, documents in (("base", base), ("adapt", [*held, *adapt, *replayed]), ("learn", [*adapt, *learned])):
        (folder / name).mkdir()
        write_corpus(folder / name, documents)
        write_manifest(folder / name, kind="corpus", config={}, inputs={}, facts={})


def pieces(data: Path, globs: list[str]) -> Iterator[str]:
    """Yield pieces of all files in a seeded order, none of them twice."""
    texts = []
    for path in sorted({path for glob in globs for path in data.glob(glob)}):
        for record in read_records(str(path)):
            text = record.text
            texts += [text[low : low + PIECE_CHARACTERS] for low in range(0, len(text), PIECE_CHARACTERS)]
    random.Random(0).shuffle(texts)
    return iter(texts)


def take(texts: Iterator[str], size: int, *, name: str, language: str) -> Iterator[Document]:
    for number, text in enumerate(texts):
        yield Document(f"{name}:{number}", text, name, language=language)
        size -= len(text.encode())
        if size <= 0:
            return


def write_base(given: argparse.Namespace, folder: Path) -> None:
    start, texts = folder / "start", given.work / "texts" / "base"
    start.mkdir()
    if given.tokenizer is None:
        write_tokenizer(start, [d.text for d in read_corpus(texts)], vocabulary=8192)
    else:
        for path in resolve_base_tokenizer(given.tokenizer).glob("tokenizer*.json"):
            shutil.copyfile(path, start / path.name)
    marks = document_marks(start)
    shape = ModelShape(given.hidden, given.hidden * 7 // 2, given.layers, 4, 2, load_tokenizer(start).get_vocab_size())
    write_llama(start, shape, bos_token_id=marks.bos, eos_token_id=marks.eos, dtype="float32")
    training = settings(given, learning_rate=4e-3, max_tokens=given.base_tokens)
    facts = pretrain_folder(training, as_artifact(start), open_artifact(texts), folder, first_new_id=None)
    write_json(folder / "facts.json", facts)


def write_extension(given: argparse.Namespace, folder: Path) -> None:
    options = {
        "--base": given.work / "base" / "model",
        "--corpus": given.work / "texts" / "learn" / "part-00000.jsonl.zst",
        "--new-tokens": given.new_tokens,
        "--out": folder / "tokenizer",
    }
    words = [str(word) for option in options.items() for word in option]
    subprocess.run([sys.executable, "-m", "hanhua.cli.vocab_extension", "learn", *words], check=True)


def write_resized(given: argparse.Namespace, folder: Path) -> None:
    tokenizer = given.work / "extension" / "tokenizer"
    resize_folder(given.work / "base" / "model", tokenizer=tokenizer, out=folder / "model", config=ResizeConfig())


def as_artifact(folder: Path) -> Artifact:
    entries = hash_files(folder)
    return Artifact(folder, "base", content_hash(entries), entries, {}, {})


# --- one arm ---------------------------------------------------------------------------------------------------


@dataclass
class Curve:
    """What an arm showed: one row each time it was measured."""

    rows: list[dict[str, float]]
    seconds: float = 0.0
    resumed_at: float = 0.0


def adapt(given: argparse.Namespace, arm: str, seed: int) -> dict[str, Any]:
    extended, replay = arm.startswith("extended"), arm.endswith("replay")
    folder = given.work / ("resized" if extended else "base") / "model"
    weights = {"zh": 1 - given.replay, "en": given.replay} if replay else {"zh": 1.0, "en": 0.0}
    # To nothing at the end: a rate that is still high when a run ends shows as loss in both languages.
    rates = {"learning_rate": given.learning_rate, "min_learning_rate_ratio": 0.0}
    config = settings(given, **rates, weights=weights, seed=seed)
    work = given.work / "arms" / f"{arm}-{seed}"
    shutil.rmtree(work, ignore_errors=True)
    corpus = open_artifact(given.work / "texts" / "adapt")
    held_out = {
        language: [d.text for d in read_corpus(corpus.path, split="heldout", corpora=[language])]
        for language in ("zh", "en")
    }
    with reproducible(config.threads):
        data = prepare_data(config, corpus, folder, work, batch_sequences=config.micro_batch_size)
        model = build_training_model(folder, config, first_new_id=None, dtype=torch.float32)
        steps = len(data.mixture) // config.micro_batch_size
        due = {max(1, round(steps * share)) for share in MEASURED_AT}
        curve = Curve([])

        def measure(state: TrainState) -> None:
            if state.step and state.step not in due:
                return
            curve.seconds += time.process_time() - curve.resumed_at
            bits = {name: bits_per_byte(model, folder, texts) for name, texts in held_out.items()}
            done = {"step": state.step, "zh_bytes": given.zh_bytes * state.step / steps, "seconds": curve.seconds}
            curve.rows.append({**done, **bits})
            curve.resumed_at = time.process_time()

        curve.resumed_at = time.process_time()
        measure(TrainState())
        accelerator = make_accelerator("fp32")
        run = start_run(
            model,
            place(model, accelerator, "single"),
            data,
            config,
            accelerator=accelerator,
            checkpoints=Checkpoints(work / "checkpoints", run={"arm": arm, "seed": seed}),
            out=work,
            name=f"{arm}, seed {seed}",
            after_step=measure,
        )
        state = train(run)
    shutil.rmtree(work, ignore_errors=True)
    facts = {"tokens": state.tokens, "rows": read_json(folder / "config.json")["vocab_size"]}
    return {"arm": arm, "seed": seed, **facts, "curve": curve.rows}


def bits_per_byte(model: TrainingModel, folder: Path, texts: list[str], *, window: int = 512) -> float:
    """Return the bits per byte of texts, each read in windows as long as a training sequence."""
    tokenizer, bos = load_tokenizer(folder), document_marks(folder).bos
    nats, size = 0.0, 0
    model.eval()
    with torch.no_grad():
        for text in texts:
            ids = torch.tensor([bos, *tokenizer.encode(text, add_special_tokens=False).ids])
            size += len(text.encode())
            for low in range(0, len(ids) - 1, window):
                part = ids[low : low + window + 1]
                places = torch.arange(len(part) - 1)
                nats += float(model(part[None, :-1], places[None], part[None, 1:])[0])
    model.train()
    return bits_of_nats(nats) / size


if __name__ == "__main__":
    main()
