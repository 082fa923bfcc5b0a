"""A GGUF file's vocabulary as the tokenizer files of a Hugging Face folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hanhua.artifacts.files import write_durably, write_json
from hanhua.base.gguf.header import read_gguf_header
from hanhua.base.gguf.settings import check_architecture, read_shape
from hanhua.base.gguf.vocabulary import GgufVocabulary, read_vocabulary
from hanhua.byte_level_bpe import added_token, bpe_tokenizer_json

_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
"""As the decoder of Llama 3's tokenizer.json; none of the options matters to decoding."""


def write_tokenizer(vocabulary: GgufVocabulary, out: Path, *, context_tokens: int) -> None:
    """Write tokenizer.json, tokenizer_config.json and, where there is one, chat_template.jinja into a folder.

    transformers 5 takes the chat template from the file of its own.
    """
    write_json(out / "tokenizer.json", tokenizer_json(vocabulary))
    named = {"bos": vocabulary.bos, "eos": vocabulary.eos, "pad": vocabulary.pad, "unk": vocabulary.unk}
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": context_tokens,
        **{f"{name}_token": vocabulary.tokens[id_] for name, id_ in named.items() if id_ is not None},
    }
    write_json(out / "tokenizer_config.json", config)
    if vocabulary.chat_template is not None:
        write_durably(out / "chat_template.jinja", vocabulary.chat_template)


def check_tokenizer_of(gguf: Path) -> tuple[GgufVocabulary, int]:
    """Return the vocabulary of a Llama model's GGUF file and the model's context in tokens; reads no weights.

    Raises InputError for a file of another architecture, and for a vocabulary that cannot be used.
    """
    header = read_gguf_header(gguf)
    check_architecture(header)
    return read_vocabulary(header), read_shape(header).context_tokens


def write_tokenizer_of(gguf: Path, out: Path) -> None:
    """Write the tokenizer of a GGUF file alone. Raises InputError as `check_tokenizer_of` does."""
    vocabulary, context_tokens = check_tokenizer_of(gguf)
    write_tokenizer(vocabulary, out, context_tokens=context_tokens)


def tokenizer_json(vocabulary: GgufVocabulary) -> dict[str, Any]:
    """Return the content of tokenizer.json.

    Special tokens are in the model's vocabulary only where ordinary ones follow them, so that its ids have no
    holes: SmolLM2's come first and are in it, Llama 3's come last and are not.
    """
    ordinary = [id_ for id_ in range(len(vocabulary.tokens)) if not vocabulary.is_added(id_)]
    last = max(ordinary)
    added = [id_ for id_ in range(len(vocabulary.tokens)) if vocabulary.is_added(id_)]
    return bpe_tokenizer_json(
        {token: id_ for id_, token in enumerate(vocabulary.tokens[: last + 1])},
        [f"{left} {right}" for left, right in vocabulary.merges],
        added_tokens=[added_token(vocabulary.tokens[i], i, special=vocabulary.is_special(i)) for i in added],
        normalizer=None,
        pre_tokenizer=vocabulary.pre_tokenizer.section(without=vocabulary.missing),
        post_processor=_post_processor(vocabulary),
        decoder=_BYTE_LEVEL,
        ignore_merges=vocabulary.pre_tokenizer.ignore_merges,
    )


def _post_processor(vocabulary: GgufVocabulary) -> dict[str, Any]:
    begins = [vocabulary.bos] if vocabulary.add_bos and vocabulary.bos is not None else []
    ends = [vocabulary.eos] if vocabulary.add_eos else []
    if not begins and not ends:
        return {**_BYTE_LEVEL, "trim_offsets": False}

    def part(id_: int, sequence: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": vocabulary.tokens[id_], "type_id": sequence}}

    def around(name: str, sequence: int) -> list[dict[str, Any]]:
        text = {"Sequence": {"id": name, "type_id": sequence}}
        return [*(part(id_, sequence) for id_ in begins), text, *(part(id_, sequence) for id_ in ends)]

    template = {
        "type": "TemplateProcessing",
        "single": around("A", 0),
        "pair": [*around("A", 0), *around("B", 1)],
        "special_tokens": {
            vocabulary.tokens[id_]: {
                "id": vocabulary.tokens[id_],
                "ids": [id_],
                "tokens": [vocabulary.tokens[id_]],
            }
            for id_ in dict.fromkeys([*begins, *ends])
        },
    }
    return {"type": "Sequence", "processors": [{**_BYTE_LEVEL, "trim_offsets": False}, template]}
