"""Puts new tokens into a tokenizer so that every old id, merge and setting stays what it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import write_durably
from hanhua.bits import bytes_to_token
from hanhua.vocab_extension.tokenizer_json import TOKENIZER_JSON, BpeFile, Merge, spelled_json, whole_text_data

EXTENSION_JSON = "extension.json"
SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "chat_template.json")


@dataclass(frozen=True)
class NewToken:
    """A learned token.

    count: how often it was formed in the corpus, inside longer new tokens as well. documents: at least so
    many different documents hold it; counted to 64. Both are 0 for a token that only a dictionary or a set of
    characters asked for.
    """

    data: bytes
    count: int
    documents: int

    @property
    def text(self) -> str:
        """The token as text; empty for a part of a character."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return ""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON data, with its bytes where they are no text."""
        spelled = {"text": self.text} if self.text else {"text": "", "bytes": self.data.hex()}
        return {**spelled, "count": self.count, "documents": self.documents}


def extended(file: BpeFile, tokens: Sequence[bytes]) -> BpeFile:
    """Return the file with `tokens` after its last id, in their order, and their merges after its last merge.

    The special tokens are listed in the model's vocabulary too, at their own ids. Without that `tokenizers`
    numbers them from the vocabulary's size, and `<|begin_of_text|>` becomes 128,002 and a new token's twin.
    Truncation and padding that were saved in the base's file are left out: they would cut every text short.
    """
    vocab = dict(file.vocab)
    vocab.update({token["content"]: token["id"] for token in file.added})
    first = file.size
    vocab.update({bytes_to_token(token): first + i for i, token in enumerate(tokens)})
    merges = all_splits(file, tokens)
    as_text = bool(file.data["model"]["merges"]) and isinstance(file.data["model"]["merges"][0], str)
    appended: list[Any] = [f"{a} {b}" if as_text else [a, b] for a, b in merges]
    model = {**file.data["model"], "vocab": vocab, "merges": [*file.data["model"]["merges"], *appended]}
    return BpeFile(file.place, {**whole_text_data(file.data), "model": model})


def all_splits(file: BpeFile, tokens: Sequence[bytes]) -> list[Merge]:
    """Return a merge for every way to cut a new token into two tokens of the extended vocabulary.

    Not only the way it was learned: so any two neighbors that spell a token become it, which is also how
    tiktoken merges, by the rank of the product alone. In order of the product, then of the parts' ids.
    """
    ids = {data: id_ for id_, data in file.bytes_of.items()}
    ids.update({token: file.size + i for i, token in enumerate(tokens)})
    merges: list[Merge] = []
    for token in tokens:
        cuts = [(token[:at], token[at:]) for at in range(1, len(token))]
        found = sorted((ids[a], ids[b], a, b) for a, b in cuts if a in ids and b in ids)
        merges += [(bytes_to_token(a), bytes_to_token(b)) for _, _, a, b in found]
    return merges


def write_extended(file: BpeFile, learned: Sequence[NewToken], out: Path) -> None:
    """Write the extended tokenizer as a folder that plain transformers loads, with `extension.json` beside it.

    The base's settings, special tokens and chat templates are copied byte for byte. Its `tokenizer.model`
    and other older forms are not: they would still spell the old vocabulary.
    """
    new = extended(file, [token.data for token in learned])
    write_durably(out / TOKENIZER_JSON, spelled_json(new.data))
    copy_settings(file.place.parent, out)
    write_durably(out / EXTENSION_JSON, extension_text(file, new, learned))


def extension_text(base: BpeFile, new: BpeFile, learned: Sequence[NewToken]) -> str:
    """Return the text of `extension.json`: numbers, then the new tokens in the order of their ids, one a line."""
    rows = [json.dumps({"id": base.size + i, **token.as_json()}, ensure_ascii=False) for i, token in enumerate(learned)]
    head = {
        "first_new_id": base.size,
        "new_tokens": len(learned),
        "vocab_size": new.size,
        "base_merges": len(base.merges),
        "new_merges": len(new.merges) - len(base.merges),
    }
    # One line a token: made to be looked through.
    return json.dumps(head, indent=2)[:-2] + ',\n  "tokens": [\n    ' + ",\n    ".join(rows) + "\n  ]\n}\n"


def copy_settings(source: Path, out: Path) -> None:
    """Copy everything of a tokenizer but its vocabulary: settings, special tokens, chat templates."""
    for name in SETTINGS:
        if (source / name).is_file():
            shutil.copyfile(source / name, out / name)
    templates = source / "additional_chat_templates"
    if templates.is_dir():
        shutil.copytree(templates, out / templates.name, dirs_exist_ok=True)
