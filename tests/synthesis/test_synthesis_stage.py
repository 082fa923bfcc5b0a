"""The stage over a real server: the same bytes however the answers come, nothing lost by kills, provenance in lines."""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from loopback_teacher import Teacher, served_teacher, wait_for
from note_form import make_texts, note, settings, write_forms
from synthesizing import run_to_the_end

from hanhua.artifacts.files import sha256_of
from hanhua.config_fields import key_config
from hanhua.documents import read_corpus
from hanhua.errors import HanhuaError
from hanhua.services import Services
from hanhua.synthesis.ledger.file import open_ledger
from hanhua.synthesis.stage import make_job, synthesize_corpus


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_texts(tmp_path / "corpus", count=10)
    write_forms(tmp_path / "forms")
    return tmp_path


def synthesize(
    folder: Path, teacher: Teacher, *, name: str = "out", ledger: str = "ledger.jsonl", **more: Any
) -> dict[str, Any]:
    out = folder / name
    out.mkdir()
    with served_teacher(teacher) as url:
        config = settings(url, folder / "forms", **more)
        return synthesize_corpus(config, folder / "corpus", out, ledger=folder / ledger, services=Services())


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in [*folder.glob("part-*"), folder / "rejected" / "samples.jsonl"]}


def test_what_is_kept_stands_behind_the_corpus_with_its_provenance(folder: Path) -> None:
    facts = synthesize(folder, Teacher(write=note))
    before, after = list(read_corpus(folder / "corpus")), list(read_corpus(folder / "out"))
    assert after[: len(before)] == before
    made = after[len(before) :]
    assert len(made) == sum(form["accepted"] for form in facts["forms"].values()) > 20
    train = {one.id: one for one in before if one.split == "train"}
    for one in made:
        said = one.provenance
        source = train[said["source_id"]]
        assert one.split == "train" and one.corpus in ("synthetic_note", "synthetic_memo")
        assert one.license == said["source_license"] == source.license
        assert (said["teacher"], said["teacher_revision"], said["teacher_license"]) == ("loopback", "1", "MIT")
        assert {"form_version", "prompt_hash", "request", "parameters", "seed"} <= set(said)
        assert "127.0.0.1" not in json.dumps(said)
    assert len({one.id for one in after}) == len(after)
    assert facts["synthetic"]["synthetic_note"]["documents"] == Counter(one.corpus for one in made)["synthetic_note"]


def test_the_same_bytes_whatever_the_concurrency_the_order_and_the_faults(folder: Path) -> None:
    calm = synthesize(folder, Teacher(write=note), name="calm", ledger="a", asking={"max_concurrency": 1})
    stormy = Teacher(write=note, seconds=0.01, faults={"429": 0.1, "cut": 0.1, "garbage": 0.1}, seed=5)
    storm = synthesize(folder, stormy, name="storm", ledger="b", asking={"max_concurrency": 24})
    assert hashes(folder / "calm") == hashes(folder / "storm")
    assert calm["forms"] == storm["forms"]


def test_a_changed_prompt_is_asked_anew_and_an_old_one_is_found(folder: Path) -> None:
    first = Teacher(write=note)
    synthesize(folder, first, name="first")
    write_forms(folder / "forms", task="改写成札记。")
    second = Teacher(write=note)
    synthesize(folder, second, name="second")
    assert not set(first.notes.asked) & set(second.notes.asked)
    assert len(second.notes.asked) == len(first.notes.asked)
    old = {one.text for one in read_corpus(folder / "first") if one.provenance}
    assert not old & {one.text for one in read_corpus(folder / "second") if one.provenance}
    write_forms(folder / "forms")
    third = Teacher(write=note)
    synthesize(folder, third, name="third")
    assert not third.notes.asked and hashes(folder / "third") == hashes(folder / "first")


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 7},
        {"teacher": {"temperature": 0.1}},
        {"seeds": {"max_characters": 120}},
        {"teacher": {"extra_body": {"k": 1}}},
    ],
    ids=["seed", "temperature", "section length", "extra"],
)
def test_whatever_decides_an_answer_is_part_of_key_and_request(folder: Path, change: dict[str, Any]) -> None:
    before, after = settings("http://a/v1", folder / "forms"), settings("http://a/v1", folder / "forms", **change)
    assert key_config(before) != key_config(after)
    requests = [
        {one.key for one in make_job(config, folder / "corpus", Services()).requests()} for config in (before, after)
    ]
    assert not requests[0] & requests[1] or "seeds" in change
    assert requests[0] != requests[1]


