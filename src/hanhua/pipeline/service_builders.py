"""Builds the services that stages are passed, each once and only when one is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from hanhua.services import Services
from hanhua.stage import imported

BUILDERS = {
    "harm": "hanhua.filtering.harm:build_harm_scorer",
    "junk": "hanhua.filtering.harm:build_junk_test",
    "masker": "hanhua.filtering.pii:build_masker",
    "contamination": "hanhua.filtering.decontamination.held:build_held_questions",
    "quality": "hanhua.filtering.quality_model.scorers:QualityScorers",
    "benchmarks": "hanhua.filtering.decontamination.finder:BenchmarkQuestions",
    "copies": "hanhua.filtering.duplicates.finder:CorpusCopies",
    "teachers": "hanhua.synthesis.licenses.verdicts:TeacherTable",
    "toy": "hanhua.continued_pretrain.toy_maker:ToyModels",
}


@cache
def service(name: str) -> Any:
    """Return one service, by its field in `Services`."""
    return imported(BUILDERS[name])()


def services_named(names: Iterable[str]) -> Services:
    """Return these services and no other."""
    return Services(**{name: service(name) for name in names})
