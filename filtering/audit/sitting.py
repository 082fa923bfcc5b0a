"""An audit's folder: a sample of a corpus with the filter's verdicts, the judgements of some, and what they say.

    candidates.jsonl.zst, settings.json    as for labels (`hanhua.filtering.labeling.session`)
    sample.json                            the keys of the texts to judge
    labels.jsonl                           the judgements, appended
    audit.json                             precision and recall, for report and card

The page tells nobody what the filter said of a text.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_json
from hanhua.filtering.audit.estimate import Counted, measures_of
from hanhua.filtering.audit.sample import draw_sample, strata_of
from hanhua.filtering.labeling.agreement import agreements
from hanhua.filtering.labeling.candidates import Candidate, read_candidates
from hanhua.filtering.labeling.label_file import KEEP, LabelFile, settled
from hanhua.filtering.labeling.session import CANDIDATES, LABELS

SAMPLE, AUDIT = "sample.json", "audit.json"
FORMAT = 1


class Audit:
    """The folder, opened by one judge."""

    def __init__(self, folder: Path, *, judge: str, count: int) -> None:
        """Open a folder that `session.begin` has filled, and draw the sample if that was not done."""
        self.folder, self.judge = folder, judge
        self.candidates = read_candidates(folder / CANDIDATES)
        self.labels = LabelFile(folder / LABELS)
        place = {one.key: number for number, one in enumerate(self.candidates)}
        if not (folder / SAMPLE).is_file():
            strata = strata_of(self.candidates, count)
            drawn = draw_sample(strata, count)
            write_json(folder / SAMPLE, {"count": count, "keys": [self.candidates[i].key for i in drawn]})
        sample = read_json(folder / SAMPLE)
        self._strata = strata_of(self.candidates, int(sample["count"]))
        self._drawn = [place[key] for key in sample["keys"] if key in place]

    @property
    def waiting(self) -> list[Candidate]:
        """The texts that this judge has yet to judge."""
        mine = self.labels.by(self.judge)
        return [self.candidates[i] for i in self._drawn if self.candidates[i].key not in mine]

    @property
    def round_size(self) -> int:
        """How many texts are judged in all."""
        return len(self._drawn)

    def label(self, key: str, label: str) -> None:
        """Take down a judgement."""
        self.labels.add(key, label, judge=self.judge)

    def undo(self) -> Candidate | None:
        """Take back the judge's last word, and return its text."""
        mine = list(self.labels.by(self.judge))
        if not mine:
            return None
        self.labels.undo(mine[-1], judge=self.judge)
        return next((one for one in self.candidates if one.key == mine[-1]), None)

    def figures(self) -> dict[str, Any]:
        """Return precision and recall with their intervals, and what was judged of each reason, as plain data.

        Raises InputError where nothing was judged.
        """
        known = settled(self.labels.labels())
        judged = {i: known[self.candidates[i].key] != KEEP for i in self._drawn if self.candidates[i].key in known}
        sizes = Counter(self._strata)
        counted = [
            Counted(
                stratum,
                sizes[stratum],
                sum(self._strata[i] == stratum for i in judged),
                sum(unwanted for i, unwanted in judged.items() if self._strata[i] == stratum),
            )
            for stratum in sorted(sizes, key=str)
        ]
        return {
            "format": FORMAT,
            "documents": len(self.candidates),
            "rejected": sum(one.reason != "" for one in self.candidates),
            "judged": len(judged),
            "judges": len({one.judge for one in self.labels.labels()}),
            **asdict(measures_of(counted)),
            "reasons": self._by_reason(judged),
            "agreement": [asdict(one) | {"judges": None} for one in agreements(self.labels.labels())],
        }

    def write(self) -> dict[str, Any]:
        """Write `audit.json` and return what it holds."""
        figures = self.figures()
        write_json(self.folder / AUDIT, figures)
        return figures

    def _by_reason(self, judged: dict[int, bool]) -> list[dict[str, Any]]:
        documents = Counter(one.reason.partition(".")[0] for one in self.candidates)
        rows = []
        for family in sorted(documents, key=lambda name: (name == "", -documents[name], name)):
            told = [unwanted for i, unwanted in judged.items() if self.candidates[i].reason.partition(".")[0] == family]
            row = {
                "reason": family or "kept",
                "documents": documents[family],
                "judged": len(told),
                "unwanted": sum(told),
            }
            rows.append(row)
        return rows
