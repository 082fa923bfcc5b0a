"""Requests asked in shares by datatrove's executors: the same result as of one process, and nothing asked twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from loopback_teacher import Teacher, served_teacher
from note_form import make_texts, note, settings, write_forms

from hanhua.artifacts.files import sha256_of
from hanhua.errors import HanhuaError
from hanhua.services import Services
from hanhua.synthesis.ledger.file import open_ledger
from hanhua.synthesis.ledger.records import Cost, asked_line
from hanhua.synthesis.ledger.shares import ended_in, share_path, shares_beside, take_in_shares
from hanhua.synthesis.settings import SynthesisConfig
from hanhua.synthesis.stage import make_job, synthesize_corpus

pytest.importorskip("datatrove")
from hanhua.synthesis.asking.datatrove_step import AskingStep, asking_executor, part_of_ceiling

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_texts(tmp_path / "corpus", count=10)
    write_forms(tmp_path / "forms")
    return tmp_path


def ask(config: SynthesisConfig, folder: Path, tasks: list[int], *, of: int, name: str = "ledger.jsonl") -> None:
    for task in tasks:
        asking_executor(config, folder / "corpus", ledger=folder / name, task=task, tasks=of).run()


def made(config: SynthesisConfig, folder: Path, name: str, *, ledger: str = "ledger.jsonl") -> dict[str, str]:
    (folder / name).mkdir()
    synthesize_corpus(config, folder / "corpus", folder / name, ledger=folder / ledger, services=Services())
    return {path.name: sha256_of(path) for path in (folder / name).glob("part-*")}


def test_shares_give_what_one_process_gives_and_ask_nothing_twice(folder: Path) -> None:
    teacher = Teacher(write=note)
    with served_teacher(teacher) as url:
        config = settings(url, folder / "forms")
        ask(config, folder, [2, 0], of=3)
        assert len(shares_beside(folder / "ledger.jsonl")) == 2
        ask(config, folder, [0], of=2)  # another split, begun before the first has been taken in
        total = sum(make_job(config, folder / "corpus", Services()).counts().values())
        assert len(teacher.notes.asked) < total, "some requests of task 1 are left"
        together = made(config, folder, "together")
        assert len(teacher.notes.asked) == total and set(teacher.notes.whole.values()) == {1}
        assert not shares_beside(folder / "ledger.jsonl")
        assert together == made(config, folder, "alone", ledger="other.jsonl")


def test_a_step_is_carried_to_other_machines_as_slurm_and_ray_do(folder: Path) -> None:
    """Both executors pickle the pipeline here and run it there; a share makes its own requests and no others."""
    dill = pytest.importorskip("dill")
    teacher = Teacher(write=note)
    with served_teacher(teacher) as url:
        step = AskingStep(settings(url, folder / "forms"), folder / "corpus", ledger=folder / "ledger.jsonl")
        for rank in range(2):
            list(dill.loads(dill.dumps(step)).run(rank=rank, world_size=2))
    assert set(teacher.notes.whole.values()) == {1}
    requests = [one.key for one in make_job(step.config, folder / "corpus", Services()).requests()]
    shares = [ended_in([share_path(folder / "ledger.jsonl", rank, 2)])[0] for rank in range(2)]
    assert shares == [set(requests[0::2]), set(requests[1::2])]


def test_where_all_is_answered_no_teacher_is_needed(folder: Path) -> None:
    with served_teacher(Teacher(write=note)) as url:
        config = settings(url, folder / "forms")
        ask(config, folder, [0], of=1)
    gone = settings("http://127.0.0.1:9/v1", folder / "forms", teacher={"api_key_env": "NO_SUCH_VARIABLE"})
    assert made(gone, folder, "out")


def test_the_ceiling_is_divided_among_the_shares(folder: Path) -> None:
    teacher = Teacher(write=note)
    with served_teacher(teacher) as url:
        config = settings(url, folder / "forms", asking={"max_tokens": 14_000})
        for task in range(2):
            with pytest.raises(HanhuaError, match="the ceiling is reached"):
                ask(config, folder, [task], of=2)
    _, spent = ended_in(shares_beside(folder / "ledger.jsonl"))
    assert 0 < teacher.notes.tokens <= spent.tokens <= 14_000
    assert part_of_ceiling(config.asking, Cost(6_000), tasks=4).max_tokens == 2_000


def test_a_share_counts_what_was_cut_off_and_may_be_taken_in_again(folder: Path) -> None:
    ledger = folder / "ledger.jsonl"
    with served_teacher(Teacher(write=note)) as url:
        ask(settings(url, folder / "forms"), folder, [1], of=4)
    share = share_path(ledger, 1, 4)
    with open_ledger(share) as opened:
        opened.add_now([asked_line("cut off", 900, Cost(500, 0.5))])
        answered, keys = opened.spent, set(opened.keys())
    whole = share.read_bytes()
    with open_ledger(ledger) as opened:
        assert take_in_shares(opened) == len(keys) and set(opened.keys()) == keys
        assert opened.spent == answered + Cost(500, 0.5) and not share.exists()
        share.write_bytes(whole)  # as a kill between copying and deleting leaves it
        assert take_in_shares(opened) == 0 and set(opened.keys()) == keys


def test_half_a_line_of_a_share_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "l"
    path.write_bytes(b'{"refused":"a","attempt":1,"tokens":7,"dollars":0,"seconds":1,"why":"x"}\n{"refused":"b","att')
    assert ended_in([path, tmp_path / "none"]) == ({"a"}, Cost(7, 0))
    assert path.stat().st_size > 80, "it is only read"
