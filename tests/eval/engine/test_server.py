"""Replies by an OpenAI-compatible server, over HTTP: the same as ours, of the same model, and asked once."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_eval import CHINESE

from hanhua import openai_server
from hanhua.documents import Document
from hanhua.errors import InputError, UsageError
from hanhua.eval.config import EvalConfig
from hanhua.eval.engine import server as server_module
from hanhua.eval.engine.generation import generate_batch
from hanhua.eval.engine.likelihood import best_log_probabilities
from hanhua.eval.engine.loaded_model import LoadedModel
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.engine.requests import Sampling, ScoredInput
from hanhua.eval.engine.runner import open_runner
from hanhua.eval.engine.server import Server
from hanhua.eval.stage import evaluate_models
from hanhua.services import Services

PROMPTS = [text[:cut] for text in CHINESE[:3] for cut in (4, 9)]


class Completions(BaseHTTPRequestHandler):
    """`/v1/models` and `/v1/completions` as vLLM's documentation describes them, for one model."""

    model: LoadedModel
    ids: tuple[str, ...]
    asked: list[dict[str, Any]]
    lock: threading.Lock
    refusals: list[tuple[int, bytes]]
    logprobs = echoes = True

    def do_GET(self) -> None:
        self._answer({"object": "list", "data": [{"id": id_, "object": "model"} for id_ in self.ids]})

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.lock:
            self.asked.append(given)
            if self.refusals:
                status, body = self.refusals.pop()
                return self._send(status, body)
            sampling = Sampling(given["max_tokens"], seed=given.get("seed", 0), stops=tuple(given.get("stop", ())))
            (found,) = generate_batch(self.model, [given["prompt"]], sampling)
            best = best_log_probabilities(self.model, [given["prompt"]])
        choice: dict[str, Any] = {
            "index": 0,
            "text": found.text,
            "finish_reason": "stop" if found.finished else "length",
        }
        if given.get("echo"):
            choice["logprobs"] = self._of_prompt(given["prompt"]) if self.echoes else {"token_logprobs": []}
        elif "logprobs" in given and self.logprobs:
            choice["logprobs"] = {"tokens": ["?"], "token_logprobs": best}
        return self._answer({"choices": [choice], "usage": {"completion_tokens": found.tokens}})

    def _of_prompt(self, ids: list[int]) -> dict[str, Any]:
        """Return what `echo` with `logprobs` does: of each token but the first, and of the likeliest in its place."""
        with torch.no_grad():
            logits = self.model.network(torch.tensor([ids])).logits[0, :, : self.model.tokens]
        log_p = torch.log_softmax(logits.double(), -1)
        own = [None, *(float(log_p[n, token]) for n, token in enumerate(ids[1:]))]
        top = [None, *({"best": float(row.max())} for row in log_p[:-1])]
        return {"token_logprobs": [*own, -0.5], "top_logprobs": [*top, {"?": -0.5}]}

    def _answer(self, data: dict[str, Any]) -> None:
        self._send(200, json.dumps(data).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


Serving = tuple[str, type[Completions]]


@contextmanager
def serving(model: LoadedModel, *ids: str) -> Iterator[Serving]:
    state = {"model": model, "ids": ids or ("base",), "asked": [], "lock": threading.Lock(), "refusals": []}
    handler = type("Handler", (Completions,), state)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}", handler
        finally:
            http.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_server, "PAUSE_SECONDS", 0.01)


def replies(source: ModelFolder, sampling: Sampling, *, server: str | None, cache: Path | None = None) -> list[Any]:
    with open_runner(source, batch_size=4, server=server, cache=cache) as runner:
        prompts = [(runner.reader.bos_id, *ids) for ids in runner.reader.encode(PROMPTS)]
        return runner.generate(prompts, sampling)


def test_replies_are_those_of_the_model_here(base: ModelFolder, base_model: LoadedModel, tmp_path: Path) -> None:
    for sampling in (Sampling(7), Sampling(12, stops=("，", "的"))):
        with serving(base_model) as (url, handler):
            found = replies(base, sampling, server=url, cache=tmp_path)
            assert len(handler.asked) == len(server_module.PROBES) + len(PROMPTS)
            asked = handler.asked[-1]
            assert asked["prompt"][0] == base.bos_id and asked["model"] == "base"
            assert (asked["max_tokens"], asked["temperature"]) == (sampling.max_new_tokens, 0.0)
        assert found == replies(base, sampling, server=None)
    assert len({reply.text for reply in found}) > 3


def test_what_was_answered_is_not_asked_again(base: ModelFolder, base_model: LoadedModel, tmp_path: Path) -> None:
    with serving(base_model) as (url, handler):
        first = replies(base, Sampling(5), server=url, cache=tmp_path)
        asked = len(handler.asked)
        assert replies(base, Sampling(5), server=f"{url}/v1/", cache=tmp_path) == first
        assert len(handler.asked) == asked


