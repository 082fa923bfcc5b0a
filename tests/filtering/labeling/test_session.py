"""A folder of labels: rounds, resuming, checks, classifiers that the filter takes, and what they are said to reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from labeled_texts import GOOD, JUNK, answer, begun

from hanhua.documents.sources import CorpusConfig
from hanhua.errors import InputError, UsageError
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.judge import Judge
from hanhua.filtering.labeling.agreement import agreements
from hanhua.filtering.labeling.learning import filter_settings
from hanhua.filtering.labeling.session import Session, begin


def judge_round(session: Session) -> None:
    for one in session.waiting:
        session.label(one.key, answer(one.text))


def test_what_was_learned_rejects_junk_and_keeps_the_rest(tmp_path: Path) -> None:
    session = begun(tmp_path / "labels", texts=[*GOOD[::2], *JUNK[::2]])
    session.draw()
    judge_round(session)
    learned = session.learn()
    (one,) = learned
    assert one.target == "quality"
    assert one.reached.recall > 0.9
    assert one.reached.low <= one.reached.recall <= one.reached.high
    rules = Judge(FilteringConfig.model_validate(filter_settings(learned)))
    lost = [text for text in GOOD[1::2] if not rules.judge(text, language="zh").verdict.keep]
    found = [text for text in JUNK[1::2] if rules.judge(text, language="zh").verdict.reason == "quality.score"]
    assert len(found) > 0.8 * len(JUNK[1::2])
    assert len(lost) <= 0.1 * len(GOOD[1::2])


def test_harm_is_learned_by_category(tmp_path: Path) -> None:
    session = begun(tmp_path / "labels")
    session.draw()
    for one in session.waiting:
        session.label(one.key, "fraud" if answer(one.text) == "junk" else "keep")
    learned = {one.target: one for one in session.learn()}
    assert set(learned) == {"harm", "quality"}
    settings = filter_settings([learned["harm"]])
    rules = Judge(FilteringConfig.model_validate(settings))
    assert {rules.judge(text, language="zh").verdict.reason for text in JUNK[::7]} == {"harm.fraud"}


def test_rounds_go_on_where_they_stopped_and_never_ask_twice(tmp_path: Path) -> None:
    session = begun(tmp_path / "labels")
    assert session.draw() == 40
    first = [one.key for one in session.waiting]
    for one in session.waiting[:15]:
        session.label(one.key, answer(one.text))
    session.close()
    session = begun(tmp_path / "labels")
    assert [one.key for one in session.waiting] == first[15:]
    judge_round(session)
    session.draw()
    assert not {one.key for one in session.waiting} & set(first)
    assert len(session.waiting) == 40


def test_undo_gives_the_last_text_back(tmp_path: Path) -> None:
    session = begun(tmp_path / "labels")
    session.draw()
    assert session.undo() is None
    first, second = session.waiting[:2]
    session.label(first.key, "keep")
    session.label(second.key, "junk")
    assert session.undo() == second
    assert session.waiting[0] == second
    assert session.labels.by("one") == {first.key: "keep"}


def test_a_second_judge_checks_the_first(tmp_path: Path) -> None:
    session = begun(tmp_path / "labels")
    session.draw()
    judge_round(session)
    session.close()
    session = begun(tmp_path / "labels", judge="two")
    assert session.draw_check(10) == 10
    for one in session.waiting:
        session.label(one.key, answer(one.text))
    (found,) = agreements(session.labels.labels())
    assert (found.judges, found.texts, found.agreed) == (("one", "two"), 10, 1.0)


def test_drawing_is_the_same_each_time_and_spares_texts_much_alike(tmp_path: Path) -> None:
    drawn = []
    for number in range(2):
        session = begun(tmp_path / f"labels{number}")
        session.draw()
        judge_round(session)
        session.draw()
        drawn.append([one.text for one in session.waiting])
        session.close()
    assert drawn[0] == drawn[1]


def test_one_process_at_a_time_and_one_corpus(tmp_path: Path) -> None:
    session = begun(tmp_path / "labels")
    with pytest.raises(UsageError, match="another process"):
        begun(tmp_path / "labels")
    session.close()
    other = {"web": CorpusConfig(path=str(tmp_path / "other.jsonl"))}
    with pytest.raises(UsageError, match=r"corpora\.web"):
        begin(tmp_path / "labels", other, FilteringConfig(), documents=1000)
    with pytest.raises(UsageError, match="nothing was begun"):
        begin(tmp_path / "none", {}, FilteringConfig(), documents=1000)
    with pytest.raises(InputError, match="no candidate"):
        session.label("unknown", "keep")


def test_too_few_labels_teach_nothing(tmp_path: Path) -> None:
    session = begun(tmp_path / "labels")
    session.draw()
    for one in session.waiting[:5]:
        session.label(one.key, answer(one.text))
    assert session.learn() == []
    assert not (tmp_path / "labels" / "quality").exists()
