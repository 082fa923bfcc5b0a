"""`hanhua restore`: turns an adapted base into a chat model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanhua.cli.options import FORMATS, AsJson, TextField
from hanhua.cli.vocab.options import new_folder

if TYPE_CHECKING:
    from hanhua.experiments.scale_search import Found, SearchConfig, Tried
    from hanhua.vocab_extension.chat_vector.config import ChatVectorConfig
    from hanhua.vocab_extension.chat_vector.restore import Restored

EXAMPLE = (
    "Example: hanhua restore --adapted Llama-3-8B-zh --base meta-llama/Meta-Llama-3-8B "
    "--instruct meta-llama/Meta-Llama-3-8B-Instruct --out Llama-3-8B-zh-chat"
)


Adapted = Annotated[Path, typer.Option(metavar="DIR", help="Adapted model, with or without an extended vocabulary")]
Base = Annotated[str, typer.Option(metavar="MODEL", help="Base model that was adapted: a folder or a Hub id")]
Instruct = Annotated[str, typer.Option(metavar="MODEL", help="Instruct model of the same base: a folder or a Hub id")]
Group = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GROUP=λ", help="λ for one group of weights: embeddings, head or layers.FIRST-LAST; repeatable"
    ),
]
NewRows = Annotated[
    str,
    typer.Option(
        metavar="POLICY",
        help="New tokens' rows: mean adds the mean change of their pieces' rows; untouched leaves them as they are",
    ),
]
Repair = Annotated[
    bool,
    typer.Option(
        "--repair-special-rows",
        help="Take from the instruct model the rows of special tokens that the base never trained",
    ),
]
Trust = Annotated[bool, typer.Option("--trust-bases", help="Skip the check that the three models come from one base")]
Search = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE…", help=f"Held-out texts on which several λ are tried; the best is used: {FORMATS}"),
]
MaxLoss = Annotated[
    float, typer.Option(metavar="SHARE", min=0, help="Largest relative rise in bits per byte that --search accepts")
]
Prompts = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="JSONL file with a field `prompt`, for --search (default: 24 everyday prompts)"),
]


def restore(
    adapted: Adapted,
    base: Base,
    instruct: Instruct,
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the restored model")],
    scale: Annotated[float, typer.Option(metavar="λ", help="Scale of the added difference (instruct - base)")] = 1.0,
    group: Group = None,
    new_rows: NewRows = "mean",
    repair_special_rows: Repair = False,
    trust_bases: Trust = False,
    search: Search = None,
    scales: Annotated[str, typer.Option(metavar="λ,λ,…", help="Values of λ that --search tries")] = "0.25,0.5,0.75,1",
    max_loss: MaxLoss = 0.05,
    prompts: Prompts = None,
    text_field: TextField = "text",
    as_json: AsJson = False,
) -> None:
    """Add the instruct model's tuning to the adapted base: adapted + λ × (instruct - base).

    Works on one slice of a tensor at a time. Chat template, generation config, end and pad tokens become the instruct
    model's. The three must come from one base: Llama 3 with 3.1, or any wrong base, is refused.
    """
    from hanhua.base.model_source import model_source

    config = _config(
        instruct=instruct,
        scale=scale,
        scales=_groups(group or []),
        new_rows=new_rows,
        repair_special_rows=repair_special_rows,
        check_bases=not trust_bases,
    )
    settings = _search_settings(scales, max_loss) if search else None
    folders = {"base": model_source(base), "instruct": model_source(instruct)}
    _run(model_folder(adapted), folders, out, config, settings, search or [], prompts, text_field, as_json=as_json)


def _run(
    adapted: Path,
    folders: dict[str, Path],
    out: Path,
    config: ChatVectorConfig,
    settings: SearchConfig | None,
    texts: list[str],
    prompts: Path | None,
    text_field: str,
    *,
    as_json: bool,
) -> None:
    from hanhua.cli.printing import print_json
    from hanhua.vocab_extension.chat_vector.restore import restore_folder

    found, tried = None, out.with_name(out.name + ".search")
    with new_folder(out) as partial:
        if settings is not None:
            named = {"adapted": adapted, **folders}
            found = _searched(settings, config, named, texts, prompts, text_field=text_field, work=tried)
            config = config.model_copy(update={"scale": _best(found, as_json=as_json, max_loss=settings.max_loss)})
        done = restore_folder(adapted, out=partial, config=config, **folders)
    shutil.rmtree(tried, ignore_errors=True)
    if as_json:
        print_json({"out": str(out), "scale": config.scale, **done.facts(), "search": _facts(found)})
    else:
        _print_done(out, config, done)


def model_folder(path: Path) -> Path:
    """Return the folder with the weights: the one given, or `model` in an artifact made by Hanhua."""
    from hanhua.errors import InputError

    found = path if (path / "config.json").is_file() else path / "model"
    if not (found / "config.json").is_file():
        raise InputError(f"{path}: neither a Hugging Face model folder (no config.json) nor a model made by Hanhua")
    return found


def _config(**settings: Any) -> ChatVectorConfig:
    from hanhua.cli.settings import config_of_options
    from hanhua.vocab_extension.chat_vector.config import ChatVectorConfig

    return config_of_options(ChatVectorConfig, settings)


def _groups(given: list[str]) -> dict[str, str]:
    from hanhua.errors import UsageError

    groups = dict(entry.partition("=")[::2] for entry in given)
    for name, scale in groups.items():
        if not scale:
            raise UsageError(f"--group {name}: expected GROUP=λ, such as layers.0-7=0.5")
    return groups


def _search_settings(scales: str, max_loss: float) -> SearchConfig:
    from hanhua.errors import UsageError
    from hanhua.experiments.scale_search import SearchConfig

    try:
        tried = tuple(float(scale) for scale in scales.split(","))
    except ValueError:
        raise UsageError(f"--scales {scales}: expected numbers separated by commas, such as 0.25,0.5,1") from None
    return SearchConfig(scales=tried, max_loss=max_loss)


def _searched(
    settings: SearchConfig,
    config: ChatVectorConfig,
    folders: dict[str, Path],
    files: list[str],
    prompts: Path | None,
    *,
    text_field: str,
    work: Path,
) -> Found:
    from hanhua.experiments.scale_search import PROMPTS, draw_documents, read_chat_prompts, search_scale
    from hanhua.pipeline.service_builders import service
    from hanhua.vocab_extension.texts import sources_of

    documents = draw_documents(sources_of(files), text_field=text_field, max_documents=settings.max_documents)
    return search_scale(
        settings,
        config,
        documents=documents,
        prompts=read_chat_prompts(prompts or PROMPTS),
        harm=service("harm"),
        work=work,
        **folders,
    )


def _best(found: Found, *, as_json: bool, max_loss: float) -> float:
    """Print what was tried and return the best scale; GateError if every one raises bits per byte too much."""
    from hanhua.cli.printing import print_json, print_table
    from hanhua.errors import GateError

    if not as_json:
        heads = ("λ", "bits per byte", "stopped", "language", "harmful", "good")
        rows = [(f"{t.scale:g}", f"{t.bits_per_byte:.4f}", *_shares(t)) for t in found.tried]
        print_table(heads, rows)
    if found.best is None:
        if as_json:
            print_json({"search": _facts(found)})
        raise GateError(
            f"--search: every λ raises bits per byte by more than {max_loss:.0%}; try smaller --scales, or allow more "
            "with --max-loss"
        )
    return found.best.scale


def _shares(tried: Tried) -> tuple[str, ...]:
    return tuple(f"{share:.0%}" for share in (tried.stopped, tried.in_language, tried.harmful, tried.good))


def _facts(found: Found | None) -> list[dict[str, Any]] | None:
    return None if found is None else [vars(tried) for tried in found.tried]


def _print_done(out: Path, config: ChatVectorConfig, done: Restored) -> None:
    shared, chat = done.base_check, done.chat_settings
    print(f"{out}: adapted + {config.scale:g} × (instruct - base), {done.vocab_size:,} rows")
    print(
        f"one base: cosine {shared.adapted:.3f} adapted, {shared.instruct:.3f} instruct; "
        f"{shared.unchanged} of {shared.tensors} matrices of the adapted model are identical to the base's"
    )
    if done.changed_new_rows:
        print(f"{done.changed_new_rows:,} new rows got the mean change of their pieces")
    for matrix, names in done.special.items():
        if names:
            what = "taken from the instruct model" if done.repaired else "untrained in the base; --repair-special-rows"
            print(f"{matrix}: {', '.join(names)}: {what}")
    print(f"stops at {', '.join(map(str, chat.ends))}; pad {chat.pad}; chat template: {chat.chat_template}")
    print(f"next: hanhua chat {out}")
