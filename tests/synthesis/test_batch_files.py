"""A provider's batch: what is written is what is missing, and what comes back counts as if it had been asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from loopback_teacher import Teacher, completion, served_teacher
from note_form import make_texts, note, settings, write_forms

from hanhua.errors import InputError
from hanhua.services import Services
from hanhua.synthesis.ledger.file import open_ledger
from hanhua.synthesis.stage import make_job, synthesize_corpus
from hanhua.synthesis.teachers.batch_files import read_batch, write_batch


def test_a_batch_there_and_back(tmp_path: Path) -> None:
    corpus, forms = make_texts(tmp_path / "corpus", count=16), write_forms(tmp_path / "forms")
    config = settings("http://nowhere.invalid/v1", forms)
    job = make_job(config, corpus, Services())
    with open_ledger(tmp_path / "ledger") as ledger:
        written = write_batch(tmp_path / "in.jsonl", job.requests(), ledger)
        lines = [json.loads(line) for line in (tmp_path / "in.jsonl").read_text(encoding="utf-8").splitlines()]
        assert written == len(lines) == len({line["custom_id"] for line in lines}) == sum(job.counts().values())
        assert {(line["method"], line["url"]) for line in lines} == {("POST", "/v1/chat/completions")}
        rows = [
            {
                "custom_id": line["custom_id"],
                "response": {"status_code": 200, "body": completion(note(line["body"]), line["body"])},
            }
            for line in reversed(lines)
        ]
        rows[0]["response"] = {"status_code": 400, "body": {"error": "content"}}
        rows[1]["response"] = {"status_code": 500, "body": {}}
        rows[2]["response"] = {"status_code": 200, "body": {"choices": []}}
        rows.append({**rows[5], "custom_id": "of another prompt"})
        (tmp_path / "out.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        read = read_batch(tmp_path / "out.jsonl", job.requests(), ledger, config.teacher)
        assert (read.answered, read.refused, read.failed, read.other) == (len(lines) - 3, 1, 2, 1)
        again = read_batch(tmp_path / "out.jsonl", job.requests(), ledger, config.teacher)
        assert (again.answered, again.known) == (0, len(lines) - 2)
        assert write_batch(tmp_path / "rest.jsonl", job.requests(), ledger) == 2
    teacher = Teacher(write=note)
    with served_teacher(teacher) as url:
        (tmp_path / "made").mkdir()
        facts = synthesize_corpus(
            settings(url, forms), corpus, tmp_path / "made", ledger=tmp_path / "ledger", services=Services()
        )
    assert len(teacher.notes.asked) == 2, "only what the batch has not answered"
    assert sum(form["rejected"].get("refused_by_server", 0) for form in facts["forms"].values()) == 1


def test_another_file_is_no_batch(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "x"}\n', encoding="utf-8")
    with open_ledger(tmp_path / "l") as ledger, pytest.raises(InputError, match=r"x\.jsonl:1: not a line of a batch"):
        read_batch(tmp_path / "x.jsonl", [], ledger, settings("http://a/v1", tmp_path).teacher)
