"""A search over learning rates on a tiny model: it learns at some, breaks at one, and resumes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hanhua.artifacts import Artifact
from hanhua.cli.entry import run_command
from hanhua.cli.main import app
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.errors import UsageError
from hanhua.experiments.learning_rates import FoundRate, RateSearch, TriedRate, search_learning_rate

SEARCH = RateSearch(("zh",), ("en_replay",), factors=(0.001, 1.0, 1e6), tokens=64 * 4 * 12)


def search(
    given: RateSearch,
    settings: dict[str, Any],
    resized: Artifact,
    corpus: Artifact,
    work: Path,
) -> FoundRate:
    config = ContinuedPretrainConfig.model_validate(settings)
    base, first = resized.part("model"), resized.facts["first_new_id"]
    return search_learning_rate(given, config, base=base, corpus=corpus, first_new_id=first, work=work)


def test_the_rate_at_which_held_out_text_gets_best_is_found_and_kept(
    settings: dict[str, Any],
    resized: Artifact,
    corpus: Artifact,
    tmp_path: Path,
) -> None:
    found = search(SEARCH, settings, resized, corpus, tmp_path)
    slow, good, wild = found.tried
    assert found.best == good and not found.at_edge
    assert good.bits_per_byte is not None and good.start_bits_per_byte is not None and slow.bits_per_byte is not None
    assert good.bits_per_byte < slow.bits_per_byte - 0.01 < good.start_bits_per_byte
    assert wild.stopped is not None or (wild.bits_per_byte or 0) > good.bits_per_byte
    assert good.learning_rate == pytest.approx(1e-2) and good.embedding_learning_rate == pytest.approx(5e-3)
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("rate-*.json")}
    again = search(SEARCH, settings, resized, corpus, tmp_path)
    assert again == found
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("rate-*.json")} == kept
    assert not list(tmp_path.glob("trial-*"))


def test_the_command_shows_what_was_tried(
    resized: Artifact,
    corpus: Artifact,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*more: str) -> int:
        where = ["--model", str(resized.path), "--corpus", str(corpus.path), "--work", str(tmp_path)]
        small = [
            "sequence_length=64",
            "gradient_accumulation_steps=2",
            "learning_rate=0.01",
            "lora.rank=4",
            "threads=1",
        ]
        set_ = [word for one in small for word in ("-s", one)]
        given = ["find-lr", *where, "--learned", "zh", "--tokens", "512", *set_, *more]
        return run_command(lambda: app(given, standalone_mode=False))

    assert run("--factors", "0.5,1", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [one["factor"] for one in shown["tried"]] == [0.5, 1.0]
    assert shown["at_edge"] is True
    assert run("--factors", "0.5,1") == 0
    assert "try factors beyond it" in capsys.readouterr().out
    assert run("--factors", "high") == 2
    assert "expected numbers above 0" in capsys.readouterr().err


def test_a_search_that_can_tell_nothing_is_refused(
    settings: dict[str, Any],
    resized: Artifact,
    corpus: Artifact,
    tmp_path: Path,
) -> None:
    for given in (RateSearch(()), RateSearch(("zh",), factors=(1.0,))):
        with pytest.raises(UsageError, match="two factors or more"):
            search(given, settings, resized, corpus, tmp_path)


def test_none_is_best_where_all_broke_off() -> None:
    assert not FoundRate((TriedRate(1.0, 1.0, 1.0, None, None, None, "nan"),), None).at_edge
