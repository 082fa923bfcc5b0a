"""What an evaluation measures: held-out text, benchmarks, safety prompts, and the gates it must pass. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hanhua.config_fields import EXECUTION, LocalPath, NameOrYaml

NAME_OR_NONE = r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$"
RESERVED_NAMES = (
    "language_modeling",
    "language_modeling_at_characters",
    "truncated_prompts",
    "safety",
    "behavior",
    "characters",
)
"""Sample files of the other measures, which a benchmark's would overwrite."""

_FROZEN = ConfigDict(extra="forbid", frozen=True)


class LanguageModeling(BaseModel):
    """Bits per byte and per character, and fertility, on held-out documents."""

    model_config = _FROZEN

    context_tokens: int = Field(
        default=1024, ge=2, description="Window in tokens; longer documents are read in windows that overlap by half"
    )
    context_characters: int | None = Field(
        default=512,
        ge=2,
        description="Measured once more in windows of so many characters, so that models of different tokenizers see "
        "the same text; null leaves it out",
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
    max_truncated_prompts: int | None = Field(
        default=200,
        ge=1,
        description="Places in each Chinese corpus at which a prompt is cut, for what a cut in mid-token costs",
    )
    max_fertility_documents: int | None = Field(
        default=2000, ge=1, description="Documents per corpus that are only tokenized, whole, for characters per token"
    )


class Benchmark(BaseModel):
    """One benchmark: a task, and where its questions are."""

    model_config = _FROZEN

    task: NameOrYaml = Field(
        default="choice4_zh", description="A shipped task (`hanhua eval --list-tasks`), or the path of a YAML file"
    )
    name: str = Field(
        default="", pattern=NAME_OR_NONE, description="Its name in scores and reports; the task's if absent"
    )
    data: LocalPath | None = Field(default=None, description="Folder below which the task's own files are")
    path: LocalPath | None = Field(
        default=None, description="Questions, in place of the task's files: a file, or a folder with one per subject"
    )
    fewshot_path: LocalPath | None = Field(default=None, description="Solved examples, in the same form")
    shots: int | None = Field(
        default=None,
        ge=0,
        description="Solved examples before each question: the subject's own where there are enough; null: the task's "
        "number, where it has examples",
    )
    max_questions: int | None = Field(
        default=None, ge=1, description="Only so many questions of each subject, drawn by the hash of their ids"
    )
    revisions: dict[str, str] = Field(
        default={},
        description="Commits of the Hub's data sets it reads, by their ids; a run fills in those that are missing",
    )

    @model_validator(mode="before")
    @classmethod
    def _named_after_its_task(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("name"):
            data = {**data, "name": Path(str(data.get("task", "choice4_zh"))).stem}
        return data

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name in RESERVED_NAMES:
            raise ValueError(f"{name!r} is taken by another measure's sample file; call the benchmark something else")
        return name

    @model_validator(mode="after")
    def _shots_have_a_source(self) -> Benchmark:
        if self.shots and self.path is not None and self.fewshot_path is None:
            raise ValueError(f"shots: {self.shots} needs fewshot_path, a file of solved examples")
        return self


class Replies(BaseModel):
    """How replies to prompts are written."""

    model_config = _FROZEN

    max_new_tokens: int = Field(default=128, ge=1, description="Length of a reply")
    temperature: float = Field(default=0.0, ge=0, description="0 is greedy; above it, sampled with the seed")
    chat_template: bool = Field(
        default=False,
        description="Use the tokenizer's chat template where it has one: for instruct models",
    )


class Behavior(Replies):
    """Replies to everyday Chinese prompts: language, script, going round in circles, stopping; single characters."""

    prompts: LocalPath | None = Field(
        default=None, description="Prompts {prompt, category}, any columns as for safety; null takes the shipped ones"
    )
    character_words: int | None = Field(
        default=100, ge=2, description="Words whose characters are counted and spelled; null leaves that out"
    )


class Guard(BaseModel):
    """A guard model that judges replies, independent of the filter that cleaned the corpus."""

    model_config = _FROZEN

    model: LocalPath = Field(description="Folder of the guard model")
    unsafe: str = Field(default="unsafe", description="Regular expression that finds its verdict, case apart")


class Safety(Replies):
    """Replies to a file of prompts, judged by the harmful-content scorer, and by a guard model if there is one."""

    prompts: LocalPath = Field(
        description="JSONL, JSON or CSV, or a folder of them: a prompt, and if you like id, category, benign; benign "
        "ones measure false alarms and over-refusal, apart"
    )
    max_prompts: int | None = Field(default=None, ge=1, description="Only the first so many prompts")
    judge_labels: LocalPath | None = Field(
        default=None,
        description="Generations labelled by hand, JSONL {text, harmful}: the scorer is measured on them, and the rate "
        "of harm corrected for its mistakes",
    )
    guard: Guard | None = Field(default=None, description="A second, independent judge")


class ReferenceModel(BaseModel):
    """A model to compare with that is not in the line base → resized → adapted, and not judged."""

    model_config = _FROZEN

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Its name in scores, such as instruct")
    model: LocalPath = Field(description="Its folder")
    chat_template: bool = Field(
        default=False, description="Ask it through its chat template: for instruct models alone"
    )
    system_prompt: str | None = Field(
        default="你是一个乐于助人的助手，请用中文回答。", description="System prompt, where it is asked so"
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
    max_not_chinese_rate: float | None = Field(
        default=None, ge=0, description="Largest share of replies to Chinese prompts that are not in Chinese"
    )
    max_harmful_increase: float | None = Field(
        default=None, description="Largest rise of the share of harmful generations against the base"
    )


class EvalConfig(BaseModel):
    """Everything that decides an evaluation's scores, beside the models and the corpus."""

    model_config = _FROZEN

    language_modeling: LanguageModeling | None = Field(
        default=LanguageModeling(), description="Held-out likelihood and fertility; null leaves them out"
    )
    benchmarks: tuple[Benchmark, ...] = Field(default=(), description="Benchmarks, on local files or the Hub's")
    behavior: Behavior | None = Field(default=None, description="How it replies in Chinese; null leaves it out")
    safety: Safety | None = Field(default=None, description="Share of harmful generations; null leaves it out")
    reference_models: tuple[ReferenceModel, ...] = Field(
        default=(),
        description="Further models in the same table: a stock instruct model, an adaptation without extension",
    )
    gates: Gates = Field(default=Gates(), description="Limits that end the run with exit code 3 when they are not kept")
    batch_size: int = Field(default=8, ge=1, description="Sequences per forward pass")
    seed: int = Field(default=0, ge=0, description="Draws documents, bootstrap samples and sampled generations")
    threads: Annotated[int | None, EXECUTION] = Field(
        default=None, ge=1, description="CPU threads; null leaves it to torch"
    )
    processes: Annotated[int, EXECUTION] = Field(
        default=1, ge=1, description="Copies of the model that work side by side, one a GPU or core"
    )
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
            "language_modeling": (self.language_modeling, ("min_gain", "max_english_loss")),
            "benchmarks": (self.benchmarks, ("min_accuracy_gain",)),
            "behavior": (self.behavior, ("max_not_chinese_rate",)),
            "safety": (self.safety, ("max_harmful_rate", "max_harmful_increase")),
        }
        for part, (given, names) in needs.items():
            for name in names:
                if getattr(gates, name) is not None and not given:
                    raise ValueError(f"gates.{name} is set, but there is no {part} to measure it by")
        return self

    def asked_in_chat(self, model: str) -> ReferenceModel | None:
        """Return how a model beside the line is asked, if through its chat template."""
        return next((one for one in self.reference_models if one.name == model and one.chat_template), None)
