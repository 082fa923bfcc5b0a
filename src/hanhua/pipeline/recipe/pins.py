"""Hub names pinned to commits, so that a run means the same data and the same base tomorrow."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hanhua.config_fields import set_at
from hanhua.documents.readers import HUB_PREFIX, parse_hub_name
from hanhua.errors import InputError
from hanhua.eval.tasks.hub_sets import hub_sets
from hanhua.hub_names import is_on_hub, split_revision
from hanhua.model_scope import (
    MS_PREFIX,
    WAYS_ON,
    ModelScopeName,
    is_modelscope,
    modelscope_commit,
    parse_modelscope,
)
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.progress import say

_COMMIT = re.compile(r"[0-9a-f]{40}")
Resolve = Callable[[str, str, str | None], str]
"""(kind, repository, revision or None) → commit."""


@dataclass(frozen=True)
class HubName:
    """A repository a recipe names.

    kind: dataset or model, with ms- before it on ModelScope; config: of a Hub data set, or the files of one there. key:
    how the lock file remembers it.
    """

    kind: str
    repo: str
    revision: str | None
    config: str | None = None

    @property
    def key(self) -> str:
        """The name with the revision that was asked for, without a configuration."""
        return f"{self.kind}:{self.repo}" + (f"@{self.revision}" if self.revision else "")

    def at(self, commit: str) -> str:
        """Return the name as a recipe says it, pinned to a commit."""
        if self.kind.startswith("ms-"):
            return str(ModelScopeName(self.repo, commit, self.config))
        if self.kind == "model":
            return f"{self.repo}@{commit}"
        return f"{HUB_PREFIX}{self.repo}@{commit}" + (f":{self.config}" if self.config else "")


def hub_names(recipe: Recipe) -> dict[tuple[str, ...], HubName]:
    """Return what a recipe takes from the Hub and from ModelScope, by the place it says so."""
    return {**_of_corpora(recipe), **_of_benchmarks(recipe), **_of_models(recipe)}


def _of_corpora(recipe: Recipe) -> dict[tuple[str, ...], HubName]:
    found: dict[tuple[str, ...], HubName] = {}
    for name, corpus in recipe.corpora.items():
        if corpus.path.startswith(HUB_PREFIX):
            repo, revision, config = parse_hub_name(corpus.path)
            found["corpora", name, "path"] = HubName("dataset", repo, revision, config)
        elif is_modelscope(corpus.path):
            found["corpora", name, "path"] = _on_modelscope("dataset", corpus.path)
    return found


def _of_benchmarks(recipe: Recipe) -> dict[tuple[str, ...], HubName]:
    found: dict[tuple[str, ...], HubName] = {}
    for number, benchmark in enumerate(recipe.eval.benchmarks if recipe.eval is not None else ()):
        at = ("eval", "benchmarks", str(number))
        for repo in hub_sets(benchmark):
            of_set: tuple[str, ...] = (*at, "revisions", repo)
            found[of_set] = HubName("dataset", repo, benchmark.revisions.get(repo))
        for field in ("data", "path", "fewshot_path"):
            named = getattr(benchmark, field)
            if named is not None and is_modelscope(named):
                of_files: tuple[str, ...] = (*at, field)
                found[of_files] = _on_modelscope("dataset", named)
    return found


def _of_models(recipe: Recipe) -> dict[tuple[str, ...], HubName]:
    models: dict[tuple[str, ...], str] = {}
    if recipe.base is not None:
        field = "model" if recipe.base.model is not None else "tokenizer"
        models["base", field] = str(getattr(recipe.base, field))
    if recipe.chat_vector is not None:
        models["chat_vector", "instruct"] = recipe.chat_vector.instruct
    found: dict[tuple[str, ...], HubName] = {}
    for at, named in models.items():
        if is_on_hub(named):
            found[at] = HubName("model", *split_revision(named))
        elif is_modelscope(named):
            found[at] = _on_modelscope("model", named)
    return found


def _on_modelscope(kind: str, name: str) -> HubName:
    found = parse_modelscope(name)
    return HubName(f"ms-{kind}", found.repo, found.revision, found.pattern)


def pin(recipe: Recipe, known: Mapping[str, str], *, resolve: Resolve | None) -> tuple[Recipe, dict[str, str]]:
    """Return the recipe with every Hub name pinned to a commit, and the commits by `HubName.key`.

    known: commits of an earlier run, which are kept. resolve: asks the Hub for the others; None leaves them unpinned.
    """
    pins: dict[str, str] = {}
    data = recipe.model_dump()
    for at, name in hub_names(recipe).items():
        # One answer a name: two benchmarks of one data set must not read two commits of it.
        commit = pins.get(name.key) or _commit(name, known, resolve)
        if commit is None:
            continue
        pins[name.key] = commit
        set_at(data, at, commit if "revisions" in at else name.at(commit))
    return (type(recipe).model_validate(data) if pins else recipe), pins


def _commit(name: HubName, known: Mapping[str, str], resolve: Resolve | None) -> str | None:
    if name.revision and _COMMIT.fullmatch(name.revision):
        return name.revision
    if name.key in known:
        return known[name.key]
    return resolve(name.kind, name.repo, name.revision) if resolve is not None else None


def ask_hub(kind: str, repo: str, revision: str | None) -> str:
    """Return the commit a revision (None: the newest) of a repository refers to, asking the Hub or ModelScope.

    Raises InputError when it cannot be asked, or has no such repository.
    """
    if kind.startswith("ms-"):
        commit = modelscope_commit("model" if kind == "ms-model" else "dataset", repo, revision)
        say(f"{MS_PREFIX}{repo}: pinned to {commit}")
        return commit
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
    from huggingface_hub.errors import HTTPError as AnyHTTPError

    try:
        api = HfApi(library_name="hanhua")
        info = (
            api.dataset_info(repo, revision=revision) if kind == "dataset" else api.model_info(repo, revision=revision)
        )
    except (HfHubHTTPError, AnyHTTPError, OfflineModeIsEnabled, OSError, ValueError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{repo}: the Hub resolved no commit for {revision or 'the newest revision'} ({said}); check the name, the "
            f"network and, for a gated {kind}, that its terms are accepted and `hf auth login` was run; or pin a "
            f"commit yourself: {repo}@COMMIT; {WAYS_ON}"
        ) from None
    say(f"{repo}: pinned to {info.sha}")
    return str(info.sha)
