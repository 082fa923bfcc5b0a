"""The second pass: what was spooled, without copies and repeated lines, each with its split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hanhua.documents.corpus import Document
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.document import KEEP, Verdict
from hanhua.filtering.duplicates.clusters import Clusters
from hanhua.filtering.duplicates.lines import LineFilter, repeated_lines
from hanhua.filtering.engine.spool import Spool
from hanhua.filtering.report.findings import Findings
from hanhua.filtering.split import assign_splits


class SecondPass:
    """Writes out what is kept, and counts and samples it and the copies."""

    def __init__(self, config: FilteringConfig, spool: Spool, clusters: Clusters, findings: Findings) -> None:
        self._config, self._spool, self._clusters, self._findings = config, spool, clusters, findings
        self._places: dict[int, str] = {}
        self._copies: list[tuple[int, dict[str, str], str]] = []

    def documents(self) -> Iterator[Document]:
        """Yield what is kept, in input order."""
        ratio = self._config.heldout_ratio
        splits = assign_splits(self._spool.digests, self._clusters, corpora=self._spool.corpora, heldout_ratio=ratio)
        lines = self._line_filter()
        wanted = self._sampled_originals()
        for index, (fields, masked) in enumerate(self._spool.read()):
            if index in wanted:
                self._places[index] = fields["id"]
            if self._clusters.is_copy(index):
                self._reject_copy(index, fields)
                continue
            text = lines.strip(fields["text"])
            if text is not fields["text"] and self._too_short(text):
                self._reject(fields, Verdict(False, "duplicate.lines", "only lines of other documents"))
                continue
            data: dict[str, Any] = {**fields, "text": text}
            document = Document(**data, split=splits[index])
            self._count(document, masked)
            yield document
        self._sample_copies()

    def _line_filter(self) -> LineFilter:
        limit = self._config.duplicates.max_line_documents
        if limit is None:
            return LineFilter(np.zeros(0, dtype=np.uint64))
        left_out = self._clusters.copies()
        return LineFilter(
            repeated_lines(self._spool.lines, self._spool.line_counts, left_out=left_out, max_documents=limit)
        )

    def _sampled_originals(self) -> set[int]:
        """Return the kept documents of whose copies a few are shown: the only ones whose ids are remembered."""
        copies = self._clusters.copies()
        owners = np.memmap(self._spool.corpora, dtype=np.uint16, mode="r") if len(copies) else copies
        wanted: set[int] = set()
        for corpus in np.unique(owners).tolist():
            mine = copies & (owners == corpus)
            exact = self._clusters.equal == self._clusters.equal[self._clusters.kept]
            for kind in (mine & exact, mine & ~exact):
                first = np.flatnonzero(kind)[: self._config.samples_per_reason]
                wanted.update(self._clusters.kept[first].tolist())
        return wanted

    def _reject_copy(self, index: int, fields: dict[str, str]) -> None:
        reason = self._clusters.reason(index)
        self._findings.tallies[fields["corpus"]].rejected[reason] += 1
        shown = sum(one[2] == reason and one[1]["corpus"] == fields["corpus"] for one in self._copies)
        if shown < self._config.samples_per_reason:
            self._copies.append((index, fields, reason))

    def _sample_copies(self) -> None:
        """Show the copies now that it is known of what: the one that is kept may come later."""
        for index, fields, reason in self._copies:
            place = self._places[int(self._clusters.kept[index])]
            self._findings.samples.add(fields, verdict=Verdict(False, reason, f"copy of {place}"), text=fields["text"])

    def _reject(self, fields: dict[str, str], verdict: Verdict) -> None:
        self._findings.tallies[fields["corpus"]].rejected[verdict.reason] += 1
        self._findings.samples.add(fields, verdict=verdict, text=fields["text"])

    def _too_short(self, text: str) -> bool:
        return sum(map(str.isalnum, text)) < (self._config.quality.min_characters or 1)

    def _count(self, document: Document, masked: dict[str, int]) -> None:
        tally = self._findings.tallies[document.corpus]
        tally.kept += 1
        tally.characters_kept += len(document.text)
        tally.masked.update(masked)
        tally.train += document.split == "train"
        tally.heldout += document.split == "heldout"
        tally.count_source(document.source, kept=True)
        if self._findings.samples.wants(document.corpus, "kept"):
            fields = {"id": document.id, "corpus": document.corpus, "source": document.source}
            self._findings.samples.add(fields, verdict=KEEP, text=document.text)
