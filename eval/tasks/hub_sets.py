"""Which data sets of the Hub a benchmark reads: those whose files it is not given. No torch, nothing is read."""

from __future__ import annotations

from hanhua.eval.config import Benchmark
from hanhua.eval.tasks.definition import Rows, load_task
from hanhua.eval.tasks.lm_eval_tasks import harness_name


def hub_sets(benchmark: Benchmark) -> tuple[str, ...]:
    """Return the ids of the Hub's data sets that a benchmark's questions and solved examples come from.

    >>> hub_sets(Benchmark(task="cmmlu")), hub_sets(Benchmark(task="cmmlu", data="bench"))
    (('haonan-li/cmmlu',), ())
    """
    if harness_name(benchmark.task) is not None:
        return ()  # lm_eval reads its data sets itself, at the newest commit
    task = load_task(benchmark.task)
    found = _sets_of(task.data, benchmark, path=benchmark.path)
    own_examples = benchmark.path is None and task.examples is not None
    shots = benchmark.shots if benchmark.shots is not None else task.shots if own_examples else 0
    if shots:
        found += _sets_of(task.examples or task.data, benchmark, path=benchmark.fewshot_path)
    return tuple(dict.fromkeys(found))


def _sets_of(rows: Rows, benchmark: Benchmark, *, path: str | None) -> list[str]:
    local = path is not None or (rows.files is not None and benchmark.data is not None)
    return [] if local else rows.hub_ids()
