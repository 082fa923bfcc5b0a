"""What an evaluation measures: held-out text, benchmarks, safety prompts, and gates. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hanhua.config_fields import EXECUTION, LocalPath, NameOrYaml

NAME_OR_NONE = r"^([A-Za-z0-9][A-Za-z0-9._@-]*)?$"
RESERVED_NAMES = (
    "language_modeling",
    "language_modeling_at_characters",
    "truncated_prompts",
    "safety",
    "behavior",
    "characters",
)
"""Names of the other measures' sample files, which a benchmark of that name would overwrite."""

_FROZEN = ConfigDict(extra="forbid", frozen=True)


def _name_of(task: str) -> str:
    """Return what scores call a task that is given no name: `lm_eval:cmmlu` is cmmlu@lm_eval."""
    source, _, name = task.rpartition(":")
    return (
        f"{name}@lm_eval"
        if source == "lm_eval"
        else task
        if task.endswith(("@lm_eval", "@official"))
        else Path(task).stem
    )


class LanguageModeling(BaseModel):
    """Bits per byte and per character, and characters per token, on held-out documents."""

    model_config = _FROZEN

    context_tokens: int = Field(
        default=1024,
        ge=2,
        description="Context window in tokens; longer documents are read in windows that overlap by half",
    )
    context_characters: int | None = Field(
        default=512,
        ge=2,
        description="Window in characters for a second measurement, in which models with different tokenizers see "
        "the same context; null: no second measurement",
    )
    max_documents: int | None = Field(
        default=200,
        ge=1,
        description="Maximum number of documents scored per corpus, drawn by the hash of their ids; null: all",
    )
    max_characters: int | None = Field(
        default=2000,
        ge=1,
        description="Maximum number of characters read per document, the same for every model; null: all",
    )
    max_truncated_prompts: int | None = Field(
        default=200,
        ge=1,
        description="Maximum number of prompts per Chinese corpus for measuring what truncation inside a token costs; "
        "null: none",
    )
    max_fertility_documents: int | None = Field(
        default=2000,
        ge=1,
        description="Maximum number of documents tokenized per corpus, in full, for characters per token; null: all",
    )


