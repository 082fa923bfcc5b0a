"""One question to a teacher, and the key by which its answer is found again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import xxhash

from hanhua.artifacts.fingerprint import fingerprint
from hanhua.synthesis.forms.form import Form
from hanhua.synthesis.seed import Seed
from hanhua.synthesis.settings import TeacherSettings

KEY_LENGTH = 32


@dataclass(frozen=True)
class Request:
    """A section of a document in one form, as the endpoint is asked it.

    key: a hash of the messages, the model, its revision, the parameters and the random seed: of all that decides an
    answer, and of nothing else. prompt_hash: of the messages alone. body: the fields of the request.
    """

    key: str
    prompt_hash: str
    form: Form
    seed: Seed
    body: dict[str, Any]

    @property
    def max_output_tokens(self) -> int:
        """The longest answer it may get."""
        return int(self.body["max_tokens"])

    @property
    def most_prompt_tokens(self) -> int:
        """A bound of the tokens sent: no tokenizer makes more of a text than it has bytes; a template adds a few."""
        return sum(len(one["content"].encode()) + 16 for one in self.body["messages"]) + 16


def make_request(form: Form, seed: Seed, teacher: TeacherSettings, *, random_seed: int) -> Request:
    """Return the request for a seed in a form."""
    messages = form.messages(seed)
    limit = min(form.max_output_tokens, teacher.max_output_tokens or form.max_output_tokens)
    parameters = {
        "temperature": teacher.temperature,
        "top_p": teacher.top_p,
        "max_tokens": limit,
        "seed": random_seed,
        **teacher.extra_body,
    }
    decides = {"messages": messages, "model": teacher.model, "revision": teacher.revision, "parameters": parameters}
    body = {"model": teacher.model, "messages": messages, **parameters}
    return Request(fingerprint(decides)[:KEY_LENGTH], fingerprint(messages)[:KEY_LENGTH], form, seed, body)


def forms_for(seed: Seed, forms: list[Form], *, each: int | None) -> list[Form]:
    """Return the forms a seed goes through: those of its language, or `each` of them, drawn by its id."""
    fitting = [form for form in forms if form.language == seed.language]
    if each is None or each >= len(fitting):
        return fitting
    first = xxhash.xxh3_64_intdigest(f"{seed.id}#{seed.section}".encode()) % len(fitting)
    return (fitting + fitting)[first : first + each]
