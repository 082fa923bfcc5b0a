"""A base made from nothing: a vocabulary that spells Chinese in bytes and single characters, and untrained weights.

As Llama 3 knows Chinese, so does this one once it is trained on it: well, and in short tokens. That is the hard case of
an extension, which then must not lose what the base knows; a base that hardly knows Chinese only wins by learning it.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from hanhua.base_tokenizer import BOS, EOS, LLAMA3_PATTERN
from hanhua.bits import bytes_to_token
from hanhua.experiments.evidence.recipe import ScratchSettings
from hanhua.toy_settings import ToySettings
from hanhua.zh_text.scripts import is_han


def write_scratch_base(settings: ScratchSettings, texts: Iterable[str], folder: Path) -> None:
    """Write tokenizer and untrained weights of a base into `folder`; the same for the same texts."""
    from hanhua.continued_pretrain.toy_model import write_start

    tokenizer = folder.with_name(folder.name + ".tokenizer")
    shutil.rmtree(tokenizer, ignore_errors=True)
    tokenizer.mkdir(parents=True)
    write_character_tokenizer(settings, list(texts), tokenizer)
    shape = ToySettings(
        hidden_size=settings.hidden_size,
        layers=settings.layers,
        heads=settings.heads,
        kv_heads=settings.kv_heads,
        seed=settings.seed,
    )
    write_start(shape, tokenizer, folder)
    shutil.rmtree(tokenizer)


def write_character_tokenizer(settings: ScratchSettings, texts: list[str], folder: Path) -> None:
    """Write a byte-level BPE of Llama 3's pattern in which no token holds more than one Han character."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    cut = pre_tokenizers.Split(Regex(LLAMA3_PATTERN), behavior="isolated")
    spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    other = Tokenizer(models.BPE())
    other.pre_tokenizer = pre_tokenizers.Sequence([cut, spell])
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + settings.other_tokens,
        special_tokens=[],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    other.train_from_iterator((_without_han(text) for text in texts), trainer)
    model = json.loads(other.to_str())["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    vocab: dict[str, int] = model["vocab"]
    for pair in _character_merges(texts, settings.characters):
        if "".join(pair) not in vocab:
            vocab["".join(pair)] = len(vocab)
            merges.append(pair)
    made = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=True))
    made.pre_tokenizer = pre_tokenizers.Sequence([cut, spell])
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([BOS, EOS])
    made.save(str(folder / "tokenizer.json"))
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BOS, "eos_token": EOS}
    (folder / "tokenizer_config.json").write_text(json.dumps(names), encoding="utf-8")


def _without_han(text: str) -> str:
    return "".join("\n" if is_han(character) else character for character in text)


def _character_merges(texts: list[str], characters: int) -> Iterator[tuple[str, str]]:
    """Yield what joins the bytes of the most frequent Han characters, from the left."""
    counts = Counter(character for text in texts for character in text if is_han(character))
    for character, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:characters]:
        data = character.encode()
        for end in range(1, len(data)):
            yield bytes_to_token(data[:end]), bytes_to_token(data[end : end + 1])
