"""`hanhua filter label`: a corpus judged by a person or a model, and classifiers made of the labels."""

from __future__ import annotations

import getpass
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hanhua.cli.filter_options import Languages, Preset, Workers, filtering_config, named_corpora
from hanhua.cli.label_options import (
    Asking,
    Browser,
    Check,
    CorporaOrNone,
    Device,
    Draw,
    Drawing,
    JudgeAs,
    JudgeModel,
    JudgeName,
    JudgeOption,
    JudgePrompt,
    LabelFolder,
    MaxFalseAlarms,
    PerRound,
    Port,
    Rounds,
    Sampled,
)
from hanhua.cli.options import AsJson, ConfigFile, TextField

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hanhua.filtering.labeling.learning import Learned
    from hanhua.filtering.labeling.model_judge import ModelJudge
    from hanhua.filtering.labeling.session import Session

EXAMPLE = "Example: hanhua filter label web=crawl/*.jsonl.zst --out labels"


def label(
    out: LabelFolder,
    corpora: CorporaOrNone = None,
    name: JudgeName = None,
    judge: JudgeOption = None,
    judge_model: JudgeModel = None,
    judge_as: JudgeAs = None,
    judge_prompt: JudgePrompt = None,
    device: Device = "cpu",
    check: Check = None,
    per_round: PerRound = 100,
    rounds: Rounds = None,
    documents: Sampled = 10_000,
    draw: Draw = Drawing.UNSURE,
    max_false_alarms: MaxFalseAlarms = 0.005,
    preset: Preset = None,
    language: Languages = None,
    text_field: TextField = "text",
    config: ConfigFile = None,
    workers: Workers = None,
    port: Port = 0,
    browser: Browser = True,
    as_json: AsJson = False,
) -> None:
    """Judge the texts of a corpus that teach most, and train classifiers on them.

    A person judges on a page of this machine, or a model with --judge. After each round it says what share of the
    unwanted texts the classifiers would find, and whether more labels pay.
    """
    from hanhua.filtering.labeling.session import Session, begin

    named = named_corpora(corpora or [], language or (), license_="", text_field=text_field)
    settings = filtering_config(config, {"preset": preset})
    asked = None if judge is None else _open_model(judge, judge_model, judge_as, judge_prompt, device)
    begin(out, named, settings, documents=documents, workers=workers)
    person = asked.judge_name if asked else name or getpass.getuser()
    session = Session(out, judge=person, per_round=per_round, strategy=draw.value, max_false_alarms=max_false_alarms)
    with closing(session):
        if check is not None and not session.draw_check(check):
            _refuse_check(person)
        if asked is not None:
            _judge_by_model(session, asked, 1 if check else rounds or 1)
        else:
            _judge_on_page(session, 1 if check else rounds, port=port, browser=browser)
        _tell(session, as_json=as_json)


def _open_model(
    model: str, served_name: str | None, judge_as: Asking | None, prompt_file: Path | None, device: str
) -> ModelJudge:
    from hanhua.filtering.labeling.model_judge import open_judge

    manner: Literal["chat", "guard"] | None = judge_as.value if judge_as else None
    return open_judge(model, served_name=served_name, manner=manner, prompt_file=prompt_file, device=device)


def open_page(address: str, browser: bool) -> None:
    """Say where the page is, and open it."""
    import webbrowser

    from hanhua.progress import say

    say(f"judge at {address}\n(only this machine can reach it; Ctrl-C or Q ends, and nothing that was judged is lost)")
    if browser:
        webbrowser.open(address)


def _refuse_check(person: str) -> None:
    from hanhua.errors import UsageError

    raise UsageError(f"--check: nobody but {person!r} has judged a text there; judge as another with --name")


def _judge_by_model(session: Session, judge: ModelJudge, rounds: int) -> None:
    for _ in range(rounds):
        if not session.waiting and not session.draw():
            return
        judge.judge_round(session)


def _judge_on_page(session: Session, rounds: int | None, *, port: int, browser: bool) -> None:
    from hanhua.filtering.labeling.page import Page, serve_page

    done = 0
    if not session.waiting:
        session.draw()

    def next_round() -> tuple[str, bool]:
        nonlocal done
        done += 1
        if rounds is not None and done >= rounds:
            return "", False
        said = describe(session.learn())
        return said, session.draw() > 0

    serve_page(Page(session, next_round), port=port, opened=lambda address: open_page(address, browser))


def describe(learned: Sequence[Learned]) -> str:
    """Return what was learned, in a line for each classifier."""
    lines = []
    for one in learned:
        at = one.reached
        line = (
            f"{one.target}: {at.judged:,} labels, {at.unwanted:,} unwanted; at {at.max_false_alarms:.1%} false alarms "
            f"{at.recall:.0%} found (95%: {at.low:.0%} to {at.high:.0%})"
        )
        if at.gain is not None:
            worth = "more labels pay" if at.pays else "more labels no longer pay"
            line += f"; the last doubling of labels brought {100 * at.gain:+.0f} points: {worth}"
        lines.append(line)
    return "\n".join(lines) or "too few labels to learn from: at least 10 wanted and 10 unwanted texts are needed"


def _tell(session: Session, *, as_json: bool) -> None:
    from hanhua.filtering.labeling.agreement import agreements
    from hanhua.filtering.labeling.learning import filter_settings

    learned = session.learn()
    both = agreements(session.labels.labels())
    settings = filter_settings(learned)
    if as_json:
        from dataclasses import asdict

        from hanhua.cli.printing import print_json

        facts: dict[str, Any] = {"labels": len(session.labels.labels()), "learned": [one.as_json() for one in learned]}
        print_json({**facts, "agreement": [asdict(one) for one in both], "filtering": settings})
        return
    print(describe(learned))
    for one in both:
        kappa = "undefined" if one.kappa is None else f"{one.kappa:.2f}"
        print(f"{' and '.join(one.judges)}: {one.texts:,} texts in common, {one.agreed:.0%} agreed, kappa {kappa}")
    if settings:
        import yaml

        print("\nfor a recipe, or a file for --config:\n")
        print(yaml.safe_dump({"filtering": settings}, allow_unicode=True, sort_keys=False), end="")
