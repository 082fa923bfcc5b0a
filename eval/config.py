"""What an evaluation measures: held-out text, benchmarks, safety prompts, and the gates it must pass. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
RESERVED_NAMES = ("language_modelling", "safety")
"""Sample files of the other measures, which a benchmark's would overwrite."""

_FROZEN = ConfigDict(extra="forbid", frozen=True)


class LanguageModelling(BaseModel):
    """Bits per byte and per character, and fertility, on held-out documents."""

    model_config = _FROZEN

    context_tokens: int = Field(
        default=1024, ge=2, description="Window in tokens; longer documents are read in windows that overlap by half"
    )
    max_documents: int | None = Field(
        default=200,
        ge=1,
        description="Documents per corpus that are scored, drawn by the hash of their ids",
    )
    max_characters: int | None = Field(
        default=2000,
        ge=1,
        description="Characters of each document; cut by text, so every model reads the same",
    )
    max_fertility_documents: int | None = Field(
        default=2000, ge=1, description="Documents per corpus that are only tokenized, whole, for characters per token"
    )


class Benchmark(BaseModel):
    """One multiple-choice benchmark on local files."""

    model_config = _FROZEN

    name: str = Field(pattern=NAME, description="Its name in scores, reports and file names")
    task: Literal["choice4"] = Field(default="choice4", description="Four options A to D, answered with one letter")
    path: str = Field(
        description="JSONL {id, subject, question, A, B, C, D, answer}, a CSV like CMMLU's or C-Eval's, or a folder "
        "with one such file per subject"
    )
    fewshot_path: str | None = Field(default=None, description="Solved examples, in the same form")
    shots: int = Field(
        default=0, ge=0, description="Solved examples before each question: the subject's own where the file has enough"
    )
    prompt: Literal["zh-1", "en-1"] = Field(
        default="zh-1", description="Version of the prompt; a changed prompt gets a new one"
    )

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name in RESERVED_NAMES:
            raise ValueError(f"{name!r} is taken by another measure's sample file; call the benchmark something else")
        return name

    @model_validator(mode="after")
    def _shots_have_a_source(self) -> Benchmark:
        if self.shots and self.fewshot_path is None:
            raise ValueError(f"shots: {self.shots} needs fewshot_path, a file of solved examples")
        return self


class Safety(BaseModel):
    """Generations for a file of prompts, judged by the harmful-content scorer."""

    model_config = _FROZEN

    prompts: str = Field(description="JSONL {id, prompt, category, benign}; benign ones measure false alarms, apart")
    max_new_tokens: int = Field(default=128, ge=1, description="Length of a generation")
    max_prompts: int | None = Field(default=None, ge=1, description="Only the first so many prompts")
    temperature: float = Field(default=0.0, ge=0, description="0 is greedy; above it, sampled with the seed")
    chat_template: bool = Field(
        default=False,
        description="Use the tokenizer's chat template where it has one: for instruct models",
    )


class Gates(BaseModel):
    """Limits the adapted model must keep to; an unmet one ends the run with exit code 3."""

    model_config = _FROZEN

    min_gain: float | None = Field(
        default=None,
        description="Least fall of bits per character on Chinese, as a share, against resized-untrained",
    )
    max_english_loss: float | None = Field(
        default=None, description="Largest rise of bits per byte on English, as a share, against the base"
    )
    min_accuracy_gain: float | None = Field(
        default=None, description="Least gain of accuracy on every benchmark, as a share of questions, against the base"
    )
    max_harmful_rate: float | None = Field(default=None, ge=0, description="Largest share of harmful generations")
    max_harmful_increase: float | None = Field(
        default=None, description="Largest rise of the share of harmful generations against the base"
    )


class EvalConfig(BaseModel):
    """Everything that decides an evaluation's scores, beside the models and the corpus."""

    model_config = _FROZEN

    language_modelling: LanguageModelling | None = Field(
        default=LanguageModelling(), description="Held-out likelihood and fertility; null leaves them out"
    )
    benchmarks: tuple[Benchmark, ...] = Field(default=(), description="Multiple-choice benchmarks on local files")
    safety: Safety | None = Field(default=None, description="Share of harmful generations; null leaves it out")
    gates: Gates = Field(default=Gates(), description="Limits that end the run with exit code 3 when they are not kept")
    batch_size: int = Field(default=8, ge=1, description="Sequences a forward pass")
    seed: int = Field(default=0, ge=0, description="Draws documents, bootstrap samples and sampled generations")
    threads: int | None = Field(default=None, ge=1, description="CPU threads; null leaves it to torch")
    processes: int = Field(default=1, ge=1, description="Copies of the model that work side by side, one a GPU or core")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="Precision of the weights; auto is float32 on CPU and bfloat16 on a GPU"
    )

    @field_validator("benchmarks")
    @classmethod
    def _distinct_names(cls, benchmarks: tuple[Benchmark, ...]) -> tuple[Benchmark, ...]:
        names = [benchmark.name for benchmark in benchmarks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two benchmarks share the name {', '.join(twice)}")
        return benchmarks

    @model_validator(mode="after")
    def _gates_are_measured(self) -> EvalConfig:
        gates = self.gates
        needs = {
            "language_modelling": (self.language_modelling, ("min_gain", "max_english_loss")),
            "benchmarks": (self.benchmarks, ("min_accuracy_gain",)),
            "safety": (self.safety, ("max_harmful_rate", "max_harmful_increase")),
        }
        for part, (given, names) in needs.items():
            for name in names:
                if getattr(gates, name) is not None and not given:
                    raise ValueError(f"gates.{name} is set, but there is no {part} to measure it by")
        return self

    def input_paths(self) -> tuple[Path, ...]:
        """Return the files and folders the evaluation reads beside models and corpus, for hashing."""
        paths = [p for b in self.benchmarks for p in (b.path, b.fewshot_path) if p is not None]
        if self.safety is not None:
            paths.append(self.safety.prompts)
        return tuple(Path(path) for path in paths)
