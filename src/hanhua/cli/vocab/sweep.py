"""`vocab-extension sweep`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hanhua.cli.options import FORMATS, AsJson, Base, Plot, Split, TextField
from hanhua.cli.vocab.options import new_folder, texts_by_source

if TYPE_CHECKING:
    from hanhua.vocab_extension.measuring.model_shape import ModelShape
    from hanhua.vocab_extension.measuring.recommend import Recommendation
    from hanhua.vocab_extension.measuring.sweep import Sweep
    from hanhua.vocab_extension.measuring.times_seen import Budget
    from hanhua.vocab_extension.texts import TextFiles

LEARNED, ADVISED = "learned", "advised"

Corpus = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE…", help=f"Texts like the training texts, to learn from and count in: {FORMATS}"),
]
Extension = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Extension of BASE to cut the sizes from, instead of learning one"),
]
Sizes = Annotated[
    str,
    typer.Option(
        metavar="N,N…",
        help="Numbers of new tokens to compare; rounded down so that the vocabulary is a multiple of 256",
    ),
]
Texts = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE…", help="Texts to measure on (default: the 2% of the corpus not learned from)"),
]
BudgetMegabytes = Annotated[
    float | None,
    typer.Option(
        metavar="MB", min=0.001, help="Training budget in 10^6 bytes of text (default: the size of the corpus)"
    ),
]
BudgetTokens = Annotated[
    float | None,
    typer.Option(metavar="N", min=1, help="Training budget in tokens of the base, instead of --budget-mb"),
]
Model = Annotated[str, typer.Option(metavar="SIZE", help="Model size to estimate for: 1b, 3b, 8b, 70b or 405b")]
ModelConfig = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="config.json of a model to estimate for, instead of --model"),
]
MinSeen = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        help="Occurrences in the budget that nine in ten new tokens of a recommended size must reach",
    ),
]
MinStep = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        min=0,
        help="Least rise in compression per 1,000 more tokens, as a share, for a size to be recommended",
    ),
]
MinGain = Annotated[
    float,
    typer.Option(
        metavar="RATIO",
        min=1,
        help="Least compression, as a multiple of the base's, that a recommended size reaches at 95% confidence",
    ),
]
MinNext = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        min=0,
        max=1,
        help="Also named: the first size at which another 1,024 tokens save less than this share of the text's tokens",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="New folder for the figures, the learned list and the recommended tokenizer"),
]


def sweep(
    base: Base = "llama3",
    corpus: Corpus = None,
    extension: Extension = None,
    sizes: Sizes = "4096,8192,16384,32768",
    texts: Texts = None,
    budget_mb: BudgetMegabytes = None,
    budget_tokens: BudgetTokens = None,
    model: Model = "8b",
    model_config: ModelConfig = None,
    min_seen: MinSeen = 1000,
    min_step: MinStep = 0.001,
    min_gain: MinGain = 1.05,
    min_next: MinNext = 0.005,
    text_field: TextField = "text",
    split: Split = "train",
    out: Out = None,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Compare numbers of new tokens: gains and costs of each, and a recommendation, which may be to add none.

    All sizes are cut from one learned list. Shown for each: compression of held-out texts, parameters, memory
    and compute, sequence length and cache saved, training tokens, how often each new token occurs in the
    training budget, and how many word ends fall inside tokens.
    """
    from hanhua.base_tokenizer import resolve_base_tokenizer
    from hanhua.vocab_extension.measuring.recommend import Rule, recommend

    wanted = _sizes(sizes)
    _check_usage(corpus, extension, texts, plot, budgets=(budget_mb, budget_tokens))
    shape, rule = _shape(model, model_config), Rule(min_seen, min_step, min_gain, min_next)
    folder = resolve_base_tokenizer(base)
    read = _read(corpus, texts, text_field, split)
    with _working_folder(out) as work:
        learned = extension or _learn(read.train, max(wanted), folder, work / LEARNED)
        budget = _budget(budget_mb, budget_tokens, read.corpus)
        done = _swept(folder, learned, wanted, read, budget=budget, min_seen=min_seen, shape=shape)
        advice = recommend(done, rule)
        _write(work, done, advice, plot=plot)
        if out is not None and advice.new_tokens:
            _write_advised(work / ADVISED, learned, advice.new_tokens, base=folder)
    _print(done, advice, list(read.measured), as_json=as_json)


class _Read(NamedTuple):
    """Texts: the whole corpus, the part that is learned from and counted in, and those measured on, by file."""

    corpus: TextFiles
    train: TextFiles
    measured: Mapping[str, TextFiles]


def _read(corpus: list[str] | None, texts: list[str] | None, text_field: str, split: str) -> _Read:
    from hanhua.progress import say
    from hanhua.vocab_extension.texts import TextFiles, sources_of

    sources = sources_of(corpus or (), split=split)
    measured = texts_by_source(texts, text_field, split)
    both = [name for name in measured if name in sources]
    if both:
        say(f"in --corpus as well as in --texts, so these compress better than new text would: {', '.join(both)}")
    held_out = {source: TextFiles((source,), text_field, split, held_out=True) for source in sources}
    return _Read(
        TextFiles(sources, text_field, split),
        TextFiles(sources, text_field, split, held_out=False),
        measured if texts else held_out,
    )


