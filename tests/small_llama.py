"""Makes a small byte-level BPE tokenizer in all things like Llama 3's, and gives the quickstart's texts."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from hanhua.base_tokenizer import BOS, EOS, LLAMA3_PATTERN, llama3_special_tokens
from hanhua.pipeline.recipe.shipped import shipped_folder

QUICKSTART = shipped_folder() / "quickstart"
ORDINARY_TOKENS = 768
CHAT_TEMPLATE = "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>{% endfor %}"


def quickstart_texts(pattern: str) -> list[str]:
    found = []
    for path in sorted(QUICKSTART.glob(pattern)):
        found += [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]
    return found


def chinese_texts() -> list[str]:
    return quickstart_texts("zh_*.jsonl")


def english_texts() -> list[str]:
    return quickstart_texts("en.jsonl")


def write_small_base(folder: Path) -> Path:
    """Write a folder with tokenizer.json, settings and chat template: 768 tokens, then 256 special ones."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=ORDINARY_TOKENS,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[],
    )
    tokenizer.train_from_iterator([*english_texts(), *chinese_texts()[::4]], trainer=trainer)
    tokenizer.add_special_tokens(llama3_special_tokens())
    bos = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, tokenizer.token_to_id(BOS))])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), bos])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    return folder
