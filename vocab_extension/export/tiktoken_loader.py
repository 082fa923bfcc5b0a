"""Loads the tokenizer that lies beside this file, with tiktoken alone (`pip install tiktoken`).

    from load_tokenizer import load
    tokenizer = load()
    ids = tokenizer.encode("你好")
    ids = tokenizer.encode("<|begin_of_text|>你好", allowed_special="all")

`tokenizer.model` has a line for each token: its bytes in base64, and its rank, which is its id. The special
tokens keep ids of their own, listed in `special_tokens.json`: new tokens lie behind them. Code that numbers the
special tokens from the length of `tokenizer.model`, as Llama's own loader does, gives them wrong ids.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import tiktoken


def load(folder: Path = Path(__file__).parent) -> tiktoken.Encoding:
    """Return the tokenizer of a folder."""
    ranks = {}
    # Not tiktoken's load_tiktoken_bpe: it keeps a copy by the file's name, and would go on reading that.
    for line in (folder / "tokenizer.model").read_bytes().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    settings = json.loads((folder / "special_tokens.json").read_text(encoding="utf-8"))
    return tiktoken.Encoding(
        folder.resolve().name,
        pat_str=settings["pattern"],
        mergeable_ranks=ranks,
        special_tokens=settings["special_tokens"],
    )
