"""Which teacher the settings name, where its address and key come from, and what vLLM in this process is given."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from loopback_teacher import Teacher, served_teacher
from note_form import make_texts, note, settings, write_forms

from hanhua.config_fields import key_config, published
from hanhua.errors import UsageError
from hanhua.services import Services
from hanhua.synthesis.request import Request
from hanhua.synthesis.settings import TeacherSettings
from hanhua.synthesis.stage import make_job, synthesize_corpus
from hanhua.synthesis.teachers.in_process import prompt_ids, sampling_of
from hanhua.synthesis.teachers.opening import open_teacher

INSIDE = "http://gpu7.inside.example:8000/v1"


def test_the_address_may_come_from_the_environment_and_is_never_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, forms = make_texts(tmp_path / "corpus", count=4), write_forms(tmp_path / "forms")
    config = settings(INSIDE, forms, compared_teacher=TeacherSettings(model="other", base_url=INSIDE))
    assert "inside" not in str(published(config, config.model_dump()))
    moved = settings(INSIDE, forms, teacher={"base_url_env": "TEACHER_ADDRESS"})
    assert key_config(moved) == key_config(settings("http://a/v1", forms))
    (tmp_path / "out").mkdir()
    parts: dict[str, Any] = {"ledger": tmp_path / "ledger", "services": Services()}
    with pytest.raises(UsageError, match="TEACHER_ADDRESS is not set, which is to hold the address of loopback"):
        synthesize_corpus(moved, corpus, tmp_path / "out", **parts)
    with served_teacher(Teacher(write=note)) as url:
        monkeypatch.setenv("TEACHER_ADDRESS", url)
        facts = synthesize_corpus(moved, corpus, tmp_path / "out", **parts)
    assert facts["forms"]["note"]["accepted"]


def a_request(folder: Path, extra_body: dict[str, Any]) -> Request:
    corpus, forms = make_texts(folder / "corpus", count=4), write_forms(folder / "forms")
    config = settings("http://a/v1", forms, teacher={"extra_body": extra_body})
    return next(make_job(config, corpus, Services()).requests())


def test_vllm_is_given_the_parameters_of_the_request_and_nothing_it_does_not_know(tmp_path: Path) -> None:
    extra = {"top_k": 20, "chat_template_kwargs": {"enable_thinking": False}}
    request = a_request(tmp_path, extra)
    given = sampling_of(request.body)
    assert given == {"max_tokens": 400, "seed": 0, "temperature": 0.7, "top_k": 20, "top_p": 0.95}
    with pytest.raises(UsageError, match="does not know cache_prompt"):
        sampling_of({**request.body, "cache_prompt": True})


def test_the_engine_is_no_part_of_what_is_asked(tmp_path: Path) -> None:
    served, inside = (
        settings(INSIDE, tmp_path),
        settings(INSIDE, tmp_path, teacher={"engine": "vllm", "vllm": {"x": 1}}),
    )
    write_forms(tmp_path)
    assert key_config(served) == key_config(inside)


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed here")
def test_without_vllm_it_says_what_to_install() -> None:
    with pytest.raises(UsageError, match=r"package vllm is not installed.*engine: endpoint"):
        open_teacher(TeacherSettings(model="m", engine="vllm"), connections=1, deadline_seconds=1)


def test_a_prompt_begins_once(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    request = a_request(tmp_path, {"chat_template_kwargs": {"mark": "!"}})
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    inner = tokenizers.Tokenizer(tokenizers.models.BPE({mark: at for at, mark in enumerate(alphabet)}, []))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.add_special_tokens(["<s>"])
    inner.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", inner.token_to_id("<s>"))]
    )
    inner.decoder = tokenizers.decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>")
    tokenizer.chat_template = "{{ bos_token }}{% for one in messages %}{{ one.content }}{{ mark }}{% endfor %}>"
    ids = prompt_ids(tokenizer, request.body)
    assert ids.count(tokenizer.bos_token_id) == 1 and ids[0] == tokenizer.bos_token_id
    said = "".join(one["content"] + "!" for one in request.body["messages"])
    assert tokenizer.decode(ids, skip_special_tokens=True) == said + ">"
