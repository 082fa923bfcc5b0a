"""The frame of a byte-level BPE `tokenizer.json`, for tokenizers that come in another format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def bpe_tokenizer_json(
    vocab: Mapping[str, int],
    merges: Sequence[Any],
    *,
    added_tokens: Sequence[Mapping[str, Any]],
    normalizer: Mapping[str, Any] | None,
    pre_tokenizer: Mapping[str, Any],
    post_processor: Mapping[str, Any],
    decoder: Mapping[str, Any],
    ignore_merges: bool,
) -> dict[str, Any]:
    """Return the content of the file; the parts are as `tokenizers` writes them.

    ignore_merges: whether a pre-token that is a token needs no merges, as in Llama 3's.
    """
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": list(added_tokens),
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor,
        "decoder": decoder,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": ignore_merges,
            "vocab": dict(vocab),
            "merges": list(merges),
        },
    }


def added_token(content: str, id_: int, *, special: bool) -> dict[str, Any]:
    """Return an entry of `added_tokens` that is matched as it stands."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": special}
    return {"id": id_, "content": content, **flags}
