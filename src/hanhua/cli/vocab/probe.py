"""`vocab-extension probe`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanhua.cli.options import FORMATS, AsJson, Model, Split, TextField

if TYPE_CHECKING:
    from hanhua.experiments.probe import ProbeConfig, Probed
    from hanhua.experiments.probe_ranking import Standing

Init = Annotated[
    str,
    typer.Option(
        metavar="A,B,…",
        help="Methods to rank; INPUT+OUTPUT names one for each matrix, and +distilled, +self-distilled, +rows-first, "
        "+alternating behind it what training does more",
    ),
]


def probe(
    model: Model,
    tokenizer: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the extended tokenizer")],
    corpus: Annotated[list[str], typer.Option(metavar="FILE…", help=f"Chinese texts: {FORMATS}")],
    init: Init = "mean,mean+calibrated,calibrated,gaussian,random",
    steps: Annotated[int, typer.Option(metavar="N", min=1, help="Training steps per run")] = 50,
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Runs per method, each with its own seed")] = 2,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="YAML file with the keys of a recipe's `continued_pretrain:` section"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder that keeps finished runs, to resume or to add methods later"),
    ] = None,
    text_field: TextField = "text",
    split: Split = "train",
    as_json: AsJson = False,
) -> None:
    """Rank methods of initializing and training new rows by a short run of each on your own texts.

    One document in ten is held out; every run is measured on those, in bits per byte, before and after training.
    Needs torch (the extra `train`); uses a GPU when there is one. Holds one resized copy of the model at a time.
    """
    from tempfile import TemporaryDirectory

    from hanhua.artifacts.files import write_json
    from hanhua.base.model_source import model_source
    from hanhua.experiments.probe import probe as run_probe
    from hanhua.experiments.probe import require_training
    from hanhua.vocab_extension.texts import sources_of

    require_training()
    settings = _settings(config, init, steps=steps, seeds=seeds, text_field=text_field, split=split)
    sources = sources_of(corpus, split=split)
    with TemporaryDirectory(prefix="probe-") as aside:
        work = Path(aside) if out is None else out / "work"
        probed = run_probe(settings, model=model_source(model), tokenizer=tokenizer, sources=sources, work=work)
    facts = _facts(probed)
    if out is not None:
        write_json(out / "probe.json", facts)
    if as_json:
        from hanhua.cli.printing import print_json

        print_json(facts)
    else:
        _print_probed(probed)


def _settings(path: Path | None, init: str, *, steps: int, seeds: int, text_field: str, split: str) -> ProbeConfig:
    from hanhua.continued_pretrain.config import ContinuedPretrainConfig
    from hanhua.experiments.probe import TRAINING, ProbeConfig
    from hanhua.experiments.probe_methods import Tried
    from hanhua.pipeline.recipe.config_file import read_config, read_section

    tree = read_section(path, "continued_pretrain")
    for key in ("weights", "max_tokens", "epochs"):
        # A probe has one corpus and its own length, so a recipe's shares of corpora do not apply.
        tree.data.pop(key, None)
    training = read_config(tree, ContinuedPretrainConfig, section="continued_pretrain") if tree.data else TRAINING
    methods = tuple(dict.fromkeys(str(Tried.parse(name.strip())) for name in init.split(",")))
    return ProbeConfig(methods, steps, seeds, training, text_field=text_field, split=split)


def _facts(probed: Probed) -> dict[str, object]:
    from dataclasses import asdict

    from hanhua.experiments.probe_ranking import recommended, verdict

    return {**asdict(probed), "verdict": verdict(probed.standings), "recommended": recommended(probed.standings)}


def _print_probed(probed: Probed) -> None:
    from hanhua.cli.printing import print_table
    from hanhua.experiments.probe_ranking import recommended, verdict

    print_table(("init", "before", "after", "to the best", "95% interval"), [_row(s) for s in probed.standings])
    seeds = "1 seed" if probed.seeds == 1 else f"{probed.seeds} seeds"
    print(
        f"bits per byte on {probed.heldout_documents} held-out documents, {seeds} of {probed.steps} steps "
        f"({probed.tokens_per_run:,} tokens); the base with its own tokenizer: {probed.base_bits_per_byte:.4f}"
    )
    print("\n".join(verdict(probed.standings)))
    print(_next(recommended(probed.standings)))


def _next(method: str) -> str:
    from hanhua.experiments.probe_methods import SETTINGS_OF, Tried

    tried = Tried.parse(method)
    keys = [SETTINGS_OF[name] for name in tried.then]
    behind = f", then train with {' and '.join(keys)}" if keys else ""
    return f"next: vocab-extension resize --init {tried.rows} …{behind}"


def _row(standing: Standing) -> tuple[str, ...]:
    low_high = standing.interval
    interval = "" if low_high is None else f"{low_high[0]:+.4f} to {low_high[1]:+.4f}"
    bits = (f"{standing.before:.4f}", f"{standing.after:.4f}", f"{standing.difference:+.4f}")
    return (standing.method, *bits, interval)
