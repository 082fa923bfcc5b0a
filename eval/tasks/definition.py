"""A benchmark as one YAML file: where its rows are, how a row becomes a question, how the model is asked. No torch.

Shipped tasks are in `library/`, prompts that several share in `prompts/`. A task of one's own is a file like
them, named by its path. Nothing of a benchmark's data is shipped: a task names files below `--data`, and the Hub's id.
"""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from hanhua.artifacts.fingerprint import fingerprint
from hanhua.errors import InputError, UsageError
from hanhua.yaml_files import read_yaml_as

_HERE = Path(__file__).parent
_STRICT = ConfigDict(extra="forbid", frozen=True)

OFFICIAL = "@official"
"""Behind a task's name: with its authors' prompt."""

Kind = Literal["letters", "cloze", "written"]
Unpack = Literal["gaokao", "squad", "c3", "chid", "arc"]


class Prompt(BaseModel):
    """How a question is put; a changed wording is a new version, since scores of different prompts do not compare."""

    model_config = _STRICT

    version: str = Field(description="Its name in scores, such as zh-1")
    heading: str = Field(
        default="", description="Stands once, above examples and question; {{ subject }} is replaced by the subject"
    )
    question: str = Field(description="Jinja over the row's columns, `question` and `lettered` (the options, A. to D.)")
    delimiter: str = Field(
        default="", description="Between prompt and answer; never a space before Chinese, which costs tokens"
    )
    between: str = Field(default="\n\n", description="Between examples")


class Rows(BaseModel):
    """Where rows are: files, a pattern below the data folder, or a data set of the Hub."""

    model_config = _STRICT

    files: str | tuple[str, ...] | None = Field(
        default=None,
        description="File, folder or pattern, {a,b} for either; several files are several subjects. A list is of "
        "layouts, and the first that is there is read",
    )
    hub: str | None = Field(default=None, description="Id of a data set of the Hub, read when there are no files")
    configs: tuple[str, ...] = Field(
        default=(), description="Configurations to read, one per subject; empty: all of the data set's"
    )
    split: str = Field(default="test", description="Its split; one without labels is refused")
    header: tuple[str, ...] = Field(default=(), description="Names of the columns, for .csv and .tsv without them")
    unpack: Unpack | None = Field(default=None, description="Reader of a nested layout")
    labels: str | None = Field(
        default=None, description="JSON file of answers by id, if they are not with the questions"
    )

    @property
    def layouts(self) -> tuple[str, ...]:
        """The patterns of its files, the preferred layout first."""
        return () if self.files is None else (self.files,) if isinstance(self.files, str) else self.files

    def hub_ids(self) -> list[str]:
        """Return the ids of the data sets on the Hub; `{config}` in an id is replaced by each configuration."""
        if self.hub is None:
            return []
        return [self.hub.format(config=name) for name in self.configs] if "{config}" in self.hub else [self.hub]


class Size(BaseModel):
    """How large a benchmark is as published, so that a part of it is never taken for the whole."""

    model_config = _STRICT

    questions: int | None = Field(default=None, ge=1, description="Questions of the split that is asked")
    subjects: int | None = Field(default=None, ge=1, description="Subjects")


class Official(BaseModel):
    """How a benchmark's authors ask it, where neither our prompt nor lm_eval's is theirs: `NAME@official`."""

    model_config = _STRICT

    prompt: Prompt
    subject_names: str | None = Field(
        default=None, description="File in `subjects/` with the names that the heading calls the subjects by"
    )
    comparable_with: str = Field(description="Published scores that its own may be compared with")


