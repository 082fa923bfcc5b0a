"""The report is one safe, offline page: the same bytes for the same inputs, and no text from outside becomes markup."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import tiny_run
from tiny_run import HOSTILE, MOBILE

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.manifest import Artifact
from hanhua.figures.headline import TOY_NOTICE
from hanhua.figures.shown_texts import SHOWN_HARMFUL_CHARACTERS
from hanhua.filtering.pii import build_masker
from hanhua.report.job import ReportJob, StageCost
from hanhua.report.run_figures import thin
from hanhua.report.stage import MAX_DOMAINS, choose_domains, write_report
from hanhua.services import Services

JOB = ReportJob(
    name="Llama-3-zh-test",
    samples_per_reason=2,
    toy=True,
    recipe={"name": "Llama-3-zh-test", "corpora": {"zh": {"path": "语料.jsonl"}, "web": {}, "en_replay": {}}},
)
SECTIONS = ("filtering", "vocabulary", "training", "language_modeling", "benchmarks", "safety")
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """What a browser would make of a page: elements, attributes, text, and tags left open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.remove(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, key: str) -> list[str]:
        return [value for _, name, value in self.attributes if name == key]

    def text(self) -> str:
        return " ".join("".join(self.texts).split())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    return tiny_run.make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def services() -> Services:
    return Services(masker=build_masker())


