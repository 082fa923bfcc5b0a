"""Each row of the table of teachers has a verdict for several students; what no row knows is asked."""

from __future__ import annotations

import pytest

from hanhua.synthesis.licenses.verdicts import OWN_AGREEMENT, family_of_student, judge_teacher, rows

LLAMA_3, LLAMA_31, QWEN, OTHER = "meta-llama/Meta-Llama-3-8B", "Llama-3.1-8B", "Qwen/Qwen2.5-7B", "some/model"
STUDENTS = (LLAMA_3, LLAMA_31, QWEN, OTHER)

TABLE = [  # teacher, verdicts for Llama 3, Llama 3.1, Qwen and another, license
    ("openai/gpt-oss-20b", (True, True, True, True), "Apache-2.0"),
    ("gpt-4o-mini", (False, False, False, False), "OpenAI Services Agreement"),
    ("o3-mini", (False, False, False, False), "OpenAI Services Agreement"),
    ("claude-sonnet-4", (False, False, False, False), "Anthropic Commercial Terms of Service"),
    ("gemini-2.5-flash", (False, False, False, False), "Gemini API Additional Terms of Service"),
    ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", (True, True, True, True), "Llama 3.1 Community License"),
    ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", (True, True, True, True), "Llama 3.3 Community License"),
    ("meta-llama/Llama-2-13b-chat-hf", (False, False, False, False), "Llama 2 Community License"),
    ("meta-llama/Llama-3.1-8B-Instruct", (True, True, True, True), "Llama 3.1 Community License"),
    ("meta-llama/Llama-3.2-3B-Instruct", (True, True, True, True), "Llama 3.2 Community License"),
    ("meta-llama/Llama-3.3-70B-Instruct", (True, True, True, True), "Llama 3.3 Community License"),
    ("meta-llama/Llama-4-Scout-17B-16E-Instruct", (True, True, True, True), "Llama 4 Community License"),
    ("meta-llama/Meta-Llama-3-70B-Instruct", (True, None, False, False), "Meta Llama 3 Community License"),
    ("deepseek-ai/DeepSeek-R1", (True, True, True, True), "MIT"),
    ("deepseek-ai/DeepSeek-V3-0324", (True, True, True, True), "MIT"),
    ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", (True, True, True, True), "MIT"),
    ("deepseek-chat", (True, True, True, True), "DeepSeek Open Platform Terms"),
    ("deepseek-ai/DeepSeek-V3", (None, None, None, None), "DeepSeek License Agreement 1.0"),
    ("Qwen/Qwen2.5-3B-Instruct", (None, None, None, None), "Qwen Research License"),
    ("Qwen/Qwen2.5-72B-Instruct", (True, True, True, True), "Qwen License"),
    ("Qwen/Qwen2.5-7B-Instruct", (True, True, True, True), "Apache-2.0"),
    ("Qwen/Qwen3-4B", (True, True, True, True), "Apache-2.0"),
    ("Qwen/Qwen1.5-14B-Chat", (False, False, True, False), "Tongyi Qianwen License"),
    ("Qwen/Qwen2-7B-Instruct", (True, True, True, True), "Apache-2.0"),
    ("THUDM/glm-4-9b-chat", (False, False, False, False), "glm-4 License"),
    ("zai-org/GLM-4.5-Air", (True, True, True, True), "MIT"),
    ("zai-org/GLM-4-9B-0414", (True, True, True, True), "MIT"),
    ("tencent/Hunyuan-7B-Instruct", (False, False, False, False), "Tencent Hunyuan Community License"),
    ("google/gemma-4-12b-it", (True, True, True, True), "Apache-2.0"),
    ("google/gemma-3-12b-it", (None, None, None, None), "Gemma Terms of Use"),
    ("mistralai/Mistral-Large-Instruct-2411", (False, False, False, False), "Mistral AI Research License"),
    ("mistralai/Codestral-22B-v0.1", (False, False, False, False), "Mistral AI Non-Production License"),
    ("mistralai/Mistral-7B-Instruct-v0.3", (True, True, True, True), "Apache-2.0"),
    ("HuggingFaceTB/SmolLM2-1.7B-Instruct", (True, True, True, True), "Apache-2.0"),
    ("microsoft/phi-4", (True, True, True, True), "MIT"),
    ("01-ai/Yi-1.5-9B-Chat", (True, True, True, True), "Apache-2.0"),
    ("moonshotai/Kimi-K2-Instruct", (True, True, True, True), "Modified MIT"),
]