def _swept(
    base: Path, learned: Path, wanted: list[int], read: _Read, *, budget: Budget, min_seen: int, shape: ModelShape
) -> Sweep:
    from hanhua.vocab_extension.learned_list import read_learned
    from hanhua.vocab_extension.measuring.sweep import sizes_to_sweep
    from hanhua.vocab_extension.measuring.sweep import sweep as sweep_sizes
    from hanhua.vocab_extension.tokenizer_json import read_bpe_file

    file = read_bpe_file(base)
    tokens = read_learned(learned, file)
    return sweep_sizes(
        file,
        tokens,
        sizes_to_sweep(wanted, base_size=file.size, learned=len(tokens)),
        read.measured,
        sample_of=read.train if read.train.sources else None,
        budget=budget,
        min_seen=min_seen,
        shape=shape,
    )


def _sizes(words: str) -> list[int]:
    from hanhua.errors import UsageError

    parts = [word.strip().replace("_", "") for word in words.split(",") if word.strip()]
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"--sizes {words}: expected whole numbers with commas between, such as 4096,8192,16384")
    return [int(part) for part in parts]


def _check_usage(
    corpus: list[str] | None,
    extension: Path | None,
    texts: list[str] | None,
    plot: Path | None,
    *,
    budgets: tuple[float | None, float | None],
) -> None:
    from hanhua.errors import UsageError

    if not corpus and extension is None:
        raise UsageError("give --corpus to learn tokens from, or --extension with a learned list; or both, to count in")
    if not corpus and not texts:
        raise UsageError("--extension alone leaves nothing to measure on: add --texts or --corpus")
    if None not in budgets:
        raise UsageError("--budget-mb and --budget-tokens say the same thing: give one of them")
    if not corpus and budgets == (None, None):
        raise UsageError("without --corpus the training budget is unknown: add --budget-mb or --budget-tokens")
    if plot is not None:
        from hanhua.vocab_extension.measuring.figures import check_plot

        check_plot(plot)


def _shape(model: str, config: Path | None) -> ModelShape:
    from hanhua.cli.printing import closest
    from hanhua.errors import UsageError
    from hanhua.vocab_extension.measuring.model_shape import SHAPES, read_model_shape

    if config is not None:
        return read_model_shape(config)
    if model.lower() not in SHAPES:
        raise UsageError(
            f"--model {model}: one of {', '.join(SHAPES)}{closest(model, SHAPES)}; others with --model-config"
        )
    return SHAPES[model.lower()]


def _budget(megabytes: float | None, tokens: float | None, corpus: TextFiles) -> Budget:
    from hanhua.vocab_extension.measuring.times_seen import Budget

    if megabytes is None and tokens is None:
        megabytes = round(sum(len(text.encode()) for text in corpus) / 1e6, 3)
    return Budget(megabytes, tokens)


def _learn(texts: TextFiles, new_tokens: int, base: Path, out: Path) -> Path:
    """Learn one list and write it as an extension of the base."""
    from hanhua.pipeline.service_builders import service
    from hanhua.vocab_extension.config import VocabExtensionConfig
    from hanhua.vocab_extension.extend import write_extended
    from hanhua.vocab_extension.learning.learn import learn_tokens
    from hanhua.vocab_extension.learning.sources import Source
    from hanhua.vocab_extension.tokenizer_json import read_bpe_file

    config = VocabExtensionConfig(new_tokens=new_tokens)
    learned = learn_tokens([Source("corpus", texts)], base=base, config=config, junk=service("junk"))
    out.mkdir()
    write_extended(read_bpe_file(base), learned.tokens, out)
    return out


@contextmanager
def _working_folder(out: Path | None) -> Iterator[Path]:
    import tempfile

    if out is not None:
        with new_folder(out) as partial:
            yield partial
    else:
        with tempfile.TemporaryDirectory() as aside:
            yield Path(aside)


def _write(work: Path, done: Sweep, advice: Recommendation, *, plot: Path | None) -> None:
    from hanhua.artifacts.files import write_durably, write_json
    from hanhua.cli.vocab.sweep_tables import sweep_as_json, sweep_text
    from hanhua.vocab_extension.measuring.figures import draw_sweep

    write_json(work / "sweep.json", sweep_as_json(done, advice))
    write_durably(work / "sweep.txt", sweep_text(done, advice) + "\n")
    if plot is not None:
        draw_sweep(done, plot, advised=advice.new_tokens)


def _write_advised(out: Path, learned: Path, new_tokens: int, *, base: Path) -> None:
    """Write the recommended tokenizer, verified like a newly learned one."""
    from hanhua.vocab_extension.learned_list import write_prefix
    from hanhua.vocab_extension.proof.verify import raise_if_broken, verify_extension
    from hanhua.vocab_extension.tokenizer_json import read_bpe_file

    out.mkdir()
    write_prefix(learned, read_bpe_file(base), new_tokens, out)
    raise_if_broken(verify_extension(out, base=base))


def _print(done: Sweep, advice: Recommendation, files: list[str], *, as_json: bool) -> None:
    from hanhua.cli.printing import print_json
    from hanhua.cli.vocab.sweep_tables import sweep_as_json, sweep_text

    if as_json:
        print_json({"texts": files, **sweep_as_json(done, advice)})
    else:
        print(sweep_text(done, advice))