class Benchmark(BaseModel):
    """One benchmark: a task, and where its questions are."""

    model_config = _FROZEN

    task: NameOrYaml = Field(
        default="choice4_zh",
        description="Name of a shipped task (`hanhua eval --list-tasks`), `NAME@official` with its authors' prompt, "
        "`NAME@lm_eval` for lm_eval's own task on its questions, `lm_eval:NAME` for any task or group of the installed "
        "lm_eval, or path of a YAML file",
    )
    name: str = Field(
        default="", pattern=NAME_OR_NONE, description="Name in scores and reports; empty: the task's name"
    )
    data: LocalPath | None = Field(
        default=None, description="Folder that contains the task's own files, or ms://OWNER/NAME; null: from the Hub"
    )
    path: LocalPath | None = Field(
        default=None,
        description="Questions to use instead of the task's files: a file, or a folder with one per subject",
    )
    fewshot_path: LocalPath | None = Field(default=None, description="Solved examples for `path`, in the same format")
    shots: int | None = Field(
        default=None,
        ge=0,
        description="Number of solved examples before each question, from its subject if there are enough; null: the "
        "task's "
        "number, where it has examples",
    )
    max_questions: int | None = Field(
        default=None,
        ge=1,
        description="Maximum number of questions per subject, drawn by the hash of their ids; null: all",
    )
    chat: bool = Field(
        default=False,
        description="Ask every model that has a chat template through it, solved examples as turns of their own and "
        "thinking switched off where the template can; models without one are asked plainly",
    )
    system_prompt: str | None = Field(default=None, description="System prompt, if chat is true; null: none")
    may_be_left_out: bool = Field(
        default=False,
        description="Leave the benchmark out, and say why, if its questions cannot be read; false: stop before "
        "anything is measured",
    )
    revisions: dict[str, str] = Field(
        default={},
        description="Commit of each Hub data set it reads, by id; a run fills in missing ones",
    )

    @model_validator(mode="before")
    @classmethod
    def _named_after_its_task(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("name"):
            data = {**data, "name": _name_of(str(data.get("task", "choice4_zh")))}
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
    """How replies to prompts are generated."""

    model_config = _FROZEN

    max_new_tokens: int = Field(default=128, ge=1, description="Maximum length of a reply in tokens")
    temperature: float = Field(
        default=0.0, ge=0, description="Sampling temperature; 0 is greedy, above it replies are sampled with the seed"
    )
    chat_template: bool = Field(
        default=False,
        description="Use the tokenizer's chat template if it has one, as for instruct models",
    )


class Behavior(Replies):
    """Replies to everyday Chinese prompts: language, script, loops, stopping; and tasks on single characters."""

    prompts: LocalPath | None = Field(
        default=None,
        description="File of prompts {prompt, category}, with other columns as for safety; null: the shipped prompts",
    )
    character_words: int | None = Field(
        default=100, ge=2, description="Number of words whose characters are counted and spelled; null: not measured"
    )


class Continuations(Replies):
    """Beginnings that every model goes on with, to be read side by side; nothing is judged."""

    max_new_tokens: int = Field(default=40, ge=1, description="Length of a continuation")
    prompts: tuple[str, ...] = Field(min_length=1, description="The beginnings themselves, a handful")


class Guard(BaseModel):
    """A guard model that judges replies, independent of the filter that cleaned the corpus."""

    model_config = _FROZEN

    model: LocalPath = Field(description="Folder of the guard model")
    unsafe: str = Field(default="unsafe", description="Regular expression for a harmful verdict, ignoring case")


class Safety(Replies):
    """Replies to a file of prompts, judged by the harmful-content scorer, and by a guard model if one is given."""

    prompts: LocalPath = Field(
        description="JSONL, JSON or CSV file, or a folder of them, with prompt and optionally id, category, benign; "
        "benign "
        "prompts measure false alarms and over-refusal, separately"
    )
    max_prompts: int | None = Field(default=None, ge=1, description="Use only the first N prompts; null: all")
    judge_labels: LocalPath | None = Field(
        default=None,
        description="Generations labeled by hand, JSONL {text, harmful}: the scorer is measured on them, and the "
        "harmful "
        "rate corrected for its errors; null: no correction",
    )
    guard: Guard | None = Field(default=None, description="Guard model as a second, independent judge; null: none")


class ReferenceModel(BaseModel):
    """A model to compare with, outside the line base → resized → adapted: not in the verdict or gates."""

    model_config = _FROZEN

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Name in scores, such as instruct")
    model: LocalPath = Field(description="Folder of the model")
    chat_template: bool = Field(
        default=False, description="Prompt the model through its chat template; only for instruct models"
    )
    system_prompt: str | None = Field(
        default="你是一个乐于助人的助手，请用中文回答。",
        description="System prompt, if chat_template is true; null: none",
    )


class Gates(BaseModel):
    """Limits the adapted model must keep to; an unmet one ends the run with exit code 3."""

    model_config = _FROZEN

    min_gain: float | None = Field(
        default=None,
        description="Minimum relative decrease in bits per character on Chinese, compared with resized-untrained; "
        "null: off",
    )
    max_english_loss: float | None = Field(
        default=None,
        description="Maximum relative increase in bits per byte on English, compared with the base; null: off",
    )
    min_accuracy_gain: float | None = Field(
        default=None,
        description="Minimum gain in accuracy on every benchmark, as a share of questions, compared with the base; "
        "null: off",
    )
    max_harmful_rate: float | None = Field(
        default=None, ge=0, description="Maximum share of harmful generations; null: off"
    )
    max_not_chinese_rate: float | None = Field(
        default=None, ge=0, description="Maximum share of replies to Chinese prompts that are not in Chinese; null: off"
    )
    max_harmful_increase: float | None = Field(
        default=None,
        description="Maximum increase in the share of harmful generations, compared with the base; null: off",
    )


class EvalConfig(BaseModel):
    """Everything that decides an evaluation's scores, apart from the models and the corpus."""

    model_config = _FROZEN

    language_modeling: LanguageModeling | None = Field(
        default=LanguageModeling(),
        description="Likelihood and characters per token on held-out text; null: not measured",
    )
    benchmarks: tuple[Benchmark, ...] = Field(default=(), description="Benchmarks, from local files or the Hub")
    behavior: Behavior | None = Field(default=None, description="How models reply in Chinese; null: not measured")
    continuations: Continuations | None = Field(
        default=None, description="Prompts that every model continues, shown side by side; null: none"
    )
    safety: Safety | None = Field(default=None, description="Share of harmful generations; null: not measured")
    reference_models: tuple[ReferenceModel, ...] = Field(
        default=(),
        description="Additional models in the same table, such as a stock instruct model or an adaptation without "
        "extension",
    )
    gates: Gates = Field(default=Gates(), description="Limits that end the run with exit code 3 if they are exceeded")
    batch_size: int = Field(default=8, ge=1, description="Sequences per forward pass")
    seed: int = Field(
        default=0, ge=0, description="Random seed of drawn documents, bootstrap samples and sampled generations"
    )
    threads: Annotated[int | None, EXECUTION] = Field(
        default=None, ge=1, description="Number of CPU threads; null: torch's default"
    )
    processes: Annotated[int, EXECUTION] = Field(
        default=1, ge=1, description="Copies of the model that run in parallel, one per GPU or core"
    )
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="Data type of the weights; auto: float32 on CPU and bfloat16 on a GPU"
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
        """Return the settings of a reference model that is prompted through its chat template; None for any other."""
        return next((one for one in self.reference_models if one.name == model and one.chat_template), None)

    def benchmark_chat(self, benchmark: Benchmark, model: str, *, has_template: bool) -> tuple[bool, str | None]:
        """Return whether a model is asked a benchmark through its chat template, and the system prompt then."""
        beside = self.asked_in_chat(model)
        if benchmark.chat and has_template:
            own = benchmark.system_prompt
            return True, own if own is not None or beside is None else beside.system_prompt
        return (False, None) if beside is None else (True, beside.system_prompt)