@pytest.mark.parametrize(("teacher", "verdicts", "license_name"), TABLE, ids=[row[0] for row in TABLE])
def test_a_teacher_has_its_verdict_for_each_student(
    teacher: str, verdicts: tuple[bool | None, ...], license_name: str
) -> None:
    found = [judge_teacher(teacher, student=student) for student in STUDENTS]
    assert tuple(one.allowed for one in found) == verdicts
    assert {one.license for one in found} == {license_name}
    assert all(one.source for one in found)


def test_every_row_is_some_teachers() -> None:
    judged = {(judge_teacher(teacher, student=OTHER).license, judge_teacher(teacher, student=OTHER).source)
              for teacher, _, _ in TABLE}  # fmt: skip
    assert {(row.license, row.source) for row in rows()} == judged


def test_a_refusal_says_why_where_it_is_written_and_what_to_do() -> None:
    refused = judge_teacher("gpt-4o", student=LLAMA_3)
    assert refused.allowed is False
    assert "compete with OpenAI" in refused.reason and "openai.com" in refused.reason
    assert OWN_AGREEMENT in refused.reason and "another teacher" in refused.reason
    from_llama = judge_teacher("Meta-Llama-3-8B-Instruct", student=QWEN)
    assert from_llama.allowed is False
    assert "no other large language model" in from_llama.reason and "1.b.v" in from_llama.reason


def test_duties_of_name_and_card_come_with_what_asks_for_them() -> None:
    llama = judge_teacher("Llama-3.3-70B-Instruct", student=OTHER)
    assert (llama.name_start, llama.built_with) == ("Llama", "Built with Llama")
    qwen = judge_teacher("Qwen2.5-72B-Instruct", student=LLAMA_3)
    assert (qwen.name_start, qwen.built_with) == ("", "Improved using Qwen")
    free = judge_teacher("Qwen3-8B", student=LLAMA_3)
    assert (free.name_start, free.built_with) == ("", "")


def test_what_no_row_knows_is_asked_and_its_license_answers() -> None:
    asked = judge_teacher("qwerty-chat", student=LLAMA_3)
    assert asked.allowed is None and "synthesis.teacher.license" in asked.reason
    assert judge_teacher("qwerty-chat", student=LLAMA_3, license_name="Apache-2.0").allowed is True
    assert judge_teacher("qwerty-chat", student=LLAMA_3, license_name="llama3").allowed is True
    assert judge_teacher("qwerty-chat", student=QWEN, license_name="llama3").allowed is False
    assert judge_teacher("qwerty-chat", student=QWEN, license_name="my own").allowed is None
    assert judge_teacher("gpt-4o", student=LLAMA_3, license_name=OWN_AGREEMENT).allowed is True


def test_a_license_that_is_said_does_not_overrule_a_name_that_is_known() -> None:
    assert judge_teacher("gpt-4o", student=LLAMA_3, license_name="Apache-2.0").allowed is False


def test_the_family_of_a_student_is_that_of_its_base() -> None:
    names = ("llama3", "meta-llama/Llama-3.2-1B", "Qwen/Qwen3-8B-Base", "google/gemma-2-9b", "a/b")
    assert [family_of_student(name) for name in names] == ["llama-3", "llama-3.2", "qwen", "gemma", "other"]
