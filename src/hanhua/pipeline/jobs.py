"""The stages of one recipe: what each is called with, and what identifies the artifact it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hanhua.artifacts.hashes import FileHashes
from hanhua.artifacts.identity import Identity, config_material, record_of
from hanhua.artifacts.manifest import Artifact
from hanhua.documents.sources import CorpusConfig
from hanhua.pipeline.recipe.completion import completed
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.pipeline.service_builders import service, services_named
from hanhua.pipeline.stages import stages
from hanhua.stage import Stage


@dataclass(frozen=True)
class StageJob:
    """One stage of one recipe. inputs: name → the stage that makes it. corpora: raw ones, where it reads such."""

    declaration: Stage
    config: BaseModel
    inputs: Mapping[str, str] = field(default_factory=dict)
    corpora: Mapping[str, CorpusConfig] = field(default_factory=dict)

    @property
    def stage(self) -> str:
        """The stage's name."""
        return self.declaration.name


def jobs(recipe: Recipe) -> list[StageJob]:
    """Return the stages a recipe runs, in order; one that has nothing to do for it is left out."""
    recipe = completed(recipe)
    found: list[StageJob] = []
    made: dict[str, str] = {}
    for stage in stages():
        config = stage.config_of(recipe)
        if config is None:
            continue
        corpora = recipe.corpora if stage.reads_corpora else {}
        found.append(StageJob(stage, config, stage.sources_of(config, made), corpora))
        made[stage.makes] = stage.name
    return found


def identify(job: StageJob, artifacts: Mapping[str, Artifact], hashes: FileHashes) -> Identity:
    """Return what identifies the artifact of a job, and what it would be made with now.

    artifacts: of the stages it reads from, by stage.
    """
    stage = job.declaration
    material = {
        "stage": stage.name,
        "output_version": stage.output_version,
        "config": config_material(job.config, hashes),
        "inputs": {name: artifacts[source].content_hash for name, source in job.inputs.items()},
        "corpora": {name: corpus_material(corpus, hashes) for name, corpus in job.corpora.items()},
        "services": {name: service(name).fingerprint for name in stage.services},
    }
    return Identity(stage.name, stage.makes, material, record_of(stage.function, stage.libraries))


def corpus_material(corpus: CorpusConfig, hashes: FileHashes) -> dict[str, Any]:
    """Return what of a corpus decides the result: its settings, and its files by content.

    Its weight belongs to training: changing the mixture must not filter again.
    """
    files = corpus.files()
    content = [f"{path.name} sha256:{hashes.of(path)}" for path in files] if files else [corpus.path]
    return {**corpus.model_dump(exclude={"path", "weight"}), "content": content}


def call(job: StageJob, artifacts: Mapping[str, Artifact], out: Path) -> Mapping[str, Any]:
    """Run one stage into `out` and return its facts."""
    inputs: dict[str, Any] = {name: artifacts[source] for name, source in job.inputs.items()}
    inputs.update(job.corpora)
    return job.declaration.resolve()(job.config, inputs, out, services=services_named(job.declaration.services))
