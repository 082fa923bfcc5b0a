"""Nested layouts some benchmarks are published in, flattened into one dictionary per question. No torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from hanhua.errors import InputError

Rows = Iterator[dict[str, Any]]
_BLANK = re.compile(r"#idiom\d*#")


def unpack_json(layout: str, data: Any, *, place: str, answers: Mapping[str, Any] = MappingProxyType({})) -> Rows:
    """Yield a question at a time from the JSON of one file; InputError, naming it, for another layout.

    answers: by a blank's mark, of ChID where they are in a file of their own.
    """
    try:
        yield from _chid(data, answers) if layout == "chid" else _LAYOUTS[layout](data)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{place}: not laid out as {layout!r} ({type(error).__name__}: {error})") from error


def _gaokao(data: Any) -> Rows:
    """GAOKAO-Bench: {"example": [{"question", "answer": [letters], …}]}; the options are in the question."""
    for item in data["example"]:
        yield {**item, "answer": [str(letter) for letter in item["answer"]]}


def _squad(data: Any) -> Rows:
    """CMRC 2018, as in SQuAD: {"data": [{"paragraphs": [{"context", "qas": [{"id", "question", "answers"}]}]}]}.

    Its other file is a list of {"context_text", "qas": [{"query_id", "query_text", "answers": [texts]}]}.
    """
    if isinstance(data, list):
        for passage in data:
            for question in passage["qas"]:
                yield {
                    "id": question["query_id"],
                    "question": question["query_text"],
                    "context": passage["context_text"],
                    "answers": {"text": [str(text) for text in question["answers"]]},
                }
        return
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


def _arc(data: Any) -> Rows:
    """ARC: {"question": {"stem", "choices": [{"text", "label"}]}, "answerKey"} as its authors publish it.

    On the Hub the question is a text, and "choices" {"text": […], "label": […]}.
    """
    for item in data if isinstance(data, list) else [data]:
        question = item["question"]
        if isinstance(question, dict):
            choices = {key: [choice[key] for choice in question["choices"]] for key in ("text", "label")}
            item = {**item, "question": question["stem"], "choices": choices}
        yield item


def _chid(data: Any, answers_beside: Mapping[str, Any]) -> Rows:
    """ChID of CLUE: {"content": [texts with #idiom000001#], "candidates": […], "answers": {mark: index}} a record.

    FewCLUE has one text and one blank a record: {"id", "content", "candidates", "answer": index}. The other blanks of a
    text are filled with their own idioms, as a reader would have them.
    """
    for number, record in enumerate(data if isinstance(data, list) else [data]):
        name = str(record.get("id", number)) if isinstance(record["content"], str) else str(number)
        texts = [record["content"]] if isinstance(record["content"], str) else record["content"]
        answers = _answers_of(record, answers_beside)
        for text in texts:
            marks = _BLANK.findall(text)
            if missing := [mark for mark in marks if mark not in answers]:
                raise ValueError(f"no answer for {missing[0]}")
            for place, mark in enumerate(marks):
                yield _blank(record["candidates"], text, marks, place, answers, id_=f"{name}-{mark.strip('#')}")


def _answers_of(record: Mapping[str, Any], beside: Mapping[str, Any]) -> Mapping[str, Any]:
    if "answers" in record:
        answers: Mapping[str, Any] = record["answers"]
        if "text" in answers:  # the Hub's layout: {"text": marks, "candidate_id": indices}
            return dict(zip(answers["text"], answers["candidate_id"], strict=True))
        return answers
    if "answer" in record:
        return dict.fromkeys(_BLANK.findall(record["content"]), record["answer"])
    return beside


def _blank(
    candidates: Sequence[str], text: str, marks: Sequence[str], place: int, answers: Mapping[str, Any], *, id_: str
) -> dict[str, Any]:
    """Return the question of one blank, the others filled."""
    parts = _BLANK.split(text)
    idioms = [candidates[int(answers[mark])] for mark in marks]
    before = "".join(part + idiom for part, idiom in zip(parts[:place], idioms[:place], strict=True)) + parts[place]
    after = parts[place + 1] + "".join(
        idiom + part for idiom, part in zip(idioms[place + 1 :], parts[place + 2 :], strict=True)
    )
    return {
        "id": id_,
        "before": before,
        "after": after,
        "filled": [candidate + after for candidate in candidates],
        "answer": answers[marks[place]],
    }


_LAYOUTS: dict[str, Callable[[Any], Rows]] = {"gaokao": _gaokao, "squad": _squad, "c3": _c3, "arc": _arc}
