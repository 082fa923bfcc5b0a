"""The ledger: what is in it stays, whatever tears, fills or kills; what it spent includes what was cut off."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hanhua.errors import HanhuaError, InputError, UsageError
from hanhua.synthesis.answer import Answer
from hanhua.synthesis.ledger.file import open_ledger
from hanhua.synthesis.ledger.records import Cost, Entry, asked_line, ended_line, failed_line

MOST = Cost(1000, 0.5)


def entry(text: str) -> Entry:
    return Entry(Answer(text, "stop", 30, 12), "", "m", "e", Cost(42, 0.02), 1.5)


def fill(path: Path, names: list[str], *, text: str = "答案") -> None:
    async def add() -> None:
        with open_ledger(path) as ledger:
            for name in names:
                number = ledger.next_attempt()
                await ledger.add(asked_line(name, number, MOST))
                await ledger.add(ended_line(name, number, entry(f"{text}{name}")))

    asyncio.run(add())


def test_answers_are_found_again_and_counted(tmp_path: Path) -> None:
    fill(tmp_path / "l", ["a", "b"])
    with open_ledger(tmp_path / "l") as ledger:
        assert set(ledger.keys()) == {"a", "b"} and "c" not in ledger
        assert ledger.entry("b") == entry("答案b")
        assert ledger.spent == Cost(84, 0.04)


@pytest.mark.parametrize("cut", [1, 7, 60])
def test_a_torn_last_line_is_cut_off_and_nothing_else(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "l"
    fill(path, ["a", "b"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with open_ledger(path) as ledger:
        assert set(ledger.keys()) == {"a"}
        assert ledger.spent == Cost(42, 0.02) + MOST, "the attempt whose answer was torn may have been paid for"
    fill(path, ["b"])
    with open_ledger(path) as ledger:
        assert ledger.entry("a") == entry("答案a") and ledger.entry("b") == entry("答案b")


def test_an_attempt_that_was_cut_off_counts_as_the_most_it_could_cost(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "l") as ledger:
        ledger.add_now([asked_line("a", 1, MOST), asked_line("b", 2, MOST), failed_line("b", 2, "429", Cost())])
        assert ledger.spent == Cost()
    with open_ledger(tmp_path / "l") as ledger:
        assert ledger.spent == MOST and len(ledger) == 0 and ledger.next_attempt() == 3


def test_a_damaged_middle_is_told(tmp_path: Path) -> None:
    path = tmp_path / "l"
    fill(path, ["a", "b"])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:10] + b"\n" + b"".join(lines[2:]))
    with pytest.raises(InputError, match="damaged at byte"), open_ledger(path):
        pass


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "l"), pytest.raises(UsageError, match="another process"), open_ledger(tmp_path / "l"):
        pass


def test_on_a_full_disk_what_is_under_way_goes_into_the_space_put_aside(small_disk: Path) -> None:
    async def fill_up() -> list[str]:
        kept = []
        with open_ledger(small_disk / "l") as ledger:
            ledger.keep_space(32_768)
            while not ledger.is_disk_full:
                number = ledger.next_attempt()
                await ledger.add(ended_line(f"k{number}", number, entry("长" * 1000)))
                kept.append(f"k{number}")
            for late in range(4):  # answers that were under way when the disk was found to be full
                await ledger.add(ended_line(f"late{late}", ledger.next_attempt(), entry("迟" * 1000)))
                kept.append(f"late{late}")
            with pytest.raises(HanhuaError, match="free some space"):
                for _ in range(100):
                    await ledger.add(ended_line("lost", ledger.next_attempt(), entry("丢" * 1000)))
        return kept

    kept = asyncio.run(fill_up())
    with open_ledger(small_disk / "l") as ledger:
        assert set(kept) <= set(ledger.keys())
        assert all(ledger.entry(key).answer is not None for key in kept)
