"""Questions that documents hold, found for the evaluation by the filter's own index."""

from __future__ import annotations

from hanhua.filtering.decontamination.held import HeldQuestions, build_held_questions
from hanhua.filtering.decontamination.settings import DecontaminationConfig

QUESTIONS = [
    "长江发源于哪一座山脉的主峰附近？\n昆仑山\n唐古拉山",
    "水在标准大气压下的沸点是多少摄氏度？\n九十度\n一百度",
    "几点了？",
]


def test_found_in_either_script_and_not_in_mere_likeness() -> None:
    documents = ["練習：長江發源於哪一座山脈的主峰附近？昆侖山，唐古拉山", "沸点是一百度，几点了？"]
    assert build_held_questions().held(QUESTIONS, documents) == [True, False, False]
    assert build_held_questions().held([], documents) == []


def test_the_fingerprint_is_of_limits_and_method() -> None:
    stricter = HeldQuestions(DecontaminationConfig(min_overlap=0.9))
    assert HeldQuestions().fingerprint == build_held_questions().fingerprint != stricter.fingerprint
