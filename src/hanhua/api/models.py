"""Models from Python: resize, train, evaluate, restore, publish."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hanhua.api.tokenizers import Paths, words_of


def resize(
    model: str | Path,
    *,
    tokenizer: str | Path,
    out: str | Path,
    init: str = "mean+calibrated",
    seed: int = 0,
    pad_to: int = 1,
) -> dict[str, Any]:
    """Write a model with rows for the new tokens into the new folder `out`; all else keeps its bytes. Needs no torch.

    model: a folder or a Hub id. init: mean, calibrated, gaussian or random, or A+B for input and output rows. pad_to:
    rows without a token at the end, up to a multiple of it. Returns the sizes, and base tokens that were never trained.

    >>> import hanhua
    >>> facts = hanhua.resize("Meta-Llama-3-8B", tokenizer="llama3-zh", out="Llama-3-8B-zh")
    >>> facts["first_new_id"], facts["vocab_size"]
    (128256, 136192)
    """
    from dataclasses import asdict

    from hanhua.cli.vocab.resize import resize_to

    done = resize_to(Path(out), model=str(model), tokenizer=Path(tokenizer), init=init, seed=seed, pad_to=pad_to)
    return {"out": str(out), **asdict(done)}


def train(
    model: str | Path, *, corpus: str | Path, out: str | Path, first_new_id: int | None = None, **settings: Any
) -> dict[str, Any]:
    """Train a model on the train split of a Corpus; called again with the same `out` after a stop, it goes on.

    model: a folder with safetensors weights. corpus: a folder that `filter_texts` made. first_new_id: where the new
    rows begin, known already for what Hanhua made. settings: keys of `continued_pretrain` in a recipe. The trained
    model is in `out`/model. Returns the facts: tokens, first and last loss, and more.

    >>> import hanhua
    >>> facts = hanhua.train("Llama-3-8B-zh", corpus="clean", out="adapted", max_tokens=1_000_000)
    >>> facts["last_loss"] < facts["first_loss"]
    True
    """
    from hanhua.cli.output import require_unfinished
    from hanhua.cli.settings import config_of_options
    from hanhua.cli.train import train_into
    from hanhua.continued_pretrain.config import ContinuedPretrainConfig

    config = config_of_options(ContinuedPretrainConfig, settings)
    require_unfinished(Path(out), what="model")
    return train_into(Path(out), config, model=Path(model), corpus=Path(corpus), first_new_id=first_new_id)


def evaluate(
    models: Mapping[str, str | Path],
    *,
    out: str | Path,
    corpora: Mapping[str, str | Path] | None = None,
    training: Paths = (),
    cache: str | Path | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Compare models: held-out bits per character, characters per token, benchmarks, behavior, harmful content.

    models: folders by name. corpora: held-out texts by name, files or Corpus folders. training: texts trained on, in
    which the questions of benchmarks are looked for. settings: keys of `eval` in a recipe. Returns what
    `out`/scores.json holds; an unmet gate is in it and raises nothing.

    >>> import hanhua
    >>> models = {"before": "Meta-Llama-3-8B", "after": "adapted/model"}
    >>> scores = hanhua.evaluate(models, out="scores", corpora={"zh": "heldout.jsonl"})
    >>> list(scores["models"])
    ['before', 'after']
    """
    from hanhua.cli.eval import evaluate_into, nothing_to_measure
    from hanhua.cli.settings import config_of_options
    from hanhua.errors import UsageError
    from hanhua.eval.config import EvalConfig
    from hanhua.eval.engine.model_folder import open_model_folder

    given = settings if corpora else {**settings, "language_modeling": None}
    config = config_of_options(EvalConfig, given)
    if nothing_to_measure(config):
        raise UsageError("nothing to measure: give corpora, benchmarks, behavior or safety")
    opened = [open_model_folder(name, Path(folder)) for name, folder in models.items()]
    texts = [f"{name}={path}" for name, path in (corpora or {}).items()]
    kept = None if cache is None else Path(cache)
    return evaluate_into(config, opened, texts, words_of(training), Path(out), kept, {})


def restore(
    adapted: str | Path, *, base: str | Path, instruct: str | Path, out: str | Path, **settings: Any
) -> dict[str, Any]:
    """Write adapted + scale × (instruct - base) into the new folder `out`: a chat model again. Needs no torch.

    base, instruct: folders or Hub ids, of one base. settings: keys of `chat_vector` in a recipe, such as `scale`.
    Returns what was added to which tensors, and what became of special rows.

    >>> import hanhua
    >>> facts = hanhua.restore(
    ...     "adapted", base="Meta-Llama-3-8B", instruct="Meta-Llama-3-8B-Instruct", out="Llama-3-8B-zh-chat", scale=0.75
    ... )
    >>> facts["out"], facts["scale"]
    ('Llama-3-8B-zh-chat', 0.75)
    """
    from hanhua.base_model import resolve_base_model
    from hanhua.cli.restore import model_folder
    from hanhua.cli.settings import config_of_options
    from hanhua.cli.vocab.options import new_folder
    from hanhua.vocab_extension.chat_vector.config import ChatVectorConfig
    from hanhua.vocab_extension.chat_vector.restore import restore_folder

    config = config_of_options(ChatVectorConfig, {"instruct": str(instruct), **settings})
    folders = {"base": resolve_base_model(str(base)), "instruct": resolve_base_model(str(instruct))}
    found = model_folder(Path(adapted))
    with new_folder(Path(out)) as partial:
        done = restore_folder(found, out=partial, config=config, **folders)
    return {"out": str(out), "scale": config.scale, **done.facts()}


def publish(
    run: str | Path,
    *,
    repo_id: str,
    public: bool = False,
    dry_run: bool = False,
    agreement: str | Path | None = None,
) -> dict[str, Any]:
    """Publish the release of a run to the Hub in one commit, private unless `public`, and read it back.

    run: a run's folder or a release. dry_run: list files, sizes and what stands in the way (`blocking`), without
    network. agreement: a folder with the base model's LICENSE. Raises UsageError or GateError for what forbids it.

    >>> import hanhua
    >>> plan = hanhua.publish("runs/quickstart", repo_id="me/Llama-3-zh", dry_run=True)
    >>> plan["public"], plan["blocking"]
    (False, [])
    """
    from hanhua.cli.publish import release_of
    from hanhua.release.publish import publish_release

    folder = None if agreement is None else Path(agreement)
    release = release_of(Path(run))
    return publish_release(release, repo_id=repo_id, public=public, dry_run=dry_run, agreement=folder).as_json()