class Task(BaseModel):
    """One benchmark."""

    model_config = _STRICT

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$", description="Its name in scores and reports")
    title: str = Field(description="What it is, in a line")
    language: Literal["zh", "zh-Hant", "en"] = Field(description="Language and script of the questions")
    license: str = Field(default="", description="License of its data")
    kind: Kind = Field(
        description="letters: the answer is a letter; cloze: the answers' own likelihood; written: text is generated"
    )
    data: Rows
    lm_eval: str | None = Field(default=None, description="The task of lm_eval on the same questions, `NAME@lm_eval`")
    official: Official | None = Field(default=None, description="Its authors' prompt, `NAME@official`")
    subject_names: str | None = Field(default=None, description="As in `official`, for the heading")
    comparable_with: str = Field(
        default="", description="Published scores that its own may be compared with; empty: none, the prompt is our own"
    )
    published: Size | None = Field(
        default=None,
        description="Its size as published; a score of fewer questions or subjects is not entered as its score",
    )
    examples: Rows | None = Field(default=None, description="Solved examples, for shots")
    shots: int = Field(default=0, ge=0, description="Examples before each question, unless the user says otherwise")
    subject: str | None = Field(
        default=None, description="Jinja; the file's name, or the Hub's configuration, if absent"
    )
    id: str | None = Field(default=None, description="Jinja; file and number if absent")
    only_if: str | None = Field(default=None, description="Jinja; rows for which it is empty, 0 or False are left out")
    question: str = Field(default="{{ question }}", description="Jinja: the question itself")
    options: str | tuple[str, ...] = Field(
        default=("{{ A }}", "{{ B }}", "{{ C }}", "{{ D }}"),
        description="Jinja for each option, empty ones after the fourth dropped; or the expression of a list",
    )
    options_in_question: str | None = Field(
        default=None, description="Letters of the options, when the question has them"
    )
    answer: str = Field(default="{{ answer }}", description="Jinja: the right answer")
    answer_as: Literal["letter", "index", "number", "text", "texts"] = Field(
        default="letter", description="A letter, an index from 0, a number from 1, an option's text, or all right texts"
    )
    prompt: str | Prompt = Field(description="A shared prompt's name, or the prompt itself")
    normalize: Literal["none", "characters", "bytes"] = Field(
        default="none", description="What a cloze option's log-likelihood is divided by; never by tokens"
    )
    metric: Literal["number", "exact", "contains", "overlap"] = Field(
        default="exact", description="How written answers are compared"
    )
    max_new_tokens: int = Field(default=256, ge=1, description="Longest written answer")
    stops: tuple[str, ...] = Field(default=(), description="Where a written answer ends")

    @property
    def wording(self) -> Prompt:
        """The prompt, read from its file where it is shared."""
        return self.prompt if isinstance(self.prompt, Prompt) else _shared_prompt(self.prompt)

    def heading(self, subject: str) -> str:
        """Return what stands above the questions of a subject."""
        names = {} if self.subject_names is None else _subject_names(self.subject_names)
        return self.wording.heading.replace("{{ subject }}", names.get(subject, subject.replace("_", " ")))

    @property
    def prompt_sha256(self) -> str:
        """Hash of all that decides how a row is asked and compared."""
        asked = self.model_dump(
            include={
                "kind", "question", "options", "options_in_question", "answer_as", "normalize", "metric",
                "max_new_tokens", "stops",
            }
        )  # fmt: skip
        names = {} if self.subject_names is None else {"subjects": _subject_names(self.subject_names)}
        return fingerprint({**asked, "prompt": self.wording.model_dump(), **names})


def task_names() -> list[str]:
    """Return the shipped tasks."""
    return sorted(path.stem for path in (_HERE / "library").glob("*.yaml"))


def load_task(name: str) -> Task:
    """Return a shipped task by name, or one's own by the path of its YAML file.

    `NAME@official` is the task as its authors ask it. Raises UsageError for an unknown name, with the nearest one, and
    InputError for a file with mistakes.
    """
    if name.endswith(OFFICIAL):
        return _as_official(load_task(name.removesuffix(OFFICIAL)))
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = _HERE / "library" / f"{name}.yaml"
        if name not in task_names():
            raise UsageError(
                f"no task {name!r}{_suggestion(name)}; see `hanhua eval --list-tasks`, or name a .yaml file"
            )
    task = read_yaml_as(Task, path)
    if isinstance(task.prompt, str):
        _shared_prompt(task.prompt)
    return task


def _as_official(task: Task) -> Task:
    if task.official is None:
        known = ", ".join(f"{one}{OFFICIAL}" for one in task_names() if load_task(one).official)
        raise UsageError(
            f"{task.name}{OFFICIAL}: no prompt of its authors is known that differs from the others; known are {known}"
        )
    theirs = {name: getattr(task.official, name) for name in ("prompt", "subject_names", "comparable_with")}
    return task.model_copy(update={"name": f"{task.name}{OFFICIAL}", "official": None, **theirs})


def _suggestion(name: str) -> str:
    if (own := Path(f"{name}.yaml")).is_file():
        return f" (did you mean {own}?)"
    near = difflib.get_close_matches(name.lower().replace("-", "_"), task_names(), n=1, cutoff=0.5)
    return f" (did you mean {near[0]}?)" if near else ""


@cache
def _subject_names(name: str) -> dict[str, str]:
    names: dict[str, str] = yaml.safe_load((_HERE / "subjects" / f"{name}.yaml").read_text(encoding="utf-8"))
    return names


@cache
def _shared_prompt(name: str) -> Prompt:
    path = _HERE / "prompts" / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise InputError(f"no prompt {name!r}; the shared ones are {known}, or write one in the task's file")
    return read_yaml_as(Prompt, path)
