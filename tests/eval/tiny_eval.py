"""Tiny real models and tokenizers: byte-level BPE with Llama 3's pattern, Llama networks of two layers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM

from hanhua.base_tokenizer import BOS, EOS, LLAMA3_PATTERN
from hanhua.bits import bytes_to_token
from hanhua.services import HarmScore

CHINESE = [
    "清晨的菜市场已经热闹起来，卖豆腐的老人推着车慢慢走过石桥，吆喝声在巷子里回荡。",
    "这本书讲的是一座小城的历史，作者花了十年时间走访当地的老人，记下了许多故事。",
    "因为下雨，运动会改到下周举行，同学们只好在教室里继续上课，等待天气转晴。",
    "函数返回列表的长度；如果列表是空的，返回零，调用者不必先检查它是否存在。",
    "山里的秋天来得早，九月一过，枫叶就红了半边天，游客一批接着一批地上山。",
    "医生说多喝水、少熬夜，比什么补品都管用，可是年轻人总是记不住这句话。",
]
ENGLISH = [
    "The ferry leaves at seven, and the last seats are sold before the sun is over the hill.",
    "Write the failing test first; it proves that you have understood the report.",
    "She counted the apples twice, wrote the number down, and closed the book.",
]
NEW_WORDS = ["时间", "老人", "因为", "年轻人", "列表", "运动会"]


def train_tokenizer() -> Tokenizer:
    """Return a small byte-level BPE tokenizer that puts BOS first, as Llama 3's does."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pattern=Regex(LLAMA3_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[],
        show_progress=False,
    )
    tokenizer.train_from_iterator([*CHINESE, *ENGLISH, "A. B. C. D. 题目：答案："], trainer)
    tokenizer.add_special_tokens([BOS, EOS])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS}:1 $B:1", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return tokenizer


def extend_tokenizer(tokenizer: Tokenizer) -> Tokenizer:
    """Return the tokenizer with merges appended that make each of NEW_WORDS one token; old ids stay."""
    data = json.loads(tokenizer.to_str())
    next_id = tokenizer.get_vocab_size(with_added_tokens=True)
    # Special tokens keep their ids only if the vocabulary below the new ones has them.
    data["model"]["vocab"] |= {token["content"]: token["id"] for token in data["added_tokens"]}
    for word in NEW_WORDS:
        pieces = tokenizer.encode(word, add_special_tokens=False).tokens
        while len(pieces) > 1:
            merged = pieces[0] + pieces[1]
            if merged not in data["model"]["vocab"]:
                data["model"]["vocab"][merged] = next_id
                data["model"]["merges"].append([pieces[0], pieces[1]])
                next_id += 1
            pieces = [merged, *pieces[2:]]
        assert pieces == [bytes_to_token(word.encode())]
    return Tokenizer.from_str(json.dumps(data))


def save_model(network: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> Path:
    network.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BOS, "eos_token": EOS}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def random_network(rows: int, *, seed: int, eos: int, bos: int) -> LlamaForCausalLM:
    """Return a random Llama whose answers differ from question to question (a default one repeats a letter)."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=rows,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        rope_theta=500000.0,
        initializer_range=0.2,
        bos_token_id=bos,
        eos_token_id=eos,
    )
    return LlamaForCausalLM(config).eval()


def chain_network(tokenizer: Tokenizer, *, then: dict[int, int], otherwise: int) -> LlamaForCausalLM:
    """Return a Llama whose next token depends on the last one alone: `then[last]`, or `otherwise`."""
    rows = tokenizer.get_vocab_size(with_added_tokens=True)
    width = -(-rows // 8) * 8
    config = LlamaConfig(
        vocab_size=rows,
        hidden_size=width,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.token_to_id(BOS),
        eos_token_id=tokenizer.token_to_id(EOS),
    )
    network = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            weight.fill_(1.0 if "norm" in name else 0.0)
        network.get_input_embeddings().weight.copy_(torch.eye(rows, width))
        head = network.get_output_embeddings().weight
        for last in range(rows):
            head[then.get(last, otherwise), last] = 1.0
    return network


def uniform_network(rows: int, *, bos: int, eos: int) -> LlamaForCausalLM:
    """Return a Llama to which every token is equally probable."""
    network = random_network(rows, seed=0, bos=bos, eos=eos)
    with torch.no_grad():
        network.get_output_embeddings().weight.zero_()
    return network


def train_briefly(network: LlamaForCausalLM, tokenizer: Tokenizer, texts: list[str], *, steps: int = 120) -> None:
    """Let a network learn a few texts by heart."""
    bos = tokenizer.token_to_id(BOS)
    rows = [torch.tensor([[bos, *tokenizer.encode(text, add_special_tokens=False).ids]]) for text in texts]
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    network.train()
    for step in range(steps):
        ids = rows[step % len(rows)]
        network(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    network.eval()


def resize_by_means(network: LlamaForCausalLM, tokenizer: Tokenizer, extended: Tokenizer) -> LlamaForCausalLM:
    """Return a copy whose new rows are the means of their pieces' rows, as resizing makes them before any training."""
    rows = extended.get_vocab_size(with_added_tokens=True)
    resized = random_network(rows, seed=0, bos=tokenizer.token_to_id(BOS), eos=tokenizer.token_to_id(EOS))
    state = network.state_dict()
    old = len(state["model.embed_tokens.weight"])
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        pieces = [tokenizer.encode(extended.decode([i]), add_special_tokens=False).ids or [0] for i in range(old, rows)]
        means = torch.stack([state[name][ids].mean(0) for ids in pieces])
        state[name] = torch.cat([state[name], means])
    resized.load_state_dict(state)
    return resized.eval()


class WordList:
    """A harm scorer of its own: a text with one of the words is harmful, of the word's category."""

    fingerprint = "word list 1"

    def __init__(self, **words: str) -> None:
        self._words = words

    def score(self, text: str) -> HarmScore:
        for category, word in self._words.items():
            if (start := text.find(word)) >= 0:
                return HarmScore(category, 0.9, [(start, start + len(word))])
        return HarmScore(None, 0.0)


class Digits:
    """A masker of its own: runs of digits are personal data."""

    fingerprint = "digits 1"

    def mask(self, text: str) -> str:
        return re.sub(r"\d+", "[NUMBER]", text)
