"""Everything the report is made of, gathered while the filter runs, and kept in its checkpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.document import Verdict
from hanhua.filtering.engine.intake import Batch
from hanhua.filtering.judge import Judged
from hanhua.filtering.report.histograms import Histograms
from hanhua.filtering.report.samples import Samples
from hanhua.filtering.report.tally import CorpusTally, by_count

MAX_QUESTIONS_LISTED = 100_000


@dataclass
class Findings:
    """Counts by corpus, samples, histograms, and which document held which question of a benchmark."""

    tallies: dict[str, CorpusTally]
    samples: Samples
    histograms: Histograms
    questions: list[dict[str, Any]]

    @classmethod
    def begin(cls, config: FilteringConfig, corpora: Iterable[str], state: Mapping[str, Any]) -> Findings:
        """Return those of a checkpoint, or empty ones."""
        given = state.get("tallies", {})
        tallies = {name: CorpusTally.restore(given[name]) if name in given else CorpusTally() for name in corpora}
        return cls(
            tallies,
            Samples(config.samples_per_reason, state.get("samples", ())),
            Histograms.restore(state.get("histograms", [])),
            list(state.get("questions", ())),
        )

    def state(self) -> dict[str, Any]:
        """Return everything as data, for a checkpoint."""
        return {
            "tallies": {name: tally.state() for name, tally in self.tallies.items()},
            "samples": self.samples.rows,
            "histograms": self.histograms.state(),
            "questions": self.questions,
        }

    def add_batch(self, batch: Batch, results: list[Judged], histograms: Histograms) -> None:
        """Count what became of a batch, and sample what was rejected."""
        self.histograms.merge(histograms)
        for one in batch.broken:
            tally = self.tallies[one.corpus]
            tally.broken += 1
            tally.first_problem = tally.first_problem or f"{one.place}: {one.problem}"
            place = {"id": one.place, "corpus": one.corpus}
            self.samples.add(place, verdict=Verdict(False, "broken", one.problem), text="")
        for text, fields, judged in zip(batch.texts, batch.rest, results, strict=True):
            tally = self.tallies[fields["corpus"]]
            tally.read += 1
            tally.repaired += judged.repaired
            tally.count_source(fields["source"])
            if not judged.verdict.keep:
                tally.rejected[judged.verdict.reason] += 1
                self.samples.add(fields, verdict=judged.verdict, text=judged.text or text)
            if judged.questions and len(self.questions) < MAX_QUESTIONS_LISTED:
                self.questions += [
                    {"id": fields["id"], "question": place, "overlap": overlap} for place, overlap in judged.questions
                ]

    def facts(self, config: FilteringConfig) -> dict[str, Any]:
        """Return what the stage has to say for itself."""
        reasons = sum((tally.rejected for tally in self.tallies.values()), Counter[str]())
        return {
            "corpora": {name: tally.facts() for name, tally in self.tallies.items()},
            "reasons": by_count(reasons),
            "preset": config.preset,
        }
