"""Writes a mended tokenizer, and a model with its rows in the new order, and says what it cost."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json, write_durably, write_json
from hanhua.errors import InvariantError
from hanhua.vocab_extension.clinic.ailments import GENERIC_CLASSES, named_tokens, settings_of
from hanhua.vocab_extension.clinic.diagnose import Finding, diagnose
from hanhua.vocab_extension.clinic.mend import Mended, mend
from hanhua.vocab_extension.clinic.model_rows import open_rows, write_permuted
from hanhua.vocab_extension.extend import EXTENSION_JSON, NewToken, copy_settings, extension_text
from hanhua.vocab_extension.proof.pair import Pair, open_pair, shown
from hanhua.vocab_extension.proof.verify import Examination, examine, failure_lines
from hanhua.vocab_extension.tokenizer_json import TOKENIZER_JSON, BpeFile

REPAIR_JSON = "repair.json"
_STALE_SETTINGS = ("added_tokens_decoder", "tokenizer_file", "vocab_file", "merges_file")
"""Ids and file names of the tokenizer as it was; transformers 4 wrote them."""


@dataclass(frozen=True)
class Repaired:
    """found: what was wrong. after: how the result was verified."""

    found: tuple[Finding, ...]
    mended: Mended
    after: Examination
    first_new_id: int

    def cost(self) -> dict[str, int]:
        """Return what it cost, in numbers of tokens, rows and merges."""
        sources = self.mended.sources
        moved = self.mended.moved()
        return {
            "new_tokens": len(sources) - self.first_new_id,
            "tokens_dropped": len(self.mended.dropped),
            "tokens_between": len(self.mended.links),
            "merges_added": self.mended.added_merges,
            "base_rows_moved": sum(new < self.first_new_id for new in moved.values()),
            "new_rows_moved": sum(new >= self.first_new_id for new in moved.values()),
            "rows_copied_twice": len(sources) - len(self.mended.links) - len(set(sources)),
            "vocab_size": len(sources),
        }

    def as_json(self) -> dict[str, Any]:
        """Return what was found and done as JSON data, with the old row of each id that has another now."""
        dropped = [{"token": shown(d.token), "id": d.old_id, "why": d.why} for d in self.mended.dropped]
        return {
            "found": [finding.as_json() for finding in self.found],
            "cost": self.cost(),
            "sound": self.after.sound,
            "han_only": self.after.holds,
            "dropped": dropped,
            "rows_from_means": {str(id_): list(pieces) for id_, pieces in self.mended.links.items()},
            "rows_from": {str(new): old for old, new in sorted(self.mended.moved().items(), key=lambda pair: pair[1])},
        }


def repair_folder(
    folder: Path,
    *,
    base: Path,
    out: Path,
    model: Path | None = None,
    han_only: bool = False,
    structure_only: bool = False,
) -> Repaired:
    """Write the mended tokenizer of a folder into `out`; with `model`, that model too, its rows in the new order.

    han_only: drop tokens that could stand in text without Han. structure_only: verify the result by proof alone.
    Raises InputError for a model without a row for one of the ids, InvariantError naming why when what comes out is
    not sound.
    """
    pair = open_pair(base, folder)
    found = tuple(diagnose(pair))
    mended = mend(pair, han_only=han_only)
    source = open_rows(model, mended.sources) if model is not None else None
    out.mkdir(parents=True, exist_ok=True)
    if source is not None:
        special = {int(token["id"]) for token in pair.base.added}
        write_permuted(source, out, sources=mended.sources, special_ids=special, means=mended.links)
    _write_tokenizer(pair, mended.file, out)
    after = examine(out, base=base, structure_only=structure_only)
    if not after.sound:
        lines = failure_lines(check for check in after.checks if check.promise == "sound")
        raise InvariantError(f"{folder}: could not be mended; what came out is not sound:\n" + "\n".join(lines))
    done = Repaired(found, mended, after, pair.base.size)
    write_json(out / REPAIR_JSON, done.as_json())
    return done


def _write_tokenizer(pair: Pair, file: BpeFile, out: Path) -> None:
    write_durably(out / TOKENIZER_JSON, json.dumps(file.data, ensure_ascii=False, separators=(",", ":")))
    base, broken = pair.base.place.parent, pair.extended.place.parent
    copy_settings(base, out)
    copy_settings(broken, out)
    if settings := _settings(base, broken, file):
        write_json(out / "tokenizer_config.json", settings)
    write_durably(out / EXTENSION_JSON, extension_text(pair.base, file, _learned(pair, file, broken)))


def _settings(base: Path, broken: Path, file: BpeFile) -> dict[str, Any] | None:
    """Return the folder's settings with the base's class, and names of tokens that exist; None if nothing changes."""
    mine, theirs = settings_of(base), settings_of(broken)
    fixed = {key: value for key, value in theirs.items() if key not in _STALE_SETTINGS}
    if fixed.get("tokenizer_class") not in (*GENERIC_CLASSES, mine.get("tokenizer_class")):
        fixed["tokenizer_class"] = mine.get("tokenizer_class") or "PreTrainedTokenizerFast"
    known = {*file.vocab, *(token["content"] for token in file.added)}
    for key, token in named_tokens(fixed).items():
        if token not in known:
            fixed.pop(key)
            fixed |= {key: mine[key]} if key in mine else {}
    return fixed if fixed != theirs else None


def _learned(pair: Pair, file: BpeFile, broken: Path) -> list[NewToken]:
    """Return the new tokens with what was known of each, in the order of their ids."""
    place = broken / EXTENSION_JSON
    rows = read_json(place).get("tokens") or [] if place.is_file() else []
    known = {row.get("text") or row.get("bytes"): row for row in rows}
    learned = []
    for id_ in range(pair.base.size, file.size):
        data = file.bytes_of.get(id_)
        if data is not None:
            token = NewToken(data, 0, 0)
            row = known.get(token.text or data.hex(), {})
            learned.append(NewToken(data, int(row.get("count", 0)), int(row.get("documents", 0))))
    return learned
