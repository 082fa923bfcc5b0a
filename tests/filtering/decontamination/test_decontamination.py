"""Questions of benchmarks: planted ones are found and named, ordinary text is left alone."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from hanhua.documents.sources import CorpusConfig
from hanhua.errors import InputError
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.decontamination.index import BenchmarkIndex, benchmark
from hanhua.filtering.decontamination.questions import Question, read_questions
from hanhua.filtering.decontamination.settings import DecontaminationConfig
from hanhua.filtering.document import Draft
from hanhua.filtering.stage import filter_corpora
from hanhua.services import Services

STEM = "某人从河的上游划船到下游用去三个小时，原路返回用去五个小时，问水流的速度是船速的几分之几"
QUESTIONS = [
    Question("m.csv#0", STEM, ("四分之一", "五分之一", "三分之一", "二分之一")),
    Question("m.csv#1", "壁胸膜的分部不包括", ("肋胸膜", "肺胸膜", "膈胸膜", "胸膜顶")),
    Question("m.csv#2", "下列说法正确的是", ("甲", "乙", "丙", "丁")),
]
STORY = (
    "老张每天清晨推着车出门，先到桥头买两个烧饼，再绕到河边看一会儿别人下棋。冬天河面结了冰，"
    "棋摊搬进茶馆，他便在靠窗的位子上坐下，一壶茶喝到日头偏西，回家路上顺手带一把青菜。"
)
LIMITS = DecontaminationConfig()
INDEX = BenchmarkIndex(QUESTIONS)


def held(text: str) -> list[str]:
    draft = Draft(text)
    verdict = benchmark(draft, LIMITS, index=INDEX)
    assert verdict.keep == (not draft.questions)
    return [place for place, _ in draft.questions]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (f"{STORY}{STEM}？{STORY}", ["m.csv#0"]),
        (f"例题：{STEM.replace('，', ' , ')}？", ["m.csv#0"]),
        (
            STEM.replace("从", "從").replace("划", "劃").replace("时", "時").replace("问", "問").replace("几", "幾"),
            ["m.csv#0"],
        ),
        ("1.壁胸膜的分部不包括（ ）\nA、肋胸膜\nB、肺胸膜\nC、膈胸膜\nD、胸膜顶\n答案：B", ["m.csv#1"]),
        (f"{STEM}（A）四分之一；壁胸膜的分部不包括 A.肋胸膜 B.肺胸膜 C.膈胸膜 D.胸膜顶", ["m.csv#0", "m.csv#1"]),
        # near misses
        (STORY, []),
        ("壁胸膜的分部包括肋胸膜、膈胸膜和胸膜顶，肺胸膜则紧贴在肺的表面。", []),
        ("下列说法正确的是：船速大于水速。", []),
        (STEM[:18] + "才到，一路上两岸的猴子叫个不停", []),  # begins like a question
        ("短", []),
    ],
)
def test_held_questions(text: str, places: list[str]) -> None:
    assert sorted(held(text)) == places


def test_phrases_of_many_questions_tell_nothing() -> None:
    phrase = "阅读下面的文字然后完成后面的几道小题"
    index = BenchmarkIndex([Question(f"a#{i}", f"{phrase}{chr(0x4E00 + i) * 3}", ()) for i in range(40)])
    draft = Draft(f"老师说：{phrase}。{STORY}")
    assert benchmark(draft, LIMITS, index=index).keep


def test_questions_are_read_out_of_the_usual_files(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [["", "Question", "A", "B", "C", "D", "Answer"], ["0", STEM, "一", "二", "三", "四", "C"]]
        csv.writer(file).writerows(rows)
    row = {"id": "q1", "subject": "x", "question": STEM, "A": "一", "B": "二", "answer": "A", "explanation": "因为"}
    (tmp_path / "b.jsonl").write_text(json.dumps(row), encoding="utf-8")
    nested = {"title": "卷", "example": [{"question": STEM, "answer": ["A"]}, {"question": "另一题", "analysis": "略"}]}
    (tmp_path / "c.json").write_text(json.dumps(nested), encoding="utf-8")
    found = {question.place: question for question in read_questions(str(tmp_path))}
    name = tmp_path.name
    assert sorted(found) == [f"{name}/a.csv#0", f"{name}/b.jsonl#0", f"{name}/c.json#0.0", f"{name}/c.json#0.1"]
    assert found[f"{name}/a.csv#0"].stem.strip() == STEM
    assert found[f"{name}/a.csv#0"].options == ("一", "二", "三", "四")
    assert (found[f"{name}/b.jsonl#0"].stem, found[f"{name}/b.jsonl#0"].options) == (STEM, ("一", "二"))
    assert found[f"{name}/c.json#0.1"].stem == "另一题"
    (tmp_path / "none.jsonl").write_text('{"id": "1", "answer": "A"}', encoding="utf-8")
    with pytest.raises(InputError, match="no question found"):
        list(read_questions(str(tmp_path / "none.jsonl")))


def test_the_stage_names_document_and_question(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text(json.dumps({"question": STEM, "A": "一", "B": "二"}), encoding="utf-8")
    rows = [{"text": STORY}, {"text": f"{STORY}{STEM}？"}]
    (tmp_path / "zh.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    out = tmp_path / "out"
    out.mkdir()
    config = FilteringConfig.model_validate({"decontamination": {"benchmarks": [str(tmp_path / "q.jsonl")]}})
    facts = filter_corpora(config, {"zh": CorpusConfig(path=str(tmp_path / "zh.jsonl"))}, out, services=Services())
    assert facts["reasons"] == {"benchmark": 1}
    line = json.loads((out / "rejected" / "questions.jsonl").read_text(encoding="utf-8"))
    assert line == {"id": "zh:zh.jsonl#1", "question": "q.jsonl#0", "overlap": 1.0}
    assert "q.jsonl#0" in (out / "report" / "filtering.html").read_text(encoding="utf-8")
