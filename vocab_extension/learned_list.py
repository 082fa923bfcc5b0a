"""The list of new tokens in an extension folder: read back, and cut short as an extension of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_durably
from hanhua.errors import InputError
from hanhua.vocab_extension.extend import EXTENSION_JSON, copy_settings, extended
from hanhua.vocab_extension.tokenizer_json import TOKENIZER_JSON, BpeFile, read_bpe_file, spelled_json


def read_learned(extension: Path, base: BpeFile) -> list[bytes]:
    """Return the new tokens of an extension folder, in the order of their ids.

    Raises InputError when the folder does not extend this base.
    """
    file = read_bpe_file(extension)
    moved = next((token for token, id_ in base.vocab.items() if file.vocab.get(token) != id_), None)
    if moved is not None:
        raise InputError(
            f"{extension}: no extension of {base.place.parent}: the base's token {moved!r} is not in place"
        )
    missing = [id_ for id_ in range(base.size, file.size) if id_ not in file.bytes_of]
    if missing or file.size == base.size:
        found = f"no ordinary token with id {missing[0]:,}" if missing else "no new tokens"
        raise InputError(f"{extension}: {found}; new tokens should follow the base's last id, {base.size - 1:,}")
    return [file.bytes_of[id_] for id_ in range(base.size, file.size)]


def write_prefix(learned: Path, base: BpeFile, new_tokens: int, out: Path) -> None:
    """Write the first tokens of a learned list as an extension of the base, with what was known of each.

    Any beginning of the list will do: a token is built of the base's tokens and of those before it.
    """
    file = extended(base, read_learned(learned, base)[:new_tokens])
    write_durably(out / TOKENIZER_JSON, spelled_json(file.data))
    copy_settings(base.place.parent, out)
    known: dict[str, Any] = read_json(learned / EXTENSION_JSON) if (learned / EXTENSION_JSON).is_file() else {}
    head = {
        "first_new_id": base.size,
        "new_tokens": new_tokens,
        "vocab_size": file.size,
        "base_merges": len(base.merges),
        "new_merges": len(file.merges) - len(base.merges),
    }
    rows = [json.dumps(row, ensure_ascii=False) for row in known.get("tokens", [])[:new_tokens]]
    listed = ',\n  "tokens": [\n    ' + ",\n    ".join(rows) + "\n  ]" if rows else ""
    write_durably(out / EXTENSION_JSON, json.dumps(head, indent=2)[:-2] + listed + "\n}\n")
