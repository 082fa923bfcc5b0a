"""A release of every kind, published to a Hub on this machine and read back as a visitor reads it.

Metadata, scores and both halves of the card are compared with the manifests and scores they were made from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import tiny_kinds
import tiny_release
import yaml
from hub_publisher import REPO, Publisher
from hub_server import HubServer
from huggingface_hub import ModelCard, parse_eval_result_entries
from huggingface_hub.utils import validate_repo_id
from markdown import markdown

from hanhua.artifacts.files import write_json
from hanhua.artifacts.manifest import Artifact
from hanhua.release.stage import CorpusLine

KINDS = ("adapted", "restored", "adapter", "tokenizer", "toy")
INSTRUCT, SCALE = "tiny-Instruct", 0.625
CORPORA = (
    CorpusLine(name="zh", license="CC-BY-4.0", source="hf://datasets/HuggingFaceFW/fineweb-2:cmn_Hani", weight=0.85),
    CorpusLine(name="zh-old", license="CC-BY-4.0", source="hf://datasets/HuggingFaceFW/fineweb-2@3a1f:lzh_Hani"),
    CorpusLine(name="own", license="CC-BY-4.0", source="/data/somebody/zh.jsonl"),
)
HEADINGS = {
    "What it is": "简介", "Compression": "压缩率", "Scores": "评测", "Harmful output": "有害输出", "Data": "数据",
    "Limits": "局限", "How to use it": "用法", "License": "许可",
}  # fmt: skip


@dataclass
class Page:
    """What a visitor of the repository has before them."""

    kind: str
    files: dict[str, bytes]
    card: str
    data: dict[str, Any]

    @property
    def english(self) -> str:
        return self.card.split("# 中文\n")[0].split("---\n", 2)[2]

    @property
    def chinese(self) -> str:
        return self.card.split("# 中文\n")[1]

    @property
    def halves(self) -> tuple[str, str]:
        return self.english, self.chinese


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    root = tmp_path_factory.mktemp("run")
    made = tiny_kinds.artifacts(root)
    made["restored"] = tiny_kinds.restored(root, made, instruct=INSTRUCT, scale=SCALE)
    (root / "scores").mkdir()
    write_json(root / "scores" / "scores.json", tiny_kinds.scores(["base", "resized", "adapted", "restored"]))
    made["scores"] = tiny_release.finished(root / "scores", "scores", {})
    return made


@pytest.fixture(scope="module")
def visit(
    inputs: dict[str, Artifact], publisher: Publisher, agreement: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Page]:
    pages: dict[str, Page] = {}

    def read(kind: str) -> Page:
        if kind not in pages:
            pages[kind] = publish(kind, inputs, publisher, agreement, tmp_path_factory.mktemp("releases") / kind)
        return pages[kind]

    return read


def publish(kind: str, inputs: dict[str, Artifact], publisher: Publisher, agreement: Path, out: Path) -> Page:
    left_out = {
        "restored": (), "adapter": ("restored",), "tokenizer": ("adapted", "resized", "restored", "scores"),
    }.get(kind, ("restored", "resized"))  # fmt: skip
    given = {name: artifact for name, artifact in inputs.items() if name not in left_out}
    real = {"toy": False, "base_name": "meta-llama/Meta-Llama-3-8B", "name": "Llama-3-tiny"}
    job = tiny_release.job(
        kind=kind if kind in ("adapter", "tokenizer") else "model", corpora=CORPORA, **({} if kind == "toy" else real)
    )
    release = tiny_release.make(job, given, out)
    publisher.hub.repositories.clear()
    answer = publisher(release.path, "--repo-id", REPO, "--agreement", agreement, "--json")
    assert answer.code == 0, answer.err
    hub: HubServer = publisher.hub
    files = dict(hub.repositories[REPO].commits[-1][1])
    card = files["README.md"].decode()
    return Page(kind, files, card, yaml.safe_load(card.split("---\n")[1]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_hubs_own_client_takes_the_metadata(kind: str, visit: Callable[[str], Page]) -> None:
    page = visit(kind)
    card = ModelCard(page.card)
    assert card.data.license == "llama3" and card.data.language == ["zh", "en"]
    assert page.data["datasets"] == ["HuggingFaceFW/fineweb-2"], "configurations and commits are no part of an id"
    bases = page.data.get("base_model", [])
    for name in [*page.data["datasets"], *(bases if isinstance(bases, list) else [bases])]:
        validate_repo_id(name)
    relation = {"adapted": "finetune", "restored": "finetune", "adapter": "adapter", "tokenizer": "finetune"}
    assert ("base_model" in page.data) is (kind != "toy")
    if kind == "restored":
        # The instruct model is a folder here, which is no base to link.
        assert page.data["base_model"] == "meta-llama/Meta-Llama-3-8B" and page.data["base_model_relation"] == "merge"
    elif kind != "toy":
        assert page.data["base_model_relation"] == relation[kind]
    assert ("chat-vector" in page.data["tags"]) is (kind == "restored")


@pytest.mark.parametrize(("kind", "model"), [("adapted", "adapted"), ("restored", "restored"), ("adapter", "adapted")])
def test_the_scores_entered_are_the_released_models_and_of_whole_benchmarks(
    kind: str, model: str, visit: Callable[[str], Page], inputs: dict[str, Artifact]
) -> None:
    page = visit(kind)
    names = ["base", "resized", "adapted", "restored"]
    value = round(tiny_kinds.scores(names)["benchmarks"]["cmmlu"][model]["accuracy"], 4)
    entered = {name: data for name, data in page.files.items() if name.startswith(".eval_results/")}
    assert list(entered) == [".eval_results/cmmlu.yaml"], (
        "3 of 52 subjects are no C-Eval, and questions of ours no data set"
    )
    (entry,) = parse_eval_result_entries(yaml.safe_load(entered[".eval_results/cmmlu.yaml"]))
    assert (entry.dataset_id, entry.value) == ("haonan-li/cmmlu", value)
    results = ModelCard(page.card).data.eval_results
    assert results is not None
    assert [(one.dataset_type, one.metric_value) for one in results] == [("haonan-li/cmmlu", value)]
    for half, mark in zip(page.halves, ("(this model)", "（本模型）"), strict=True):
        assert f"{model}{mark if mark[0] == '（' else ' ' + mark}" in half


@pytest.mark.parametrize("kind", ["tokenizer", "toy"])
def test_what_is_no_model_to_rank_enters_no_score(kind: str, visit: Callable[[str], Page]) -> None:
    page = visit(kind)
    assert "model-index" not in page.data
    assert not any(name.startswith(".eval_results/") for name in page.files)


@pytest.mark.parametrize("kind", KINDS)
def test_both_languages_have_every_section_and_figure(
    kind: str, visit: Callable[[str], Page], inputs: dict[str, Artifact]
) -> None:
    page = visit(kind)
    missing = {"Scores"} if kind == "tokenizer" else set()
    for english, chinese in HEADINGS.items():
        assert (f"## {english}\n" in page.english) is (english not in missing), english
        assert (f"## {chinese}\n" in page.chinese) is (english not in missing), chinese
    tokens = inputs["tokenizer"].facts
    figures = [f"{tokens['new_tokens']:,}", f"{tokens['vocab_size']:,}", "1.40×", "MOBILE 7", "300", "250", "230"]
    if kind != "tokenizer":
        figures += [f"{inputs['adapted'].facts['tokens']:,}", "cmmlu", "11,582", "gambling"]
    for half in page.halves:
        assert [figure for figure in figures if figure not in half] == []
        assert "```python" in half, "both halves say how to use it"
        assert "/data/somebody" not in half


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tokenizer"])
def test_what_makes_a_score_less_is_said_in_both_languages(kind: str, visit: Callable[[str], Page]) -> None:
    english, chinese = visit(kind).halves
    assert "ceval: not the whole benchmark: 12 of 1,346 questions, 3 of 52 subjects" in english
    assert "ceval：不是完整的基准：只测了 1,346 题中的 12 题，52 个科目中的 3 个" in chinese
    assert "7 of 12 prompts were cut to fit the model's context" in english
    assert "12 个提示中有 7 个超出模型的上下文，被截断" in chinese
    assert "answers A to 87% of the questions, not above chance (25%)" in english
    assert "87% 的题目都选 A；不高于随机猜测（25%）" in chinese
    assert "flagged" not in chinese and "questions" not in chinese and "not above chance" not in chinese


def test_a_restored_model_says_what_it_is_and_how_to_talk_to_it(
    visit: Callable[[str], Page], inputs: dict[str, Artifact]
) -> None:
    page = visit("restored")
    assert inputs["restored"].config["scale"] == SCALE
    for half, chat in zip(page.halves, ("**A chat model**", "**对话模型**"), strict=True):
        assert chat in half and INSTRUCT in half and f"λ = {SCALE:g}" in half
        assert "apply_chat_template" in half and "chat_template.jinja" in half
    assert "not tuned to follow instructions" not in page.english and "没有经过指令" not in page.chinese
    settings = yaml.safe_load(page.files["tokenizer_config.json"])
    assert settings["chat_template"] == tiny_release.TEMPLATE, "where older loaders look for it"
    adapted = visit("adapted")
    for half in adapted.halves:
        assert "apply_chat_template" not in half
    assert "not tuned to follow instructions" in adapted.english and "没有经过指令" in adapted.chinese


class _Rendered(HTMLParser):
    """Counts what the eye looks for on a page: tables with their rows, headings, code, and text between."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.text: list[str] = []
        self._in_code = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self._in_code += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._in_code -= tag == "code"

    def handle_data(self, data: str) -> None:
        if not self._in_code:
            self.text.append(data)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_renders(kind: str, visit: Callable[[str], Page]) -> None:
    halves = [_Rendered(markdown(half, extensions=["tables", "fenced_code"])) for half in visit(kind).halves]
    for half in halves:
        text = "".join(half.text)
        assert [mark for mark in ("|---", "| --", "{{", "{%", "**", "](", "```", "None") if mark in text] == []
    ours, theirs = (half.tags for half in halves)
    for tag in ("table", "tr", "th", "td", "h2", "img", "pre"):
        assert ours.get(tag) == theirs.get(tag), f"{tag}: the halves differ"
    expected = {"tokenizer": 2}.get(kind, 4)
    assert ours["table"] == expected
