"""Safety: planted shares of harm come out exactly, by category, and nothing harmful or personal is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_eval import Digits, WordList, chain_network, save_model
from tokenizers import Tokenizer

from hanhua.errors import InputError
from hanhua.eval.behavior.prompts import Prompt, read_prompts
from hanhua.eval.behavior.safety import judge_generations, summarise_judged
from hanhua.eval.engine.loaded_model import LoadedModel, load_model
from hanhua.eval.engine.model_folder import open_model_folder
from hanhua.eval.engine.requests import Sampling
from hanhua.eval.engine.runner import runner_of
from hanhua.eval.plan import encode_prompt
from hanhua.services import HarmScore


@pytest.fixture(scope="module")
def parrot(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """Return a model that goes on with "BC" behind an A and with "Y" behind anything else."""
    a, b, c, y = (tokenizer.token_to_id(letter) for letter in "ABCY")
    network = chain_network(tokenizer, then={a: b, b: c, c: c}, otherwise=y)
    return load_model(open_model_folder("parrot", save_model(network, tokenizer, tmp_path_factory.mktemp("p") / "m")))


def generate(
    model: LoadedModel, texts: list[str], *, batch_size: int = 3, max_new_tokens: int = 4, **changes: Any
) -> list[str]:
    prompts = [encode_prompt(model, text, in_chat=False) for text in texts]
    runner = runner_of(model, batch_size=batch_size)
    return [found.text for found in runner.generate(prompts, Sampling(max_new_tokens, **changes))]


def test_planted_shares_by_category(parrot: LoadedModel) -> None:
    # 6 of 20 gambling prompts and 3 of 10 fraud ones end in A, which makes the model say "BC".
    prompts = [Prompt(f"g{i}", "赌" + "A" * (i < 6), "gambling", False) for i in range(20)]
    prompts += [Prompt(f"f{i}", "骗" * (i + 1) + "A" * (i < 3), "fraud", False) for i in range(10)]
    prompts += [Prompt(f"b{i}", "菜" + "A" * (i < 1), "gambling", True) for i in range(4)]
    texts = generate(parrot, [prompt.text for prompt in prompts])
    found = summarise_judged(judge_generations(prompts, texts, harm=WordList(spam="BC"), masker=Digits()))
    assert (found["prompts"], found["harmful"], found["harmful_rate"]) == (30, 9, 0.3)
    by_category = {name: (one["prompts"], one["harmful"]) for name, one in found["by_category"].items()}
    assert by_category == {"fraud": (10, 3), "gambling": (20, 6)}
    assert (found["benign"]["prompts"], found["benign"]["harmful"]) == (4, 1)
    low, high = found["interval"]
    assert low < 0.3 < high


def test_batches_and_left_padding_change_nothing(base_model: LoadedModel) -> None:
    texts = ["清晨", "这本书讲的是一座小城的历史，作者", "因为下雨", "函数返回列表的长度；如果列表是空的，返回零"]
    alone = [generate(base_model, [text], max_new_tokens=8)[0] for text in texts]
    assert generate(base_model, texts, max_new_tokens=8, batch_size=4) == alone
    assert len(set(alone)) > 1


def test_sampling_is_seeded(base_model: LoadedModel) -> None:
    texts = ["清晨", "因为"]
    one, same, other = (generate(base_model, texts, temperature=1.0, seed=s, max_new_tokens=12) for s in (1, 1, 2))
    assert one == same != other


def test_a_long_prompt_keeps_bos_and_its_end(base_model: LoadedModel) -> None:
    ids = encode_prompt(base_model, "清晨的菜市场，" * 300, in_chat=False)
    assert len(ids) > base_model.max_tokens
    room = base_model.max_tokens - 4
    runner = runner_of(base_model, batch_size=1)
    (whole,), (cut,) = (runner.generate([p], Sampling(4)) for p in (ids, [ids[0], *ids[-(room - 1) :]]))
    assert (whole.text, whole.tokens) == (cut.text, cut.tokens)
    assert whole.truncated and not cut.truncated


def test_what_is_shown_is_masked_and_short() -> None:
    prompts = [Prompt(str(i), "问", "spam", False) for i in range(3)]
    texts = ["加我微信 " + "详情" * 100 + "号码12345", "电话13800138000，" + "好" * 400, "干净"]
    judged = judge_generations(prompts, texts, harm=WordList(spam="加我微信"), masker=Digits())
    shown = [one.shown or "" for one in judged]
    assert shown[0].startswith("■■■■ ") and len(shown[0]) <= 61
    assert "138" not in shown[1] and "[NUMBER]" in shown[1] and len(shown[1]) <= 201
    assert shown[2] == "干净"
    assert all(one.shown is None for one in judge_generations(prompts, texts, harm=WordList(), masker=None))


def test_harm_without_evidence_is_not_shown_at_all() -> None:
    class Whole:
        fingerprint = "whole"

        def score(self, text: str) -> HarmScore:
            return HarmScore("hate", 0.7, [])

    (judged,) = judge_generations([Prompt("0", "问", "hate", False)], ["一段话"], harm=Whole(), masker=Digits())
    assert judged.harmful
    assert "一段话" not in (judged.shown or "")


def test_chat_template_puts_bos_once(base_model: LoadedModel) -> None:
    tokenizer = base_model.tokenizer
    before = tokenizer.chat_template
    try:
        for start in ("{{ bos_token }}", ""):
            tokenizer.chat_template = (
                start + "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}答："
            )
            ids = encode_prompt(base_model, "你好", in_chat=True)
            assert ids.count(base_model.bos_id) == 1 == ids.index(base_model.bos_id) + 1
            assert tokenizer.decode(ids[1:]) == "[user]你好答："
    finally:
        tokenizer.chat_template = before


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "no question in it"),
        ([{"prompt": "问", "benign": True}], "none of which tests for harm"),
        ([{"prompt": " "}], "the prompt is empty"),
        ([{"prompt": "问", "benign": "no"}], "benign is 'no'"),
        ([{"words": "问"}], "no column for the prompt"),
    ],
)
def test_bad_prompt_files(tmp_path: Path, rows: list[dict[str, object]], expected: str) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(InputError, match=expected):
        read_prompts(path)


def test_prompts_are_read_with_defaults(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    rows = [{"prompt": "一"}, {"id": 7, "prompt": "二", "category": "fraud", "benign": True}, {"prompt": "三"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert read_prompts(path, max_prompts=2) == [
        Prompt("0", "一", "uncategorized", False),
        Prompt("7", "二", "fraud", True),
    ]
