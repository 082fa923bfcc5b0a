"""A recipe's settings of synthesis: which seeds, which forms, who is asked, and how much it may cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hanhua.config_fields import EXECUTION, PRIVATE, ExecutionField, LocalPath, marked_fields
from hanhua.hub_questions import HubQuestions

if TYPE_CHECKING:
    from hanhua.synthesis.forms.form import Form

_STRICT = ConfigDict(extra="forbid", frozen=True)
SCHEMES = ("http://", "https://")
NO_ADDRESS = "an address of a server begins with http:// or https://, as http://127.0.0.1:8000/v1 does"


class TeacherSettings(BaseModel):
    """A model behind an OpenAI-compatible endpoint, or in vLLM. Where it is run and what it costs change no answer."""

    model_config = _STRICT

    model: str = Field(description="Name of the model as the endpoint knows it")
    engine: Annotated[Literal["endpoint", "vllm"], EXECUTION] = Field(
        default="endpoint",
        description="endpoint: a server asked over HTTP; vllm: vLLM inside this process, which needs a GPU",
    )
    base_url: Annotated[str, EXECUTION, PRIVATE] = Field(
        default="http://127.0.0.1:8000/v1",
        description="Address of the endpoint up to /v1: vLLM, SGLang, llama.cpp, Ollama or a provider; never published",
    )
    base_url_env: Annotated[str | None, EXECUTION] = Field(
        default=None, description="Environment variable that holds the address, in place of base_url; null: none"
    )
    vllm: Annotated[dict[str, Any], EXECUTION] = Field(
        default_factory=dict,
        description="Options of vLLM's engine, such as {tensor_parallel_size: 2, max_model_len: 8192}",
    )
    revision: str = Field(
        default="", description="Commit or date of the model's weights; another one has every question asked anew"
    )
    license: str = Field(default="", description="License of the model, noted in every document")
    api_key_env: Annotated[str | None, EXECUTION] = Field(
        default=None, description="Environment variable that holds the key; null: the endpoint needs none"
    )
    temperature: float = Field(default=0.7, ge=0, le=2, description="Sampling temperature; 0: always the likeliest")
    top_p: float = Field(default=0.95, gt=0, le=1, description="Sample from the likeliest tokens up to this share")
    max_output_tokens: int | None = Field(
        default=None, ge=16, description="Longest answer in tokens; null: what each form asks for"
    )
    extra_body: dict[str, Any] = Field(
        default_factory=dict,
        description="Further fields of a request, such as {chat_template_kwargs: {enable_thinking: false}}",
    )
    dollars_per_million_prompt_tokens: Annotated[float, EXECUTION] = Field(
        default=0.0, ge=0, description="Price of a million tokens sent, in US dollars"
    )
    dollars_per_million_output_tokens: Annotated[float, EXECUTION] = Field(
        default=0.0, ge=0, description="Price of a million tokens answered, in US dollars"
    )

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, address: str) -> str:
        if not address.startswith(SCHEMES):
            raise ValueError(NO_ADDRESS)
        return address

    def price(self, prompt_tokens: float, output_tokens: float) -> float:
        """Return what tokens cost, in US dollars."""
        sent = prompt_tokens * self.dollars_per_million_prompt_tokens
        return (sent + output_tokens * self.dollars_per_million_output_tokens) / 1e6


class SeedSettings(BaseModel):
    """Which documents of the train split a teacher is given, and in what pieces."""

    model_config = _STRICT

    corpora: tuple[str, ...] | None = Field(default=None, description="Corpora to take documents of; null: all")
    licenses: tuple[str, ...] | None = Field(
        default=None, description="Only documents of these licenses, as the corpora state them; null: any"
    )
    max_documents: int | None = Field(
        default=None, ge=1, description="Number of documents, the best first where there is a score; null: all"
    )
    quality_model: LocalPath | None = Field(
        default=None, description="Folder made by hanhua filter train-quality, which scores the documents; null: none"
    )
    min_quality: float | None = Field(
        default=None, ge=0, le=1, description="Least score of a document, with quality_model; null: no limit"
    )
    min_characters: int = Field(default=200, ge=1, description="Shortest document in characters")
    max_characters: int = Field(default=1800, ge=100, description="Longest section; a longer document is cut into some")
    context_characters: int = Field(
        default=160, ge=0, description="Characters of the section before, which are given as context"
    )
    max_per_document: int = Field(default=8, ge=1, description="Most sections of one document, from its beginning")


class AskingSettings(BaseModel):
    """How requests are sent, and the ceiling of what they may cost. None of this changes an answer."""

    model_config = _STRICT

    max_concurrency: int = Field(default=64, ge=1, description="Most requests under way at a time")
    first_concurrency: int = Field(default=8, ge=1, description="Requests under way at the beginning")
    deadline_seconds: float = Field(default=300.0, gt=0, description="Longest wait for one answer")
    max_attempts: int = Field(default=6, ge=1, description="Attempts at one request before it counts as unanswered")
    max_wait_seconds: float = Field(default=60.0, gt=0, description="Longest wait between two attempts")
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Ceiling of all tokens sent and answered that the ledger has seen, earlier runs included; "
        "null: none",
    )
    max_dollars: float | None = Field(
        default=None, gt=0, description="Ceiling of the money, in the same way, by the teacher's prices; null: none"
    )
    max_unanswered_ratio: float = Field(
        default=0.01, ge=0, le=1, description="Share of requests that may stay unanswered; above it the stage fails"
    )


class SynthesisConfig(BaseModel):
    """Synthetic text: sections of good documents, rephrased by a teacher in several forms."""

    model_config = _STRICT

    teacher: TeacherSettings = Field(description="The model that is asked")
    forms: tuple[str, ...] = Field(
        default=("faq", "table"),
        min_length=1,
        description="Forms, by name: KIND, KIND@AUDIENCE, KIND:SCRIPT or both; see docs/synthetic-forms.md",
    )
    forms_per_seed: int | None = Field(
        default=None, ge=1, description="Forms that each section goes through, drawn by its id; null: every one"
    )
    form_folder: LocalPath | None = Field(
        default=None,
        description="Folder with YAML files of your own forms, beside those that come with Hanhua; null: none",
    )
    benchmarks: tuple[LocalPath, ...] = Field(
        default=(),
        description="Files whose questions no output may hold. In a recipe: those of the evaluation and of filtering",
    )
    hub_benchmarks: tuple[HubQuestions, ...] = Field(
        default=(), description="Questions in data sets of the Hub, in the same way"
    )
    seeds: SeedSettings = Field(default_factory=SeedSettings, description="The documents a teacher is given")
    seed: int = Field(default=0, ge=0, description="Random seed, sent with every request")
    asking: Annotated[AskingSettings, EXECUTION] = Field(
        default_factory=AskingSettings, description="How requests are sent, and their ceiling"
    )
    compared_teacher: Annotated[TeacherSettings | None, EXECUTION] = Field(
        default=None,
        description="A second model, which hanhua synthesize --pilot compares with the teacher; null: none",
    )

    @field_validator("forms")
    @classmethod
    def _no_form_twice(cls, forms: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(forms)) < len(forms):
            raise ValueError("a form is named twice")
        return forms

    def key_config(self) -> dict[str, Any]:
        """Return what decides the output: a form counts by its version, so that a changed prompt is a new artifact."""
        from hanhua.synthesis.checks.verdict import CHECKS_VERSION

        execution = {at[0] for at, _ in marked_fields(TeacherSettings, ExecutionField)}
        data = self.model_dump(exclude={"asking", "compared_teacher", "forms", "form_folder"})
        data["teacher"] = {name: value for name, value in data["teacher"].items() if name not in execution}
        if not self.hub_benchmarks:
            del data["hub_benchmarks"]  # what was made without them keeps its key
        return {**data, "checks": CHECKS_VERSION, "forms": {form.name: form.version for form in self.load_forms()}}

    def load_forms(self) -> list[Form]:
        """Return the forms. Raises UsageError for a name that no form has."""
        from hanhua.synthesis.forms.library import load_forms

        return load_forms(self.forms, folder=None if self.form_folder is None else Path(self.form_folder))
