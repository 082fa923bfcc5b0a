"""A folder in which a corpus is judged: its candidates, the rounds drawn of them, the labels, and what was learned.

    candidates.jsonl.zst   a sample of the corpus, made once
    settings.json          what it was made of
    rounds.jsonl           the keys of each round, appended
    labels.jsonl           the judgements, appended (`label_file`)
    ledger.jsonl           what models were asked and said, appended (`ledger`)
    harm/  quality/        the classifiers of the labels so far
    progress.jsonl         what they reach, appended after each round

Everything can be killed at any moment and goes on from there. One process at a time works in a folder.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.fingerprint import difference, fingerprint
from hanhua.documents.sources import CorpusConfig
from hanhua.errors import InputError, UsageError
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.labeling.candidates import Candidate, read_candidates, sample_candidates, write_candidates
from hanhua.filtering.labeling.drawing import SEED, Strategy, TextTable, draw_round
from hanhua.filtering.labeling.label_file import HARMLESS, KEEP, MODEL, AppendedLines, LabelFile, settled
from hanhua.filtering.labeling.learning import TARGETS, Judged, Learned, Unjudged, learn
from hanhua.progress import say
from hanhua.zh_text.folding import folded_codes

CANDIDATES, SETTINGS, LABELS = "candidates.jsonl.zst", "settings.json", "labels.jsonl"


class Session:
    """The folder, opened by one judge."""

    def __init__(
        self, folder: Path, *, judge: str, per_round: int, strategy: Strategy, max_false_alarms: float
    ) -> None:
        """Open a folder that `begin` has filled. Raises UsageError while another process works in it."""
        self.folder, self.judge, self.per_round = folder, judge, per_round
        self._strategy: Strategy = strategy
        self._max_false_alarms = max_false_alarms
        self._lock = FileLock(folder / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(f"{folder}: another process works in it; wait until it ends, or end it") from None
        self.candidates = read_candidates(folder / CANDIDATES)
        self._place = {one.key: number for number, one in enumerate(self.candidates)}
        self.labels = LabelFile(folder / LABELS)
        self._rounds = AppendedLines(folder / "rounds.jsonl")
        self._progress = AppendedLines(folder / "progress.jsonl")
        self._codes = [folded_codes(one.text) for one in self.candidates]
        self._table: TextTable | None = None
        self._round = self._last_round()

    def close(self) -> None:
        """Let another process in."""
        self._lock.release()

    @property
    def waiting(self) -> list[Candidate]:
        """The texts of the current round that this judge has yet to judge."""
        return [self.candidates[self._place[key]] for key in self._round if not self._is_judged(key)]

    @property
    def round_size(self) -> int:
        """How many texts the current round has."""
        return len(self._round)

    def label(self, key: str, label: str) -> None:
        """Take down a judgement. Raises InputError for a text that is no candidate, or a label there is none of."""
        if key not in self._place:
            raise InputError(f"no candidate is called {key!r}")
        self.labels.add(key, label, judge=self.judge)

    def undo(self) -> Candidate | None:
        """Take back the judge's last word of the current round, and return its text."""
        mine = [key for key in self.labels.by(self.judge) if key in set(self._round)]
        if not mine:
            return None
        self.labels.undo(mine[-1], judge=self.judge)
        return self.candidates[self._place[mine[-1]]]

    def draw(self) -> int:
        """Draw the next round, and return how many texts it has: none when all candidates are judged."""
        if self._table is None:
            say(f"label: reading {len(self.candidates):,} candidates")
            self._table = TextTable(self._codes)
        known = settled(self.labels.labels())
        said = {one.key for one in self.labels.labels()}
        judged = [self._place[key] for key in known if key in self._place]
        places = draw_round(
            self._table,
            self.candidates,
            judged,
            [known[self.candidates[i].key] not in (KEEP, HARMLESS) for i in judged],
            count=self.per_round,
            strategy=self._strategy,
            passed_over=[self._place[key] for key in said - known.keys() if key in self._place],
        )
        return self._begin_round([self.candidates[i].key for i in places], check=False)

    def draw_check(self, count: int) -> int:
        """Draw texts that others have judged and this judge has not, for their agreement; return how many there are."""
        mine = self.labels.by(self.judge)
        others = sorted({one.key for one in self.labels.labels() if one.key in self._place} - set(mine))
        random.Random(SEED).shuffle(others)
        return self._begin_round(others[:count], check=True)

    def learn(self) -> list[Learned]:
        """Make classifiers of all labels so far, where there are enough, and note what they reach."""
        known = settled(self.labels.labels())
        judged = [self._judged(key, label) for key, label in known.items() if key in self._place]
        pairs = zip(self.candidates, self._codes, strict=True)
        others = [Unjudged(one.text, codes) for one, codes in pairs if one.key not in known]
        learned = []
        for target in TARGETS:
            facts = {"made_by": "hanhua filter label", "judges": sorted({one.judge for one in self.labels.labels()})}
            try:
                found = learn(
                    target,
                    judged,
                    others,
                    self.folder / target,
                    max_false_alarms=self._max_false_alarms,
                    facts=facts,
                )
            except InputError as error:
                say(f"label: {target}: {error}")
                continue
            if found is not None:
                learned.append(found)
        self._progress.append({"labels": len(judged), "learned": [one.as_json() for one in learned]})
        return learned

    def _judged(self, key: str, label: str) -> Judged:
        place = self._place[key]
        return Judged(self.candidates[place].text, self._codes[place], label)

    def _is_judged(self, key: str) -> bool:
        if self._check or self.judge.startswith(MODEL):
            return key in self.labels.by(self.judge)
        return any(one.key == key and not one.judge.startswith(MODEL) for one in self.labels.labels())

    def _last_round(self) -> list[str]:
        rounds = self._rounds.rows()
        self._check = bool(rounds and rounds[-1].get("check"))
        return [key for key in rounds[-1]["keys"] if key in self._place] if rounds else []

    def _begin_round(self, keys: Sequence[str], *, check: bool) -> int:
        if keys:
            self._rounds.append({"keys": list(keys), "check": check, "judge": self.judge})
            self._round, self._check = list(keys), check
        return len(keys)


def begin(
    folder: Path,
    inputs: Mapping[str, CorpusConfig],
    config: FilteringConfig,
    *,
    documents: int,
    workers: int | None = None,
) -> None:
    """Sample the corpora into a new folder; in one that has been begun, see that it is of the same.

    Raises UsageError where it is not, or nothing is named and nothing has been begun.
    """
    made_of: dict[str, Any] = {
        "corpora": {name: one.path for name, one in inputs.items()},
        "documents": documents,
        "filtering": fingerprint(config),
    }
    if (folder / CANDIDATES).is_file():
        there = read_json(folder / SETTINGS)
        if inputs and there != made_of:
            differs = "; ".join(difference(there, made_of))
            raise UsageError(f"{folder}: was begun with others: {differs}; name no corpus to go on, or another --out")
        return
    if not inputs:
        raise UsageError(f"{folder}: nothing was begun there; name the corpora to draw from")
    folder.mkdir(parents=True, exist_ok=True)
    found = sample_candidates(inputs, config, documents=documents, workers=workers)
    write_json(folder / SETTINGS, made_of)
    write_candidates(folder / CANDIDATES, found)
