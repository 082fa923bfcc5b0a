"""Which way to begin the rows of new tokens trains best, on a small model that has learned Chinese and English.

    python benchmarks/probe_methods.py --data DIR --zh 'zh_hans_laws*' --en 'en_twlaw*' --work DIR

Trainable a byte-level BPE tokenizer of the Llama 3 kind and a small Llama on it, learns new tokens from the Chinese
files, then probes: the named methods, and `calibrated` for one matrix at a time. What is in --work is used again.
Texts of one kind, so that so small a model learns more of them than how often each token comes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from measurement import add_json_option, write_measurement
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM

from hanhua.artifacts.manifest import Artifact, content_hash, hash_files, write_manifest
from hanhua.base_tokenizer import BOS, EOS, LLAMA3_PATTERN, llama3_special_tokens
from hanhua.cli.printing import print_table
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.section_settings import LoraSettings
from hanhua.continued_pretrain.stage import pretrain_folder
from hanhua.documents import Document
from hanhua.documents.corpus import write_corpus
from hanhua.experiments.probe import ProbeConfig, probe
from hanhua.experiments.probe_ranking import verdict
from hanhua.vocab_extension.texts import TextFiles, sources_of

METHODS = ("mean", "calibrated", "calibrated+mean", "mean+calibrated", "gaussian", "random")
VOCABULARY, HIDDEN, LAYERS = 4096, 128, 4
SEQUENCE, SEQUENCES = 256, 8
DOCUMENT_CHARACTERS = 4000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of text files")
    parser.add_argument("--zh", default="zh_hans_laws.jsonl.zst", help="glob of the Chinese files")
    parser.add_argument("--en", default="en_twlaw.jsonl.zst", help="glob of the English files")
    parser.add_argument("--work", type=Path, required=True, help="folder for models and results")
    parser.add_argument("--pretrain-tokens", type=int, default=2_000_000)
    parser.add_argument("--new-tokens", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows-learning-rate", type=float, default=1e-3)
    parser.add_argument("--init", default=",".join(METHODS), help="methods to probe")
    parser.add_argument("--threads", type=int, default=1)
    add_json_option(parser)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    texts = given.work / "texts"
    if not texts.is_dir():
        write_texts(given, texts)
    if not (given.work / "base" / "model").is_dir():
        write_base(given, texts)
    if not (given.work / "extension").is_dir():
        learn(given, texts)
    training = settings(given, lora=LoraSettings(rank=16))
    config = ProbeConfig(
        tuple(given.init.split(",")), given.steps, given.seeds, training, max_heldout=80, max_characters=1000
    )
    began = time.perf_counter()
    probed = probe(
        config,
        model=given.work / "base" / "model",
        tokenizer=given.work / "extension",
        sources=[str(texts / "new.jsonl")],
        work=given.work / "probe",
    )
    seconds = time.perf_counter() - began
    rows = [
        (s.method, f"{s.before:.4f}", f"{s.after:.4f}", f"{s.difference:+.4f}", bounds(s.interval))
        for s in probed.standings
    ]
    print_table(("method", "before", "after", "to the best", "95% interval"), rows)
    print("\n".join(verdict(probed.standings)))
    print(
        f"base, own tokenizer: {probed.base_bits_per_byte:.4f}; {probed.heldout_documents} held-out documents, "
        f"{probed.seeds} seeds, {probed.steps} steps, {probed.tokens_per_run:,} tokens a run; {seconds:,.0f} s"
    )
    counts = {"heldout_documents": probed.heldout_documents, "tokens_per_run": probed.tokens_per_run}
    standings = [asdict(standing) for standing in probed.standings]
    bits = {"base_bits_per_byte": probed.base_bits_per_byte, "standings": standings}
    write_measurement(__file__, given, {**counts, **bits, "seconds": seconds})


def bounds(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:+.4f} to {interval[1]:+.4f}"


def settings(given: argparse.Namespace, *, lora: LoraSettings | None) -> ContinuedPretrainConfig:
    return ContinuedPretrainConfig(
        sequence_length=SEQUENCE,
        micro_batch_size=SEQUENCES,
        gradient_accumulation_steps=1,
        learning_rate=4e-3 if lora is None else 1e-3,
        embedding_learning_rate=given.embedding_learning_rate,
        lora=lora,
        threads=given.threads,
        precision="fp32",
    )


def write_texts(given: argparse.Namespace, texts: Path) -> None:
    """Take documents from every file in turn, so that no file drowns the others."""
    aside = texts.with_name("texts.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    chinese = in_turn(sources_of([given.data / given.zh]))
    english = in_turn(sources_of([given.data / given.en]))
    # About four bytes a token. What the base has read is never learned from, nor probed on.
    size = given.pretrain_tokens * 2
    for name, texts_in_turn, limit in (("zh", chinese, size), ("en", english, size), ("new", chinese, 2 * size)):
        with (aside / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for text in texts_in_turn:
                file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
                limit -= len(text.encode())
                if limit <= 0:
                    break
    aside.rename(texts)


def in_turn(sources: tuple[str, ...]) -> Iterator[str]:
    readers = [iter(TextFiles((source,))) for source in sources]
    while readers:
        for reader in list(readers):
            text = next(reader, None)
            if text is None:
                readers.remove(reader)
            else:
                yield text[:DOCUMENT_CHARACTERS]


def write_base(given: argparse.Namespace, texts: Path) -> None:
    start = given.work / "base" / "start"
    shutil.rmtree(given.work / "base", ignore_errors=True)
    start.mkdir(parents=True)
    write_tokenizer(start, [*TextFiles((str(texts / "zh.jsonl"),)), *TextFiles((str(texts / "en.jsonl"),))])
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        intermediate_size=3 * HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
        tie_word_embeddings=False,
        bos_token_id=VOCABULARY - 256,
        eos_token_id=VOCABULARY - 255,
        dtype="float32",
    )
    LlamaForCausalLM(config).save_pretrained(start)
    training = settings(given, lora=None).model_copy(update={"max_tokens": given.pretrain_tokens})
    entries = hash_files(start)
    base = Artifact(start, "base", content_hash(entries), entries, {}, {})
    facts = pretrain_folder(
        training, base, pretraining_corpus(given.work, texts), given.work / "base", first_new_id=None
    )
    print(f"base: {facts['tokens']:,} tokens, loss {facts['first_loss']:.3f} → {facts['last_loss']:.3f} nats a token")


def write_tokenizer(folder: Path, texts: list[str], *, vocabulary: int = VOCABULARY) -> None:
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    split = pre_tokenizers.Split(Regex(LLAMA3_PATTERN), behavior="isolated")
    spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, spell])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 256, show_progress=False, initial_alphabet=alphabet, special_tokens=[]
    )
    tokenizer.train_from_iterator(texts, trainer=trainer)
    tokenizer.add_special_tokens(llama3_special_tokens())
    bos = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, tokenizer.token_to_id(BOS))])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), bos])
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BOS, "eos_token": EOS}
    (folder / "tokenizer_config.json").write_text(json.dumps(names), encoding="utf-8")


def pretraining_corpus(work: Path, texts: Path) -> Artifact:
    folder = work / "corpus"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    documents = [
        Document(f"{language}:{n}", text, language, language=language)
        for language in ("zh", "en")
        for n, text in enumerate(TextFiles((str(texts / f"{language}.jsonl"),)))
    ]
    write_corpus(folder, documents)
    return write_manifest(folder, kind="corpus", config={}, inputs={}, facts={})


def learn(given: argparse.Namespace, texts: Path) -> None:
    options = {
        "--base": given.work / "base" / "model",
        "--corpus": texts / "new.jsonl",
        "--new-tokens": given.new_tokens,
        "--out": given.work / "extension",
    }
    words = [str(word) for option in options.items() for word in option]
    subprocess.run([sys.executable, "-m", "hanhua.cli.vocab_extension", "learn", *words], check=True)


if __name__ == "__main__":
    main()
