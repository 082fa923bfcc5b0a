"""Nested layouts some benchmarks are published in, flattened into one dictionary per question. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hanhua.errors import InputError

Rows = Iterator[dict[str, Any]]


def unpack_json(layout: str, data: Any, *, place: str) -> Rows:
    """Yield a question at a time from the JSON of one file; InputError, naming it, for another layout."""
    try:
        yield from _LAYOUTS[layout](data)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError(f"{place}: not laid out as {layout!r} ({type(error).__name__}: {error})") from error


def _gaokao(data: Any) -> Rows:
    """GAOKAO-Bench: {"example": [{"question", "answer": [letters], …}]}; the options are in the question."""
    for item in data["example"]:
        yield {**item, "answer": [str(letter) for letter in item["answer"]]}


def _squad(data: Any) -> Rows:
    """CMRC 2018 as published: {"data": [{"paragraphs": [{"context", "qas": [{"id", "question", "answers"}]}]}]}."""
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                texts = [str(answer["text"]) for answer in question["answers"]]
                yield {**question, "context": paragraph["context"], "answers": {"text": texts}}


def _c3(data: Any) -> Rows:
    """C3: [[lines of the passage, [{"question", "choice", "answer"}], id]]."""
    for lines, questions, id_ in data:
        for number, question in enumerate(questions):
            yield {**question, "context": "\n".join(lines), "id": f"{id_}-{number}"}


def _chid(data: Any) -> Rows:
    """ChID of CLUE: {"content": [texts with #idiom000001#], "candidates": […], "answers": {mark: index}} a record."""
    for number, record in enumerate(data if isinstance(data, list) else [data]):
        answers = record["answers"]
        if "text" in answers:  # the Hub's layout: {"text": marks, "candidate_id": indices}
            answers = dict(zip(answers["text"], answers["candidate_id"], strict=True))
        for text in record["content"]:
            for mark, answer in answers.items():
                if mark in text:
                    before, after = text.split(mark, 1)
                    yield {
                        "id": f"{number}-{mark.strip('#')}",
                        "before": before,
                        "after": after,
                        "filled": [candidate + after for candidate in record["candidates"]],
                        "answer": answer,
                    }


_LAYOUTS: dict[str, Callable[[Any], Rows]] = {"gaokao": _gaokao, "squad": _squad, "c3": _c3, "chid": _chid}
