"""A thousand written answers: batches that are refilled as replies end, against batches that run to their longest.

    python benchmarks/generation_speed.py

Both write the same prompts in one process, in turn, a part at a time; counted is processor time. The model is random,
in float32, with a small vocabulary learned from the quickstart's texts. One in `--ends` of its tokens ends a reply, so
that replies are of all lengths up to `--tokens`. Ends with 1 when a text differs, or the refilled batches take more
than half the processor time.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from measurement import add_json_option, markdown_head, markdown_row, write_measurement
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from hanhua.base_tokenizer import BOS, EOS
from hanhua.eval.engine.generation import generate_batch, generate_group
from hanhua.eval.engine.loaded_model import LoadedModel, load_model
from hanhua.eval.engine.model_folder import open_model_folder
from hanhua.eval.engine.requests import Generated, Sampling
from hanhua.eval.engine.runner import GROUP_BATCHES

PARTS = 4
Prompts = list[tuple[int, ...]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--tokens", type=int, default=256, help="longest answer")
    parser.add_argument("--ends", type=int, default=100, help="one of so many tokens ends a reply")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--stops", nargs="*", default=["Question:"])
    add_json_option(parser)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sampling = Sampling(options.tokens, stops=tuple(options.stops))
    with tempfile.TemporaryDirectory() as folder:
        model = make_model(Path(folder) / "model", hidden=options.hidden, ends=options.ends)
        prompts = make_prompts(model, options.answers)
        seconds, found = {"padded": 0.0, "refilled": 0.0}, {"padded": [], "refilled": []}  # type: ignore[var-annotated]
        ways: dict[str, Callable[[Prompts], list[Generated]]] = {
            "padded": lambda some: padded(model, some, sampling, options.batch),
            "refilled": lambda some: refilled(model, some, sampling, options.batch),
        }
        for part in range(PARTS):
            # In turn, so that whatever else the machine does slows both alike; the first of each part changes.
            for name in sorted(ways, reverse=bool(part % 2)):
                began = time.process_time()
                found[name] += ways[name](prompts[part::PARTS])
                seconds[name] += time.process_time() - began
    same = sum(one.text == other.text for one, other in zip(found["padded"], found["refilled"], strict=True))
    lengths = [one.tokens for one in found["refilled"]]
    ratio = seconds["padded"] / seconds["refilled"]
    results = {
        "answers": len(lengths), "same_texts": same, "mean_tokens": sum(lengths) / len(lengths),
        "cut_at_the_longest": sum(length >= options.tokens for length in lengths), "processor_seconds": seconds,
        "times_less": ratio,
    }  # fmt: skip
    print(markdown_head("batches", "processor seconds", "answers a second"))
    for name, spent in seconds.items():
        print(markdown_row(name, f"{spent:.1f}", f"{len(lengths) / spent:.2f}"))
    print(f"{same} of {len(lengths)} texts are the same; {ratio:.2f} times less processor time", flush=True)
    write_measurement(__file__, options, results)
    return 0 if same == len(lengths) and ratio >= 2 else 1


def padded(model: LoadedModel, prompts: Prompts, sampling: Sampling, size: int) -> list[Generated]:
    """Write as before: batches of like length by transformers' own loop, each until its longest reply ends."""
    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
    found: dict[int, Generated] = {}
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        texts = generate_batch(model, [prompts[i] for i in batch], sampling)
        found |= dict(zip(batch, texts, strict=True))
    return [found[i] for i in range(len(prompts))]


def refilled(model: LoadedModel, prompts: Prompts, sampling: Sampling, size: int) -> list[Generated]:
    """Write as the engine does: the longest prompts first, rows refilled as replies end."""
    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
    found: dict[int, Generated] = {}
    group = size * GROUP_BATCHES
    for start in range(0, len(order), group):
        some = order[start : start + group]
        texts = generate_group(model, [prompts[i] for i in some], sampling, list(some), size)
        found |= dict(zip(some, texts, strict=True))
    return [found[i] for i in range(len(prompts))]


def make_model(folder: Path, *, hidden: int, ends: int) -> LoadedModel:
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    rows, draw = tokenizer.get_vocab_size(), random.Random(0)
    bos, eos = (tokenizer.token_to_id(token) for token in (BOS, EOS))
    config = LlamaConfig(
        vocab_size=rows, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, rope_theta=5e5, initializer_range=0.2, bos_token_id=bos,
        eos_token_id=eos,
    )  # fmt: skip
    network = LlamaForCausalLM(config)
    ended = [eos, *sorted(draw.sample(range(rows - 2), rows // ends))]
    network.generation_config = GenerationConfig(bos_token_id=bos, eos_token_id=ended)
    network.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BOS, "eos_token": EOS}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return load_model(open_model_folder("random", folder))


def make_tokenizer() -> Tokenizer:
    """Return a byte-level tokenizer of some 4,000 tokens, learned from the quickstart's texts."""
    texts = [
        json.loads(line)["text"]
        for path in sorted((Path(__file__).parents[1] / "recipes" / "quickstart").glob("zh_*.jsonl"))
        for line in path.read_text(encoding="utf-8").split("\n")
        if line
    ]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=4000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([BOS, EOS])
    return tokenizer


def make_prompts(model: LoadedModel, count: int) -> Prompts:
    """Return prompts of 10 to 60 tokens drawn from the vocabulary, BOS in front."""
    draw = random.Random(1)
    ids = range(model.tokens - 2)
    return [(model.bos_id, *(draw.choice(ids) for _ in range(draw.randint(10, 60)))) for _ in range(count)]


if __name__ == "__main__":
    sys.exit(main())
