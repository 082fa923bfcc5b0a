"""A model as the judge, over real HTTP: what its answers mean; nothing is asked twice, and failures are told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from labeled_texts import answer, begun
from local_http import VerbHandler, served

from hanhua import openai_server
from hanhua.errors import InputError
from hanhua.filtering.labeling.model_judge import Ledger, open_judge
from hanhua.filtering.labeling.verdicts import PROMPT, prompt_for, read_answer


class Chat(VerbHandler):
    """`/v1/models` and `/v1/chat/completions` of OpenAI's interface, for one model that knows the answer."""

    asked: list[str]
    refusals: list[int]
    lock: threading.Lock

    def answer(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if method == "GET":
            return self.reply(200, {"data": [{"id": "tiny-chat"}]})
        given = json.loads(body)
        with self.lock:
            if self.refusals:
                return self.reply(self.refusals.pop(), {"error": "busy"})
            (message,) = given["messages"]
            self.asked.append(message["content"])
        said = "<think>像 keep 又像 junk？</think>\n" + answer(message["content"].rpartition("<<<")[2])
        return self.reply(200, {"choices": [{"message": {"content": said}}]})

    def reply(self, status: int, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def chat_server(refusals: list[int] | None = None) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    kind = type("Handler", (Chat,), {"asked": asked, "refusals": refusals or [], "lock": threading.Lock()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    with served(server):
        yield f"http://127.0.0.1:{server.server_address[1]}", asked


def opened(url: str, **given: Any) -> Any:
    return open_judge(url, **{"served_name": None, "manner": None, "prompt_file": None, "device": "cpu", **given})


def test_a_round_is_judged_and_no_prompt_is_paid_for_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_server, "PAUSE_SECONDS", 0.01)
    session = begun(tmp_path / "labels", judge="model:tiny-chat", per_round=20)
    session.draw()
    drawn = session.waiting
    with chat_server(refusals=[503, 429]) as (url, asked):
        judge = opened(url)
        assert judge.name == "tiny-chat"
        judge.judge_round(session)
        assert len(asked) == len(drawn) == 20
        assert session.labels.by("model:tiny-chat") == {one.key: answer(one.text) for one in drawn}
        # The label of an answer was lost: the answer is found in the ledger.
        session.labels.undo(drawn[3].key, judge="model:tiny-chat")
        opened(url).judge_round(session)
        assert len(asked) == 20
        assert not session.waiting
    ledger = Ledger(tmp_path / "labels" / "ledger.jsonl")
    assert ledger.find("tiny-chat", prompt_for(drawn[0].text, "chat")) is not None
    assert ledger.find("other", prompt_for(drawn[0].text, "chat")) is None


def test_failures_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_server, "PAUSE_SECONDS", 0.01)
    session = begun(tmp_path / "labels", judge="model:tiny-chat", per_round=20)
    session.draw()
    with chat_server(refusals=[401] * 20) as (url, _):
        with pytest.raises(InputError, match="refused"):
            opened(url).judge_round(session)
        prompt = tmp_path / "prompt.txt"
        prompt.write_text("是垃圾吗？", encoding="utf-8")
        with pytest.raises(InputError, match=r"\{text\}"):
            opened(url, prompt_file=prompt)
    with pytest.raises(InputError, match="is the server running"):
        opened(url)


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("Safety: Safe\nCategories: None", "harmless"),
        ("Safety: Unsafe\nCategories: Sexual Content or Sexual Acts", "pornography"),
        ("Safety: Unsafe\nCategories: Non-violent Illegal Acts", "fraud"),
        ("Safety: Unsafe\nCategories: Violent", "violence"),
        ("Safety: Unsafe\nCategories: Suicide & Self-Harm", "self_harm"),
        ("Safety: Unsafe\nCategories: Politically Sensitive Topics", "harmless"),
        ("Safety: Controversial\nCategories: Unethical Acts", "unsure"),
        ("\n\nsafe", "harmless"),
        ("\n\nunsafe\nS9", "illegal_goods"),
        ("unsafe\nS5", "harmless"),
        ("unsafe", "unsure"),
        ("好的", "unsure"),
    ],
)
def test_what_guards_say(said: str, label: str) -> None:
    assert read_answer(said, "guard") == label


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("keep", "keep"),
        ("标签：junk。", "junk"),
        ("**Illegal_Goods**", "illegal_goods"),
        ("self-harm", "self_harm"),
        ("keep 或 junk", "unsure"),
        ("<think>junk", "unsure"),
        ("keeper", "unsure"),
        ("", "unsure"),
    ],
)
def test_what_chat_models_say(said: str, label: str) -> None:
    assert read_answer(said, "chat") == label


def test_a_prompt_holds_the_labels_and_the_text_as_it_is() -> None:
    prompt = prompt_for("文字里有 {labels} 和 {text}", "chat")
    assert "文字里有 {labels} 和 {text}" in prompt
    assert "- black_market：" in prompt
    assert PROMPT.count("{text}") == 1
    assert prompt_for("短文", "guard") == "短文"
    assert len(prompt_for("长" * 9000, "guard")) < 2100
