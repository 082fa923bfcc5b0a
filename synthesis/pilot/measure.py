"""A few requests of a run are asked and judged, to know what all of them would cost and give.

They are a sample by hash, in the run's own ledger: the run that follows does not ask them again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import sqrt
from pathlib import Path
from typing import Any

from hanhua.errors import UsageError
from hanhua.services import Services
from hanhua.synthesis.asking.asker import Asked
from hanhua.synthesis.asking.run import ask_all
from hanhua.synthesis.checks.verdict import CheckContext
from hanhua.synthesis.judging import FormTally, Judged, judge_all, tally
from hanhua.synthesis.ledger.file import Ledger, open_ledger
from hanhua.synthesis.pilot.cautions import ceiling_cautions, enough_sections, foresight_cautions, rejection_cautions
from hanhua.synthesis.pilot.foresight import Foreseen, foresee, values_of
from hanhua.synthesis.settings import SynthesisConfig, TeacherSettings
from hanhua.synthesis.stage import Job, benchmark_finder, check_context, make_job

FORMAT = 1
FEWEST_TIMED = 20
"""With fewer new answers than this the pace is not measured."""
STEADY = (0.2, 0.8)
"""The part of the answers by which the pace is measured: before, concurrency still grows; behind, few are under way."""


@dataclass(frozen=True)
class Sample:
    """What a pilot asks of what there is. planned: requests of the whole run by form; sections: drawn, and in all."""

    planned: Mapping[str, int]
    sections: int
    of_all: int


@dataclass
class TeacherPilot:
    """What one teacher did. requests_per_second: None where too few were new; judging_seconds: of one answer."""

    teacher: TeacherSettings
    tallies: dict[str, FormTally] = field(default_factory=dict)
    requests_per_second: float | None = None
    judging_seconds: float = 0.0
    judged: list[Judged] = field(default_factory=list)

    def as_json(self, sample: Sample) -> dict[str, Any]:
        """Return it as plain data, with what the whole run would take, and what that is not good enough for."""
        foreseen = self.foreseen(sample)
        return {
            "model": self.teacher.model,
            "revision": self.teacher.revision,
            "forms": {name: self._form(name, one, sample) for name, one in self.tallies.items()},
            "requests_per_second": self.requests_per_second,
            "judging_seconds_per_request": self.judging_seconds,
            "whole": self._whole(sample, foreseen),
            "cautions": self._cautions(sample, foreseen),
        }

    def _form(self, name: str, one: FormTally, sample: Sample) -> dict[str, Any]:
        """Return a form's counts with what its tokens cost by the teacher's prices, earlier answers included."""
        dollars = self.teacher.price(one.prompt_tokens, one.output_tokens)
        low, high = wilson(one.accepted, one.requests)
        per_million = dollars / one.good_tokens * 1e6 if one.good_tokens and self.teacher.price(1, 1) else None
        foreseen = self.foreseen(replace(sample, planned={name: sample.planned[name]}))
        return {
            **one.as_json(),
            "pass_rate_interval": [round(low, 4), round(high, 4)],
            "dollars": dollars,
            "dollars_per_million_good_tokens": per_million,
            "whole": {key: value.estimate for key, value in foreseen.items()},
            "whole_intervals": {key: value.interval for key, value in foreseen.items()},
        }

    def foreseen(self, sample: Sample) -> dict[str, Foreseen]:
        """Return what all planned requests come to, each with its interval over sections."""
        return {
            name: foresee(self.judged, value, sample.planned, sections=sample.sections, of_all=sample.of_all)
            for name, value in values_of(self.teacher).items()
        }

    def _whole(self, sample: Sample, foreseen: Mapping[str, Foreseen]) -> dict[str, Any]:
        """Return what all planned requests would take, what of it is left to do, and what is foreseen too widely.

        hours: of asking and judging, at the pace of the pilot.
        """
        whole: dict[str, Any] = {"requests": sum(sample.planned.values()), "dollars": 0.0}
        whole |= {name: one.estimate for name, one in foreseen.items()}
        asked: dict[str, Any] = {"requests": len(self.judged), "dollars": 0.0}
        asked |= {name: sum(map(value, self.judged)) for name, value in values_of(self.teacher).items()}
        left = {name: whole[name] - asked[name] for name in whole}
        return {
            **whole,
            "hours": self._hours(whole["requests"], whole["requests"]),
            "left": {**left, "hours": self._hours(left["requests"], whole["requests"])},
            "intervals": {name: one.interval for name, one in foreseen.items()},
            "reaches": {name: one.reach for name, one in foreseen.items()},
            "enough_sections": enough_sections(foreseen) or None,
        }

    def _cautions(self, sample: Sample, foreseen: Mapping[str, Foreseen]) -> list[str]:
        asked = Counter(one.request.form.name for one in self.judged)
        by_form = {name: asked[name] for name, number in sample.planned.items() if number}
        told = rejection_cautions(self.tallies)
        return told + foresight_cautions(foreseen, sections=sample.sections, of_all=sample.of_all, by_form=by_form)

    def _hours(self, asked: float, judged: float) -> float | None:
        if self.requests_per_second is None:
            return None
        return (asked / self.requests_per_second + judged * self.judging_seconds) / 3600


def run_pilot(
    config: SynthesisConfig, corpus: Path, *, seeds: int, ledger: Path, services: Services, earlier: Mapping[str, Any]
) -> tuple[dict[str, Any], list[TeacherPilot]]:
    """Ask about some sections of the seeds; return what `pilot.json` says, and each teacher's answers.

    earlier: the data of an earlier pilot, whose pace is taken where all its answers are in the ledger.
    """
    teachers = [config.teacher, *([config.compared_teacher] if config.compared_teacher else [])]
    if len({(one.model, one.revision) for one in teachers}) < len(teachers):
        raise UsageError("synthesis.compared_teacher is the teacher itself: give it another model or revision")
    job = make_job(config, corpus, services)
    few = replace(job, seeds=job.seeds.few(seeds))
    sample = Sample(job.counts(), len(few.seeds.only or ()), sum(1 for _ in job.seeds))
    context = check_context(corpus, services, benchmark_finder(config, services))
    with open_ledger(ledger) as opened:
        found = [_ask_teacher(one, few, opened, context) for one in teachers]
        spent = opened.spent
    for one in found:
        if one.requests_per_second is None:
            one.requests_per_second = _earlier_pace(earlier, one.teacher)
    told = [one.as_json(sample) for one in found]
    told[0]["cautions"] += ceiling_cautions(told[0]["whole"], config.asking, spent)
    counts = {"seeds": sample.sections, "of_sections": sample.of_all, "planned": sample.planned}
    return {"format": FORMAT, **counts, "teachers": told}, found


def _ask_teacher(teacher: TeacherSettings, job: Job, ledger: Ledger, context: CheckContext) -> TeacherPilot:
    pilot = TeacherPilot(teacher)
    asked = ask_all(
        job.requests(teacher),
        teacher=teacher,
        ledger=ledger,
        settings=job.config.asking,
        total=sum(job.counts().values()),
        longest_tokens=job.longest_tokens,
        name=f"pilot of {teacher.model}",
    )
    pilot.requests_per_second = _pace(asked)
    spool = ledger.path.with_name(ledger.path.name + ".verdicts")
    # What checks load once (dictionaries, lexicons, a Corpus's signatures) is not what an answer takes.
    list(judge_all(lambda: islice(job.requests(teacher), 1), ledger, context, spool))
    began = time.monotonic()
    pilot.judged = list(judge_all(lambda: job.requests(teacher), ledger, context, spool))
    pilot.judging_seconds = (time.monotonic() - began) / max(len(pilot.judged), 1)
    for one in pilot.judged:
        tally(one, pilot.tallies)
    return pilot


def _pace(asked: Asked) -> float | None:
    """Return answers per second while all went steadily."""
    times = asked.times
    if len(times) < FEWEST_TIMED:
        return None
    first, last = (int(share * (len(times) - 1)) for share in STEADY)
    return (last - first) / max(times[last] - times[first], 1e-9)


def _earlier_pace(earlier: Mapping[str, Any], teacher: TeacherSettings) -> float | None:
    for one in earlier.get("teachers", ()):
        if (one["model"], one["revision"]) == (teacher.model, teacher.revision):
            pace: float | None = one["requests_per_second"]
            return pace
    return None


def wilson(hits: int, of: int, *, z: float = 1.96) -> tuple[float, float]:
    """Return the interval of a share in which the true one lies in 95 of 100 samples (Wilson 1927).

    >>> tuple(round(end, 3) for end in wilson(80, 100))
    (0.711, 0.867)
    """
    if not of:
        return 0.0, 1.0
    share, square = hits / of, z * z / of
    middle = (share + square / 2) / (1 + square)
    half = z * sqrt(share * (1 - share) / of + square / of / 4) / (1 + square)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def judged_pairs(pilots: Sequence[TeacherPilot]) -> list[list[Judged]]:
    """Return, request by request, what each teacher answered; all were asked the same in the same order."""
    return [list(row) for row in zip(*(one.judged for one in pilots), strict=True)]