def test_another_model_behind_the_address_is_refused(
    base: ModelFolder, make_model: Callable[..., ModelFolder], base_model: LoadedModel, capsys: Any
) -> None:
    other = make_model("other", seed=9)
    with serving(base_model) as (url, handler):
        with pytest.raises(InputError, match=r"serves another model as 'base' than the folder of 'other'"):
            replies(other, Sampling(5), server=url)
        assert len(handler.asked) == len(server_module.PROBES), "no reply was asked for"
        handler.logprobs = False
        replies(base, Sampling(2), server=url)
        assert "not compared with the weights" in capsys.readouterr().err


def test_a_busy_server_is_asked_again_and_a_refusal_is_said(base: ModelFolder, base_model: LoadedModel) -> None:
    with serving(base_model) as (url, handler):
        handler.refusals = [(503, b"busy"), (429, b"slowly"), (500, b"")]
        assert len(replies(base, Sampling(2), server=url)) == len(PROMPTS)
        handler.refusals = [(400, b"maximum context length is 4")]
        with pytest.raises(InputError, match=r"refused \(400 maximum context length is 4"):
            replies(base, Sampling(2), server=url)
        handler.refusals = [(503, b"busy")] * server_module.TRIES
        with pytest.raises(InputError, match=r"no answer \(503 busy"):
            replies(base, Sampling(2), server=url)
        handler.refusals = [(200, b"<html>")]
        with pytest.raises(InputError, match="does not answer in JSON"):
            replies(base, Sampling(2), server=url)
        handler.refusals = [(200, b'{"choices": []}')]
        with pytest.raises(InputError, match="expected one choice with a text"):
            replies(base, Sampling(2), server=url)


def test_which_model_of_a_server(base_model: LoadedModel) -> None:
    for ids, name, expected in ((("a", "base"), "base", "base"), (("/models/x",), "base", "/models/x")):
        with serving(base_model, *ids) as (url, _):
            assert Server(url, name=name).model == expected
    with serving(base_model, "a", "b") as (url, _), pytest.raises(InputError, match="serves a, b; serve one under"):
        Server(url, name="base")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(InputError, match="is the server running"):
        Server(nobody, name="base")
    with pytest.raises(InputError, match="not the address of a server"):
        Server("localhost", name="base")


def test_an_evaluation_by_servers(
    base: ModelFolder, make_model: Callable[..., ModelFolder], base_model: LoadedModel, tmp_path: Path
) -> None:
    (tmp_path / "prompts.jsonl").write_text("".join(f'{{"prompt": "{text[:9]}"}}\n' for text in CHINESE), "utf-8")
    behavior = {"prompts": str(tmp_path / "prompts.jsonl"), "max_new_tokens": 5}
    config = EvalConfig.model_validate({"language_modeling": None, "behavior": behavior, "threads": 1})
    found = {}
    documents: list[Document] = []
    for name in ("here", "served"):
        (tmp_path / name).mkdir()
        with serving(base_model) as (url, _):
            servers = {"base": url} if name == "served" else None
            evaluate_models(config, [base], documents, tmp_path / name, services=Services(), servers=servers)
        found[name] = json.loads((tmp_path / name / "scores.json").read_text(encoding="utf-8"))
    assert found["served"].pop("replies_by") == "server"
    assert found["served"] == found["here"]
    after = make_model("after", seed=2)
    for servers, expected in (
        ({"base": "x"}, "no server is given for 'after'"),
        ({"bas": "x"}, "which is not one of the models"),
    ):
        with pytest.raises(UsageError, match=expected):
            evaluate_models(config, [base, after], documents, tmp_path, services=Services(), servers=servers)


def likelihoods(source: ModelFolder, items: list[ScoredInput], *, server: str | None) -> list[Any]:
    with open_runner(source, batch_size=4, server=server, score_with_server=server is not None) as runner:
        return [[(one.total, one.is_greedy) for one in row] for row in runner.score(items)]


def test_likelihoods_are_those_of_the_model_here(base: ModelFolder, base_model: LoadedModel) -> None:
    items = []
    for ids in base_model.encode(CHINESE[:4]):
        items.append(ScoredInput((base.bos_id, *ids), tuple((token,) for token in (40, 50, 60))))
        items.append(ScoredInput((base.bos_id, *ids[:-1]), (tuple(ids[-3:]),)))
    with serving(base_model) as (url, handler):
        found = likelihoods(base, items, server=url)
        assert all(asked["echo"] for asked in handler.asked[len(server_module.PROBES) :])
        for ours, theirs in zip(found, likelihoods(base, items, server=None), strict=True):
            assert [greedy for _, greedy in ours] == [greedy for _, greedy in theirs]
            assert [total for total, _ in ours] == pytest.approx([total for total, _ in theirs], abs=1e-4)
        handler.echoes = False
        with pytest.raises(InputError, match="gives no log-probabilities of prompts"):
            likelihoods(base, items, server=url)