@pytest.fixture(scope="module")
def written(run: dict[str, Artifact], services: Services, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    facts = write_report(JOB, run, out, services=services)
    assert facts["sections"] == list(SECTIONS) and not facts["not_run"]
    assert facts["plots"] == ["accuracy", "bits", "compression", "funnel", "harm", "training"]
    return out


@pytest.fixture(scope="module")
def page(written: Path) -> Page:
    return Page((written / "report.html").read_text(encoding="utf-8"))


def report(tmp_path: Path, inputs: Mapping[str, Artifact], job: ReportJob = JOB) -> tuple[Page, dict[str, Any]]:
    tmp_path.mkdir(exist_ok=True)
    write_report(job, inputs, tmp_path, services=Services())
    return Page((tmp_path / "report.html").read_text(encoding="utf-8")), read_json(tmp_path / "report.json")


def test_an_audit_of_the_filter_is_shown(run: dict[str, Artifact], page: Page, tmp_path: Path) -> None:
    assert "Audit by hand" not in page.text()
    share = {"value": 0.625, "low": 0.5, "high": 0.75}
    found = {"documents": 5000, "judged": 200, "precision": share, "recall": share, "good_lost": None, "left": share}
    shown, data = report(tmp_path, {"corpus": run["corpus"]}, JOB.model_copy(update={"audit": found}))
    assert "200 documents judged, drawn from 5,000" in shown.text()
    assert "recall: of the unwanted, rejected62.5% (50.0% to 75.0%)" in shown.text()
    assert data["audit"]["recall"] == share


def test_the_page_is_whole_and_loads_nothing(page: Page) -> None:
    assert page.open == []
    for tag in ("script", "iframe", "object", "embed", "link", "img", "form", "base", "metadata"):
        assert page.tags[tag] == 0, tag
    assert page.tags["style"] == 1, "a plot's own rules would rule the page"
    assert page.values("src") == []
    ids = page.values("id")
    assert len(ids) == len(set(ids)), [name for name, n in Counter(ids).items() if n > 1]
    for target in page.values("href"):
        assert target.startswith("#") and target[1:] in ids, target
    for value in page.values("clip-path"):
        assert value.removeprefix("url(#").removesuffix(")") in ids
    style = next(text for text in page.texts if ":root" in text)
    assert "@import" not in style and "url(" not in style and "http" not in style
    assert not [key for _, key, _ in page.attributes if key.startswith("on")]


def test_the_same_inputs_give_the_same_bytes(
    written: Path, services: Services, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Made elsewhere, with other plot settings in force: nothing of place, time or taste gets in."""
    again = tmp_path_factory.mktemp("elsewhere") / "out"
    again.mkdir()
    elsewhere = tiny_run.make_run(again.parent / "run")
    with matplotlib.rc_context({"font.size": 31, "axes.facecolor": "red", "svg.fonttype": "path", "lines.color": "g"}):
        write_report(JOB, elsewhere, again, services=services)
    for name in ("report.html", "report.json"):
        assert (again / name).read_bytes() == (written / name).read_bytes(), name


def test_the_page_shows_what_the_json_says(page: Page, written: Path) -> None:
    figures = read_json(written / "report.json")
    text = page.text()
    assert figures["toy"] and TOY_NOTICE in text
    found = figures["filtering"]
    assert found["read"] - sum(row["documents"] for row in found["reasons"]) == found["kept"]
    assert [one["corpus"] for one in found["corpora"]] == ["zh", "web", "en_replay"], "not in the recipe's order"
    assert f"{found['kept']:,} were kept" in text
    for row in figures["headline"]:
        assert row["label"] in text and row["note"] in text
        for value in (row["base"], row["resized"], row["adapted"]):
            assert (f"{value:.1%}" if row["unit"] == "share" else f"{value:.3f}") in text
    for row in figures["benchmarks"][0]["models"]:
        assert f"{row['accuracy']:.1%}" in text
    for one in figures["provenance"]:
        assert one["content_hash"] in text
    assert "max_harmful_rate" in text and "语料.jsonl" in text


def test_changes_across_tokenizers_are_not_sold_as_learning(written: Path) -> None:
    changes = [change for row in read_json(written / "report.json")["language_modeling"] for change in row["changes"]]
    assert changes and all((c["before"], c["after"]) == ("resized", "adapted") for c in changes)


def test_chinese_stays_text_in_the_plots(written: Path) -> None:
    html = (written / "report.html").read_text(encoding="utf-8")
    plots = [part.split("</svg>")[0] for part in html.split("<svg")[1:]]
    assert len(plots) == 6
    assert any(">zh · 历史与人物</text>" in plot for plot in plots)
    for plot in plots:
        assert "font-family" not in plot and "#0101" not in plot, "set in the page's own fonts and colors"
        assert "var(--" in plot


def test_no_text_from_outside_becomes_markup(tmp_path: Path) -> None:
    """Every name and string the stages record is replaced by a hostile one."""
    marks = Counter[str]()

    def hostile(word: str) -> str:
        marks[word] += 1
        return f"{HOSTILE} $x_1$ {word}"

    def spoil(value: Any) -> Any:
        if isinstance(value, dict):
            open_keys = value and all(key in named for key in value)
            return {hostile(key) if open_keys else key: spoil(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [spoil(inner) for inner in value]
        return hostile(value) if isinstance(value, str) and value not in tiny_run.MODELS else value

    named = {
        "general_zh",
        "zh",
        "web",
        "en_replay",
        "gambling",
        "fraud",
        *tiny_run.SOURCES,
        *tiny_run.REASONS,
        "MOBILE",
    }
    named |= {
        "EMAIL",
        "ids of the base",
        "new tokens reachable",
        "round trip",
        "中国历史",
        "地理",
        "常识",
        "mathematics",
    }
    inputs = {}
    for name, artifact in tiny_run.make_run(tmp_path / "run").items():
        for path in artifact.path.rglob("*.json"):
            if path.name in ("scores.json", "extension.json"):
                tokenizers = read_json(path).get("tokenizers")
                data = spoil(read_json(path))
                write_json(path, {**data, "tokenizers": tokenizers} if tokenizers else data)
        facts = {key: spoil(value) for key, value in artifact.facts.items()}
        inputs[name] = Artifact(artifact.path, artifact.kind, artifact.content_hash, (), facts, {"x": HOSTILE})
    job = ReportJob(
        name=HOSTILE, recipe={HOSTILE: [HOSTILE, "\ud800\x00"]}, stages=(StageCost(stage=HOSTILE, seconds=1),)
    )
    page, _ = report(tmp_path / "out", inputs, job)
    assert sum(marks.values()) > 100
    assert page.open == [] and page.tags["script"] == page.tags["img"] == 0
    assert not [key for _, key, _ in page.attributes if key.startswith("on")]
    assert page.text().count("alert(1)") > 60, "shown, as text"
    assert "$x_1$" in page.text(), "not mathematics"


def test_personal_data_is_masked_and_harm_is_cut(written: Path) -> None:
    for name in ("report.html", "report.json"):
        text = (written / name).read_text(encoding="utf-8")
        assert MOBILE not in text and "someone@example.com" not in text
        assert "[MOBILE]" in text and "天天返利" in text
    figures = read_json(written / "report.json")
    harmful = [r for row in figures["filtering"]["reasons"] if row["reason"].startswith("harm") for r in row["samples"]]
    assert harmful and all(len(row["text"]) <= SHOWN_HARMFUL_CHARACTERS + 1 for row in harmful)
    kinds = [(group["model"], group["kind"]) for group in figures["safety"]["samples"]]
    assert kinds[:3] == [("base", "flagged"), ("base", "flagged on a benign prompt"), ("base", "passed")]
    assert "\u202e" not in json.dumps(figures, ensure_ascii=False), "would turn the page's text around"


@pytest.mark.parametrize("given", [(), ("corpus",), ("tokenizer",), ("adapted",), ("base", "scores")])
def test_what_was_not_run_is_said(run: dict[str, Artifact], tmp_path: Path, given: tuple[str, ...]) -> None:
    page, figures = report(tmp_path, {name: run[name] for name in given}, ReportJob(name="part"))
    assert page.open == []
    missing = [name for name in SECTIONS if not figures[name]]
    assert page.text().count("Not run:") >= len(missing) >= 1
    assert bool(figures["toy"]) == ("base" in given)


def test_a_run_without_extension_or_samples(run: dict[str, Artifact], tmp_path: Path) -> None:
    """Adapting with the base's own vocabulary: two models, one tokenizer."""
    scores = tiny_run.scores_data()
    scores["models"] = ["base", "adapted"]
    for part in ("language_modeling", "safety"):
        scores[part].pop("resized")
    scores["benchmarks"]["general_zh"].pop("resized")
    scores["fertility"].pop("extended")
    scores["comparisons"] = []
    path = tiny_run.folder(tmp_path / "eval")
    write_json(path / "scores.json", scores)
    inputs = {"corpus": run["corpus"], "adapted": run["adapted"], "scores": tiny_run.finish(path, "scores", {})}
    page, figures = report(tmp_path / "out", inputs, ReportJob(name="plain", samples_per_reason=0))
    assert figures["safety"]["samples"] == [] and page.tags["details"] == len(inputs)
    assert figures["vocabulary"]["extended"] is False and "no vocabulary extension" in page.text()
    assert len(figures["language_modeling"][0]["models"]) == 2


def test_an_unknown_job_setting_is_refused() -> None:
    with pytest.raises(ValueError, match="samples_per_raeson"):
        ReportJob.model_validate({"name": "x", "samples_per_raeson": 3})


def test_the_curve_keeps_the_log_s_range_and_mean() -> None:
    rows = [
        {"step": i, "tokens": 10 * i, "loss": float(i % 13), "bits_per_character": None, "learning_rate": 0.1}
        for i in range(1, 1001)
    ]
    points = thin(rows, points=64)
    assert len(points) <= 64
    assert points[-1]["tokens"] == 10_000
    assert min(p["loss_low"] for p in points) == 0 and max(p["loss_high"] for p in points) == 12
    assert all(p["loss_low"] <= p["loss"] <= p["loss_high"] and p["bits_per_character"] is None for p in points)
    assert thin(rows[:5], points=64)[2]["loss"] == rows[2]["loss"], "a short log is drawn step by step"
    assert thin([], points=64) == []


def test_a_log_that_was_killed_and_resumed(tmp_path: Path) -> None:
    artifact = tiny_run.make_adapted(tmp_path / "a", steps=9)
    path = artifact.path / "logs" / "train.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()[:-1]
    again = json.loads(lines[4]) | {"loss": 77.0}
    path.write_text("\n".join([*lines[:6], json.dumps(again), *lines[5:], '{"step": 10, "lo']), encoding="utf-8")
    _, figures = report(tmp_path / "out", {"adapted": artifact})
    curve = figures["training"]["curve"]
    assert [point["step"] for point in curve] == list(range(1, 10))
    assert curve[4]["loss"] == 77.0


def test_the_plot_of_domains_leaves_out_what_it_says() -> None:
    sources = [{"source": f"s{i:02}", "base": 1.0, "extended": 1.1 + i / 100, "gain": 1.1 + i / 100} for i in range(40)]
    english = {"corpus": "en", "base": 4.4, "extended": 4.4, "gain": 1.0, "sources": []}
    chinese = {"corpus": "zh", "base": 1.0, "extended": 1.3, "gain": 1.3, "sources": sources}
    shown = choose_domains([chinese, english])
    gains = [after / before for _, before, after in shown.rows]
    assert len(gains) == MAX_DOMAINS and gains == sorted(gains, reverse=True)
    assert shown.left_out == 16 and shown.unchanged == ["en"] and shown.by_source
    assert max(gains) == pytest.approx(1.49) and min(gains) == pytest.approx(1.1)
