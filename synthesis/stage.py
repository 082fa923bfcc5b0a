"""The stage: choose seeds, ask, judge, write the Corpus with what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from hanhua.artifacts import Artifact
from hanhua.documents import Document, read_corpus
from hanhua.errors import HanhuaError
from hanhua.progress import say
from hanhua.services import QuestionFinder, Services
from hanhua.synthesis.asking.run import ask_all
from hanhua.synthesis.checks.verdict import CheckContext
from hanhua.synthesis.documents import corpus_name, make_document, write_enlarged
from hanhua.synthesis.forms.form import Form
from hanhua.synthesis.judging import FormTally, Judged, judge_all, tally
from hanhua.synthesis.ledger.file import open_ledger
from hanhua.synthesis.ledger.shares import take_in_shares
from hanhua.synthesis.request import Request, forms_for, make_request
from hanhua.synthesis.samples import Samples
from hanhua.synthesis.seed import Seed
from hanhua.synthesis.seeds.selection import Seeds, choose_seeds
from hanhua.synthesis.settings import SynthesisConfig, TeacherSettings

LEDGER = "ledger.jsonl"
SAMPLES_PER_REASON = 20


@dataclass(frozen=True)
class Job:
    """What there is to ask: the same requests, in the same order, whenever they are asked for."""

    config: SynthesisConfig
    forms: list[Form]
    seeds: Seeds

    def pairs(self) -> Iterator[tuple[Form, Seed]]:
        """Yield what is asked of each section, in the order of the seeds."""
        for seed in self.seeds:
            for form in forms_for(seed, self.forms, each=self.config.forms_per_seed):
                yield form, seed

    def requests(self, teacher: TeacherSettings | None = None, *, share: int = 0, of: int = 1) -> Iterator[Request]:
        """Yield the requests, to the recipe's teacher or to another; every `of`-th, the first being number `share`."""
        for form, seed in islice(self.pairs(), share, None, of):
            yield make_request(form, seed, teacher or self.config.teacher, random_seed=self.config.seed)

    def counts(self) -> dict[str, int]:
        """Return the number of requests of each form."""
        found = dict.fromkeys((form.name for form in self.forms), 0)
        for form, _ in self.pairs():
            found[form.name] += 1
        return found

    @property
    def longest_tokens(self) -> int:
        """The longest answer of any form."""
        return max(form.max_output_tokens for form in self.forms)


def synthesize(
    config: SynthesisConfig, inputs: Mapping[str, Artifact], out: Path, *, services: Services
) -> dict[str, Any]:
    """Ask a teacher about the train split of inputs["corpus"]; leave in `out` that Corpus with what is kept behind it.

    The ledger lies beside the artifacts of the stage, `ledger.jsonl`: settings that leave a request as it was find its
    answer there. See `synthesize_corpus`.
    """
    return synthesize_corpus(config, inputs["corpus"].path, out, ledger=out.parent / LEDGER, services=services)


def synthesize_corpus(
    config: SynthesisConfig, corpus: Path, out: Path, *, ledger: Path, services: Services
) -> dict[str, Any]:
    """Write the enlarged Corpus and `rejected/samples.jsonl` into `out` and return the facts.

    Called again after a kill it asks only what has no answer on disk. The same answers give the same bytes, whatever
    the concurrency and the order they came in. Raises HanhuaError at the ceiling, or when the server is gone.
    """
    job = make_job(config, corpus, services)
    counts = job.counts()
    questions = benchmark_finder(config, services)
    with open_ledger(ledger) as opened:
        take_in_shares(opened)
        asked = ask_all(
            job.requests(),
            teacher=config.teacher,
            ledger=opened,
            settings=config.asking,
            total=sum(counts.values()),
            longest_tokens=job.longest_tokens,
        )
        context = check_context(corpus, services, questions)
        tallies: dict[str, FormTally] = {}
        samples = Samples(SAMPLES_PER_REASON)
        judged = judge_all(job.requests, opened, context, out / "work" / "verdicts.jsonl")
        written = write_enlarged(corpus, _kept(judged, config, tallies, samples), out)
        spent = opened.spent
    samples.write(out / "rejected" / "samples.jsonl")
    if not written:
        raise HanhuaError(f"synthesis: none of {sum(counts.values()):,} answers passed the checks: {_reasons(tallies)}")
    say(f"synthesis: kept {written:,} of {sum(counts.values()):,} answers; {spent.tokens:,} tokens in all")
    return {
        **facts_of(job, tallies),
        "unanswered": len(asked.unanswered),
        "spent": {"tokens": spent.tokens, "dollars": round(spent.dollars, 6)},
    }


def make_job(config: SynthesisConfig, corpus: Path, services: Services) -> Job:
    """Return what there is to ask. Raises InputError when no document may be a seed."""
    forms = config.load_forms()
    languages = frozenset(form.language for form in forms)
    seeds = choose_seeds(corpus, config.seeds, languages=languages, score=_scorer(config, services))
    return Job(config, forms, seeds)


def benchmark_finder(config: SynthesisConfig, services: Services) -> QuestionFinder | None:
    """Return what finds the benchmarks' questions, None where there are none; read before anything is paid for."""
    if services.benchmarks is None or not (config.benchmarks or config.hub_benchmarks):
        return None
    return services.benchmarks.of(config.benchmarks, config.hub_benchmarks)


def check_context(corpus: Path, services: Services, questions: QuestionFinder | None) -> CheckContext:
    """Return what the checks ask of others: the benchmarks' questions, harm, personal data, copies of the Corpus."""
    copies = services.copies.of((one.id, one.text) for one in read_corpus(corpus)) if services.copies else None
    return CheckContext(harm=services.harm, masker=services.masker, benchmarks=questions, copies=copies)


def facts_of(job: Job, tallies: Mapping[str, FormTally]) -> dict[str, Any]:
    """Return what is worth knowing: by form, by corpus, and of the teacher."""
    corpora: dict[str, dict[str, int]] = {}
    for form in job.forms:
        found = tallies.get(form.name, FormTally())
        of_kind = corpora.setdefault(corpus_name(form.kind), {"documents": 0, "characters": 0, "output_tokens": 0})
        of_kind["documents"] += found.accepted
        of_kind["characters"] += found.characters
        of_kind["output_tokens"] += found.good_tokens
    teacher = job.config.teacher
    return {
        "forms": {name: one.as_json() for name, one in tallies.items()},
        "synthetic": corpora,
        "teacher": {"model": teacher.model, "revision": teacher.revision, "license": teacher.license},
    }


def _kept(
    judged: Iterable[Judged], config: SynthesisConfig, tallies: dict[str, FormTally], samples: Samples
) -> Iterator[Document]:
    """Count and sample every request, and yield the documents of those that are kept."""
    for one in judged:
        tally(one, tallies)
        samples.add(one)
        if one.reason is None:
            assert one.entry is not None
            yield make_document(one.request, one.entry, one.verdict.text, config.teacher)


def _scorer(config: SynthesisConfig, services: Services) -> Callable[[str], float] | None:
    if config.seeds.quality_model is None or services.quality is None:
        return None
    return services.quality.scorer(Path(config.seeds.quality_model))


def _reasons(tallies: Mapping[str, FormTally]) -> str:
    counts: dict[str, int] = {}
    for one in tallies.values():
        for reason, count in one.rejected.items():
            counts[reason] = counts.get(reason, 0) + count
    return ", ".join(f"{reason}: {count:,}" for reason, count in sorted(counts.items(), key=lambda one: -one[1]))
