"""Runs models over the material, one part at a time; finished parts are kept and never run twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import write_json
from hanhua.eval.behavior.guard import judge_by_guard
from hanhua.eval.config import EvalConfig
from hanhua.eval.engine.loaded_model import execution
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.engine.requests import OnDone
from hanhua.eval.engine.runner import Runner, open_runner
from hanhua.eval.material import Material
from hanhua.eval.parts import Parts, sha256_of_texts
from hanhua.eval.plan import Measured, plan_parts
from hanhua.progress import Progress, say


class Measuring:
    """Where an evaluation's parts and answers are kept, and how its models run."""

    def __init__(
        self,
        config: EvalConfig,
        out: Path,
        *,
        cache: Path | None,
        servers: Mapping[str, str] | None = None,
        score_with_server: bool = False,
    ) -> None:
        self._score_with_server = score_with_server
        self._config, self._out, self._servers = config, out, servers or {}
        self._parts = Parts(out / "work" / "parts")
        self._decoding: dict[str, dict[str, float]] = {}
        self._options: dict[str, Any] = {
            "dtype": config.dtype,
            "batch_size": config.batch_size,
            "cache": cache or out / "work" / "responses",
            "processes": config.processes,
            "threads": config.threads,
        }

    def measure_models(self, models: Sequence[ModelFolder], material: Material) -> dict[str, Measured]:
        """Return every model's measurements by name; models are loaded one at a time, and only if needed."""
        measured = {}
        with execution(self._config.threads):
            for model in models:
                measured[model.name] = Measured()
                plan = list(plan_parts(self._config, model, material))
                server = self._servers.get(model.name)
                there = server is not None and self._score_with_server
                with open_runner(model, **self._options, server=server, score_with_server=there) as runner:
                    for number, part in enumerate(plan, 1):
                        title = f"eval {model.name} ({number}/{len(plan)}) {part.name}"
                        data = self._run(model, runner, title, part.unit, part.key, part.run)
                        part.keep(measured[model.name], data)
                    self._note_speed(model.name, runner)
        return measured

    def judge_by_guard(
        self, guard: ModelFolder, unsafe: str, prompts: Sequence[str], replies: Mapping[str, Sequence[str]]
    ) -> dict[str, list[bool]]:
        """Return the guard's verdicts on every model's replies."""
        found = {}
        with execution(self._config.threads), open_runner(guard, **self._options) as runner:
            for name, texts in replies.items():
                key = {
                    "measure": "guard",
                    "unsafe": unsafe,
                    "texts": sha256_of_texts([*prompts, *texts]),
                }

                def judge(runner: Runner, on_done: OnDone, texts: Sequence[str] = texts) -> list[bool]:
                    return judge_by_guard(runner, prompts, texts, unsafe=unsafe, on_done=on_done)

                found[name] = self._run(guard, runner, f"eval guard on {name}'s replies", "replies", key, judge)
        return found

    def _run(
        self,
        model: ModelFolder,
        runner: Runner,
        title: str,
        unit: str,
        key: Mapping[str, Any],
        run: Callable[[Runner, OnDone], Any],
    ) -> Any:
        """Return a part's result: the one kept under its key, or that of running it now, with progress."""
        config = self._config
        whole = {"model": model.content_hash, "dtype": config.dtype, "batch_size": config.batch_size, **key}
        whole |= {"served": True} if model.name in self._servers else {}
        whole |= {"scored": "served"} if model.name in self._servers and self._score_with_server else {}
        data, began = self._parts.get(whole), time.monotonic()
        cached = data is not None
        if cached:
            say(f"{title}: kept from an earlier run")
        else:
            with Progress(title, total=None, unit=unit) as bar:
                data = run(runner, _advancing(bar))
            self._parts.put(whole, data)
        self._log(model=model.name, part=title, seconds=round(time.monotonic() - began, 3), cached=cached)
        return data

    def _note_speed(self, model: str, runner: Runner) -> None:
        """Note in the logs how fast a model wrote here; a time is no part of an artifact."""
        if runner.writing_seconds > 0:
            self._decoding[model] = {
                "tokens_per_second": round(runner.written_tokens / runner.writing_seconds, 2),
                "characters_per_second": round(runner.written_characters / runner.writing_seconds, 2),
                "batch_size": self._config.batch_size,
            }
            write_json(self._out / "logs" / "decoding.json", self._decoding)

    def _log(self, **row: Any) -> None:
        logs = self._out / "logs"
        logs.mkdir(exist_ok=True)
        with (logs / "eval.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _advancing(bar: Progress) -> OnDone:
    def advance(amount: int, total: int) -> None:
        bar.total = total
        bar.advance(amount)

    return advance