def test_where_and_how_fast_is_asked_is_part_of_neither(folder: Path) -> None:
    here = settings("http://a/v1", folder / "forms")
    there = settings(
        "http://b/v1", folder / "forms", asking={"max_concurrency": 3, "max_dollars": 5.0}, teacher={"api_key_env": "K"}
    )
    assert key_config(here) == key_config(there)
    keys = [[one.key for one in make_job(config, folder / "corpus", Services()).requests()] for config in (here, there)]
    assert keys[0] == keys[1]


def test_nothing_that_passes_is_an_error_with_the_reasons(folder: Path) -> None:
    with pytest.raises(HanhuaError, match=r"none of .* answers passed the checks: "):
        synthesize(folder, Teacher(write=lambda body: "很抱歉，作为一个人工智能语言模型，我无法完成这个任务。"))


def killed_runs(folder: Path, teacher: Teacher, *, kills: int, concurrency: int) -> int:
    """Kill the process whenever it has kept a few more answers; return the kills that met it at work."""
    context = multiprocessing.get_context("forkserver")  # what is imported once is there in every process
    context.set_forkserver_preload(["hanhua.synthesis.stage", "openai.resources.chat.completions"])
    ledger, done = folder / "ledger.jsonl", 0
    with served_teacher(teacher) as url:
        for number in range(kills + 1):
            on_disk = keys_of(ledger)
            process = context.Process(target=run_to_the_end, args=(folder, url, concurrency))
            process.start()
            if number < kills:
                done += works_on(process, ledger)
                process.kill()
            process.join(timeout=120)
            assert number < kills or process.exitcode == 0
            assert on_disk <= keys_of(ledger), "an answer that was on disk is gone"
    return done


def works_on(process: BaseProcess, ledger: Path) -> bool:
    """Wait until the process has kept an answer or two more; return whether it is still at work then."""
    size = ledger.stat().st_size if ledger.exists() else 0
    wait_for(lambda: not process.is_alive() or (ledger.exists() and ledger.stat().st_size > size + 700), seconds=60)
    return process.is_alive()


def keys_of(path: Path) -> set[str]:
    if not path.exists():
        return set()
    with open_ledger(path) as ledger:
        return set(ledger.keys())


def check_kills(folder: Path, *, kills: int) -> None:
    teacher = Teacher(write=note, seconds=0.02, faults={"429": 0.02, "cut": 0.02})
    concurrency = 4
    done = killed_runs(folder, teacher, kills=kills, concurrency=concurrency)
    assert done >= kills // 2
    twice = sum(count - 1 for count in teacher.notes.whole.values())
    assert twice <= done * concurrency, "asked again is only what a kill cut off before its answer was on disk"
    with open_ledger(folder / "ledger.jsonl") as ledger:
        assert ledger.spent.tokens >= teacher.notes.tokens, "what a kill cut off counts as spent"
        assert set(ledger.keys()) == {
            one.key
            for one in make_job(settings("http://a/v1", folder / "forms"), folder / "corpus", Services()).requests()
        }
    synthesize(folder, Teacher(write=note), name="undisturbed", ledger="other")
    assert hashes(folder / "out") == hashes(folder / "undisturbed")


def test_kills_lose_nothing(folder: Path) -> None:
    check_kills(folder, kills=1)


@pytest.mark.slow
def test_fifty_kills_lose_nothing(tmp_path: Path) -> None:
    make_texts(tmp_path / "corpus", count=76)
    write_forms(tmp_path / "forms")
    check_kills(tmp_path, kills=50)
