"""The questions of `hanhua init` at a terminal: each says what it is for, and a wrong answer asks again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import typer

from hanhua.errors import HanhuaError, UsageError
from hanhua.pipeline.planning.init_recipe import Answers

Value = TypeVar("Value")
BASE = "meta-llama/Meta-Llama-3-8B"
SCRIPTS = {"as they are": None, "simplified": "t2s", "traditional (taiwan)": "s2tw", "traditional (hong kong)": "s2hk"}
_UNITS = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "万": 1e4, "亿": 1e8}


def asked(answers: Answers, out: Path) -> Answers:
    """Return the answers with everything that was not given as an option asked for."""
    if not answers.base:
        answers = replace(answers, base=_base())
    if not answers.devices:
        answers = replace(answers, devices=_devices(answers))
    if not answers.corpora:
        answers = _with_corpora(answers)
    if answers.tokens is None and answers.hours is None and answers.dollars is None:
        answers = _with_budget(answers)
    if answers.convert is None:
        answers = replace(answers, convert=_script())
    if answers.new_tokens is None:
        answers = _with_extension(answers)
    if answers.benchmarks is None:
        answers = replace(answers, benchmarks=_benchmarks(answers))
    if not answers.publish_to:
        places = ("nowhere", "huggingface", "modelscope")
        answers = replace(
            answers, publish_to=_ask("Publish it to (nowhere, huggingface, modelscope)", "nowhere", _one_of(*places))
        )
    return answers


def whole_number(answer: str) -> int:
    """Return the number somebody typed: `1000000000`, `1,000,000,000`, `1e9`, `1B`, `10亿`. Raises UsageError."""
    text = answer.strip().lower().replace(",", "").replace("_", "").replace("，", "")
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:e\+?\d+)?)\s*([kmbg万亿]?)", text)
    if match is None:
        raise UsageError(f"{answer!r} is not a number of tokens; for instance 1e9")
    return int(float(match[1]) * _UNITS.get(match[2], 1))


def _ask(question: str, default: str, check: Callable[[str], Value]) -> Value:
    """Ask until an answer holds; what is wrong with one is said."""
    while True:
        answer = str(typer.prompt(question, default=default, show_default=bool(default), err=True)).strip()
        try:
            return check(answer)
        except HanhuaError as error:
            _say(str(error))


def _say(text: str) -> None:
    typer.echo(f"  {text}", err=True)


def _base() -> str:
    from hanhua.pipeline.planning.base_shapes import shape_of_base
    from hanhua.pipeline.planning.found_here import models_here
    from hanhua.pipeline.recipe.config_file import at_home

    found = models_here()
    for number, folder in enumerate(found, 1):
        _say(f"{number}: {folder}")

    def check(answer: str) -> str:
        if answer.isdigit() and 1 <= int(answer) <= len(found):
            answer = found[int(answer) - 1]
        named = str(at_home(answer)) if answer.startswith("~") else answer
        if Path(named).is_dir():
            named = str(Path(named).resolve())
        if shape_of_base(named) is None:
            raise UsageError(
                f"{answer}: neither a folder with config.json here, a GGUF file, nor a Llama 3 known by its name "
                f"(such as {BASE} or ms://LLM-Research/Meta-Llama-3-8B)"
            )
        return named

    return _ask("Base model: a folder, a Hub id or ms://…" + (", or a number" if found else ""),
                found[0] if found else BASE, check)  # fmt: skip


def _devices(answers: Answers) -> str:
    from hanhua.pipeline.planning.found_here import devices_here
    from hanhua.pipeline.planning.init_recipe import check_devices

    here = devices_here()
    if here is not None:
        _say(f"found here: {here[1]}")

    def check(answer: str) -> str:
        taken = check_devices(replace(answers, devices=answer))
        if taken:
            _say(taken)
        return answer

    return _ask("GPUs, number and name (8xA800, H20, RTX4090-48GB)", here[0] if here else "1xH100", check)


def _with_corpora(answers: Answers) -> Answers:
    from hanhua.documents.readers import is_remote
    from hanhua.pipeline.planning.found_here import LookedAt, look_at_texts

    def look(answer: str) -> LookedAt | None:
        return None if not answer or is_remote(answer) else look_at_texts(answer)

    corpora: dict[str, str] = {}
    languages: dict[str, str] = {}
    licenses: dict[str, str] = {}
    fields: dict[str, str] = {}
    _say("Your own texts: a file, folder, glob, hf://datasets/ID or ms://OWNER/NAME; Enter alone ends the list.")
    while True:
        said = "Texts" if not corpora else "More texts"
        path, found = _ask(said, "", lambda answer: (answer, look(answer)))
        if not path:
            break
        name = _free_name("zh" if found is None else found.language, corpora)
        if found is not None:
            size = f"{found.files} file(s), {found.size_bytes / 1e6:,.1f} MB"
            _say(f"{size}, text in {found.text_field!r}: {found.sample}…")
            fields[name] = found.text_field
        corpora[name] = path
        languages[name] = _ask(
            "  language (zh, en, other)", found.language if found else "zh", _one_of("zh", "en", "other")
        )
        licenses[name] = _ask(
            "  license (such as CC-BY-4.0; empty: none stated, which blocks a public release)", "", str
        )
    if not corpora:
        _say("None given: public Hub data sets, whose licenses the recipe notes.")
    return replace(answers, corpora=corpora, languages=languages, licenses=licenses, text_fields=fields)


def _free_name(wanted: str, taken: dict[str, str]) -> str:
    names = [wanted, *(f"{wanted}_{number}" for number in range(2, 100))]
    return next(name for name in names if name not in taken)


def _one_of(*choices: str) -> Callable[[str], str]:
    def check(answer: str) -> str:
        if answer not in choices:
            raise UsageError(f"{answer!r} is not one of {', '.join(choices)}")
        return answer

    return check


def _with_budget(answers: Answers) -> Answers:
    from hanhua.pipeline.planning.init_recipe import draft_recipe

    def check(answer: str) -> Answers:
        text = answer.strip().lower()
        hours = re.fullmatch(r"([\d.]+)\s*(?:h|hours?|小时)", text)
        dollars = re.fullmatch(r"\$\s*([\d.]+)|([\d.]+)\s*(?:\$|dollars?|usd|美元)", text)
        if hours:
            given = replace(answers, hours=float(hours[1]))
        elif dollars:
            given = replace(answers, dollars=float(dollars[1] or dollars[2]))
        else:
            given = replace(answers, tokens=whole_number(answer))
        draft_recipe(given)  # says what is wrong with it on this hardware
        return given

    return _ask("Budget: tokens (1e9), hours (24h) or money ($100)", "1e9", check)


def _script() -> str | None:
    choice = _ask(
        "Chinese texts: as they are, simplified, traditional (taiwan) or traditional (hong kong)",
        "as they are",
        _one_of(*SCRIPTS),
    )
    return SCRIPTS[choice]


def _with_extension(answers: Answers) -> Answers:
    from hanhua.pipeline.planning.init_recipe import draft_recipe

    advice = draft_recipe(answers).advice
    for line in advice.why:
        _say(line)

    def check(answer: str) -> int:
        number = 0 if answer.lower() in ("no", "0", "none", "不") else whole_number(answer)
        if number and number < 256:
            raise UsageError("a vocabulary grows by at least 256 tokens; 0 leaves it as it is")
        draft_recipe(replace(answers, new_tokens=number))
        return number

    return replace(answers, new_tokens=_ask("New tokens (0: no extension)", str(advice.new_tokens), check))


def _benchmarks(answers: Answers) -> tuple[str, ...]:
    from hanhua.eval.tasks.definition import load_task, task_names

    def check(answer: str) -> tuple[str, ...]:
        names = tuple(name for name in re.split(r"[\s,，]+", answer) if name and name != "none")
        for name in names:
            load_task(name)
        return names

    _say(f"known: {', '.join(task_names())}")
    default = "ceval cmmlu mmlu" if not answers.corpora else "none"
    return _ask("Benchmarks, read from the Hub and kept out of the training text (none: no benchmark)", default, check)
