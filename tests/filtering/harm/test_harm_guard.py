"""The guard layer, with a small chat model made here that has learned to answer one word with `unsafe`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanhua.errors import InputError
from hanhua.filtering.config import GuardConfig, HarmConfig
from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.harm.guard import HARMFUL_SCORE, HARMLESS_SCORE, Guard, build_guard
from hanhua.services import HarmScore

torch = pytest.importorskip("torch")

WORDS = ["<pad>", "<bos>", "<eos>", "<user>", "<guard>", "<unk>", "safe", "unsafe", "S11", "毒", "花", "水", "山"]
TEMPLATE = "{{ '<bos>' }}{% for m in messages %}{{ ' <user> ' + m['content'] }}{% endfor %}{{ ' <guard>' }}"
UNSURE = HarmScore("gambling", 0.45, [(0, 1)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    out = tmp_path_factory.mktemp("guard")
    plain = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>"
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    special = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(WORDS), **shape, **special))
    rows = [[1, 3, word, 4, *([7, 8, 2] if word == WORDS.index("毒") else [6, 2, 2])] for word in range(9, len(WORDS))]
    batch = torch.tensor(rows)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        model(input_ids=batch, labels=batch).loss.backward()
        optimizer.step()
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


@pytest.fixture(scope="module")
def guard(folder: Path) -> Guard:
    return build_guard(GuardConfig(model=str(folder)))


def test_answers_through_the_chat_template(guard: Guard) -> None:
    assert guard.answer("毒").split() == ["unsafe", "S11"]
    assert guard.answer("花").split() == ["safe"]


def test_its_word_stands(guard: Guard) -> None:
    assert guard.judge("毒", UNSURE) == HarmScore("self_harm", HARMFUL_SCORE, [(0, 1)])
    assert guard.judge("花", UNSURE) == HarmScore("gambling", HARMLESS_SCORE, [(0, 1)])


@pytest.mark.parametrize(
    ("answer", "category", "harmful"),
    [
        ("Safety: Unsafe\nCategories: Violent", "violence", True),
        ("Safety: Unsafe\nCategories: Sexual Content or Sexual Acts", "pornography", True),
        ("Safety: Controversial\nCategories: Non-violent Illegal Acts", "gambling", True),
        ("Safety: Safe\nCategories: None", "gambling", False),
        ("\n\nunsafe\nS1", "violence", True),
        ("unsafe\nS2", "gambling", True),
        ("unsafe\nS10,S11", "hate", True),
        # Political speech is not a category, nor are copyright and elections.
        ("Safety: Unsafe\nCategories: Politically Sensitive Topics", "gambling", False),
        ("unsafe\nS13", "gambling", False),
        ("unsafe\nS8,S12", "pornography", True),
        ("safe", "gambling", False),
    ],
)
def test_reads_the_answers_of_known_guards(guard: Guard, answer: str, category: str, harmful: bool) -> None:
    found = guard.read(answer, UNSURE)
    assert (found.category, found.score >= 0.5) == (category, harmful)


def test_is_asked_only_about_what_is_unsure(folder: Path) -> None:
    asked = GuardConfig(model=str(folder), min_score=0.0, max_score=0.4)
    scorer, plain = build_harm_scorer(HarmConfig(guard=asked)), build_harm_scorer()
    spam = "信誉菠菜平台首充送，加➕薇信abc123领彩金，百家乐老虎机"
    assert scorer.score(spam) == plain.score(spam)
    assert scorer.score("毒").category == "self_harm"
    assert scorer.fingerprint != plain.fingerprint


def test_what_is_no_guard_is_named(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        build_guard(GuardConfig(model=str(tmp_path / "absent")))
    with pytest.raises(InputError, match="no causal language model"):
        build_guard(GuardConfig(model=str(tmp_path)))
    with pytest.raises(InputError, match="not a regular expression"):
        build_guard(GuardConfig(model=str(folder), unsafe="(unsafe"))


def test_a_model_without_chat_template_is_refused(tmp_path: Path, folder: Path) -> None:
    for file in folder.iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="no chat template"):
        build_guard(GuardConfig(model=str(tmp_path)))
