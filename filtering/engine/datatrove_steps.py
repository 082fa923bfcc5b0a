"""The same rules inside datatrove's executors (local, Slurm, Ray), for whoever outgrows one machine.

    from hanhua.filtering import FilteringConfig
    from hanhua.filtering.engine.datatrove_steps import build_executor

    build_executor(FilteringConfig(), ["texts/*.jsonl.zst"], "out", kind="slurm", tasks=200, options={...}).run()

Each rank reads, judges and writes its own files. Copies are looked for over all of them, so that is a second
step: `hanhua filter run out/KEY/kept --preset balanced`, or datatrove's own MinHash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from hanhua.artifacts.fingerprint import fingerprint
from hanhua.documents.readers import HUB_PREFIX, expand_paths, read_records
from hanhua.errors import MissingExtra
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.judge import Judge

try:
    from datatrove.data import Document
    from datatrove.pipeline.base import PipelineStep
    from datatrove.pipeline.filters.base_filter import BaseFilter
except ImportError:
    raise MissingExtra("running on datatrove", "cluster") from None

Kind = Literal["local", "slurm", "ray"]


class RecordReader(PipelineStep):  # type: ignore[misc]
    """Reads files as the filter itself does; rank r of n takes every n-th file from the r-th on."""

    type = "📖 - READER"
    name = "hanhua records"

    def __init__(self, sources: Sequence[str], *, text_field: str = "text") -> None:
        super().__init__()
        self.sources, self.text_field = list(sources), text_field

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Yield the records of this rank's files as datatrove's documents; broken ones are counted."""
        if data:
            yield from data
        for source in self.sources[rank::world_size]:
            records = read_records(source, text_field=self.text_field, on_broken=self._count_broken)
            for record in records:
                self.stat_update("documents")
                yield Document(text=record.text, id=f"{source}#{record.number}", metadata=record.fields)

    def _count_broken(self, place: str, problem: str) -> None:
        del place, problem
        self.stat_update("broken")


class RuleFilter(BaseFilter):  # type: ignore[misc]
    """Judges documents by a configuration; what is kept carries its cleaned and masked text."""

    name = "汉 hanhua rules"

    def __init__(self, config: FilteringConfig, *, language: str = "zh", exclusion_writer: Any = None) -> None:
        super().__init__(exclusion_writer)
        self.config, self.language = config, language
        self._judge: Judge | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Matchers are built where they are used; they do not travel.
        return {**self.__dict__, "_judge": None}

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        """Return True, or False with the reason the filter itself gives."""
        if self._judge is None:
            self._judge = Judge(self.config)
        judged = self._judge.judge(doc.text, language=self.language)
        doc.text = judged.text
        if not judged.verdict.keep:
            return False, judged.verdict.reason
        doc.metadata["script"] = judged.script
        return True


def build_executor(
    config: FilteringConfig,
    paths: Sequence[str],
    out: str,
    *,
    kind: Kind = "local",
    tasks: int = 1,
    language: str = "zh",
    text_field: str = "text",
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Return a datatrove executor that reads, judges and writes into `out/KEY`; call its `run()`.

    KEY is of the configuration and the files: datatrove skips what its markers call done, whatever the settings
    were, so other settings get another folder. options: of the executor (workers; time, partition … of Slurm).
    """
    from datatrove.pipeline.writers import JsonlWriter

    sources = [found for path in paths for found in _sources(path)]
    material = {"config": config, "sources": sources, "language": language, "text_field": text_field, "tasks": tasks}
    folder = f"{out}/{fingerprint(material)[:12]}"
    steps = [
        RecordReader(sources, text_field=text_field),
        RuleFilter(config, language=language, exclusion_writer=JsonlWriter(f"{folder}/rejected")),
        JsonlWriter(f"{folder}/kept"),
    ]
    given = {"pipeline": steps, "tasks": tasks, "logging_dir": f"{folder}/logs", **(options or {})}
    return _executor(kind)(**given)


def _sources(path: str) -> list[str]:
    return [path] if path.startswith(HUB_PREFIX) else [str(found) for found in expand_paths(path)]


def _executor(kind: Kind) -> Any:
    if kind == "slurm":
        from datatrove.executor.slurm import SlurmPipelineExecutor

        return SlurmPipelineExecutor
    if kind == "ray":
        from datatrove.executor.ray import RayPipelineExecutor

        return RayPipelineExecutor
    from datatrove.executor.local import LocalPipelineExecutor

    return LocalPipelineExecutor
