"""`hanhua train`: continued pretraining of a model folder on a Corpus, without a recipe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanhua.cli.options import AsJson, ConfigFile, Overrides
from hanhua.cli.output import finish, require_unfinished
from hanhua.cli.printing import print_json

if TYPE_CHECKING:
    from hanhua.artifacts import Artifact
    from hanhua.artifacts.hashes import FileHashes
    from hanhua.continued_pretrain.config import ContinuedPretrainConfig

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

EXAMPLE = (
    "Example: hanhua train --model models/resized --corpus texts/corpus --out models/adapted "
    "-s max_tokens=1000000 -s weights.zh=0.85 -s weights.en=0.15"
)


@app.command(epilog=EXAMPLE)
def train(
    model: Annotated[
        Path, typer.Option(metavar="DIR", help="Model artifact, or a Hugging Face folder of a Llama model")
    ],
    corpus: Annotated[Path, typer.Option(metavar="DIR", help="Corpus folder made by `hanhua filter run`")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Output folder for model/, adapter/ and logs/")],
    config: ConfigFile = None,
    overrides: Overrides = None,
    first_new_id: Annotated[
        int | None,
        typer.Option(
            metavar="ID",
            min=1,
            help="Id of the first new token (default: read from the model's artifact or extension.json)",
        ),
    ] = None,
    adapter_only: Annotated[
        bool,
        typer.Option(
            "--adapter-only",
            help="Train plain LoRA over the model as it is, new rows included, and write only adapter/, which PEFT, "
            "vLLM and llama.cpp load; the same as trainable: lora with merge: false",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model on the train split of a Corpus; run the same command again to resume after an interruption."""
    require_unfinished(out, what="model")
    alone = ["trainable=lora", "merge=false"] if adapter_only else []
    settings = training_settings(config, [*(overrides or []), *alone])
    facts = train_into(out, settings, model=model, corpus=corpus, first_new_id=first_new_id)
    if as_json:
        print_json(facts)
        return
    print(f"trained: {facts['tokens']:,} tokens, loss {facts['first_loss']:.3f} -> {facts['last_loss']:.3f}")
    print(f"model: {out / 'model'}" if settings.merge else f"adapter: {out / 'adapter'}")


def training_settings(path: Path | None, overrides: list[str]) -> ContinuedPretrainConfig:
    """Return the file's settings with the overrides applied."""
    from hanhua.continued_pretrain.config import ContinuedPretrainConfig
    from hanhua.pipeline.recipe.config_file import read_config, read_section, set_override

    tree = read_section(path, "continued_pretrain")
    for override in overrides:
        set_override(tree, override)
    return read_config(tree, ContinuedPretrainConfig, section="continued_pretrain")


def train_into(
    out: Path, config: ContinuedPretrainConfig, *, model: Path, corpus: Path, first_new_id: int | None = None
) -> dict[str, Any]:
    """Train a model folder on a Corpus into `out`, which becomes a finished artifact; return the facts."""
    from hanhua.artifacts.hashes import FileHashes
    from hanhua.artifacts.manifest import open_artifact

    hashes = FileHashes(out / "work" / f"hashes-{os.environ.get('RANK', '0')}.json")
    texts = hashes.check(open_artifact(corpus, kind="corpus"))
    base, known_id = model_artifact(model, hashes)
    return _run(config, base, texts, out, first_new_id=known_id if first_new_id is None else first_new_id)


def model_artifact(folder: Path, hashes: FileHashes) -> tuple[Artifact, int | None]:
    """Return the folder with the weights as an artifact, and the id of its first new token if recorded."""
    from hanhua.artifacts.files import read_json
    from hanhua.artifacts.manifest import MANIFEST, Artifact, content_hash, hash_files, open_artifact
    from hanhua.errors import InputError

    if (folder / MANIFEST).is_file():
        artifact = hashes.check(open_artifact(folder))
        return artifact.part("model"), artifact.facts.get("first_new_id")
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: neither a model artifact nor a Hugging Face model folder (no config.json)")
    entries = hash_files(folder)
    extension = folder / "extension.json"
    known = read_json(extension).get("first_new_id") if extension.is_file() else None
    return Artifact(folder, "base", content_hash(entries), entries, {}, {}), known


def _run(
    config: ContinuedPretrainConfig, base: Artifact, corpus: Artifact, out: Path, *, first_new_id: int | None
) -> dict[str, Any]:
    """Train into `out` and finish it as an adapted artifact; only the process of rank 0 does the latter."""
    from hanhua.continued_pretrain.stage import pretrain_folder
    from hanhua.launched import rank

    facts = pretrain_folder(config, base, corpus, out, first_new_id=first_new_id)
    if rank() == 0:
        hashes = {"model": base.content_hash, "corpus": corpus.content_hash}
        kind = None if config.merge else "adapter"
        finish("continued_pretrain", out, config=config, inputs=hashes, facts=facts, kind=kind)
    return facts


def main() -> None:
    """Run the program."""
    import sys

    from hanhua.cli.entry import run_command

    sys.exit(run_command(app))


if __name__ == "__main__":
    main()
