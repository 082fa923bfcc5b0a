"""What the report says of the corpus, the vocabulary and the training, as plain data. No number is made up here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import read_json
from hanhua.artifacts.manifest import MANIFEST, Artifact
from hanhua.figures.corpus_figures import compression_of, masked_by_kind
from hanhua.figures.shown_texts import rejected_samples
from hanhua.services import Services

NEW_TOKENS_SHOWN = 60
CURVE_POINTS = 200
COUNTS = ("read", "broken", "kept", "train", "heldout", "characters_kept")

Data = dict[str, Any]


def filtering_figures(corpus: Artifact, *, order: Iterable[str], per_reason: int, services: Services) -> Data:
    """Return counts in all and by corpus, reasons by falling count, and masked samples of each.

    order: corpora as the recipe has them; manifests sort them by name.
    """
    corpora = [
        {
            "corpus": name,
            **{key: facts.get(key, 0) for key in COUNTS},
            "rejected": dict(facts.get("rejected", {})),
        }
        for name, facts in _ordered(corpus.facts["corpora"], order).items()
    ]
    totals = {key: sum(one[key] for one in corpora) for key in COUNTS}
    samples = rejected_samples(corpus.path, per_reason=per_reason, services=services)
    counts = corpus.facts.get("reasons", {})
    reasons = [
        {
            "reason": reason,
            "documents": count,
            "by_corpus": [one["rejected"].get(reason, 0) for one in corpora],
            "samples": samples.get(reason, []),
        }
        for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    # Broken records were never read as documents: a reason of their own, outside the sum read = kept + rejected.
    broken = samples.get("broken", [])
    return {
        **totals,
        "corpora": corpora,
        "reasons": reasons,
        "broken_samples": broken,
        "masked": masked_by_kind(corpus.facts),
    }


def vocabulary_figures(
    tokenizer: Artifact | None, scores: Mapping[str, Any] | None, *, order: Iterable[str], services: Services
) -> Data | None:
    """Return compression by corpus and domain, sample tokens and checks; None when nothing is known of either."""
    compression = _compression(tokenizer, (scores or {}).get("fertility") or {}, order)
    if tokenizer is None and not compression:
        return None
    found: Data = {"extended": tokenizer is not None, "compression": compression, "tokens": [], "verify": []}
    if tokenizer is not None:
        facts = tokenizer.facts
        found |= {key: facts.get(key) for key in ("requested", "new_tokens", "first_new_id", "vocab_size")}
        found["verify"] = [
            {"check": str(name), "outcome": str(outcome)} for name, outcome in (facts.get("verify") or {}).items()
        ]
        found["tokens"] = _new_tokens(tokenizer.path / "extension.json", services)
    return found


def training_figures(adapted: Artifact, *, order: Iterable[str]) -> Data:
    """Return what was trained on and how it went, the log thinned to a curve."""
    facts = adapted.facts
    keys = ("tokens", "steps", "first_loss", "last_loss", "new_token_share", "trained_parameters", "new_rows")
    corpora = [{"corpus": name, **found} for name, found in _ordered(facts.get("corpora") or {}, order).items()]
    points = thin(_log_rows(adapted.path / "logs" / "train.jsonl"), points=CURVE_POINTS)
    return {**{key: facts.get(key) for key in keys}, "corpora": corpora, "curve": points}


def synthetic_figures(enlarged: Artifact, adapted: Artifact | None) -> Data:
    """Return who wrote the synthetic text, and of each form how much is kept of it and its share of the training."""
    trained = (adapted.facts.get("corpora") if adapted is not None else None) or {}
    forms = [
        {"form": name, **counts, "share": trained.get(name, {}).get("share")}
        for name, counts in sorted((enlarged.facts.get("synthetic") or {}).items())
    ]
    return {"teacher": enlarged.facts.get("teacher") or {}, "forms": forms}


def thin(rows: Sequence[Mapping[str, Any]], *, points: int) -> list[Data]:
    """Return at most `points` rows of a training log: means of neighbors, with their lowest and highest loss."""
    if not rows:
        return []
    size = -(-len(rows) // points)
    buckets = [rows[start : start + size] for start in range(0, len(rows), size)]
    return [_mean_of(bucket) for bucket in buckets]


def provenance_figures(inputs: Mapping[str, Artifact]) -> list[Data]:
    """Return each artifact's content hash, config, inputs and library versions, as its manifest has them."""
    found = []
    for name, artifact in inputs.items():
        path = artifact.path / MANIFEST
        manifest = read_json(path) if path.is_file() else {}
        found.append(
            {
                "artifact": name,
                "key": artifact.path.name,
                "content_hash": artifact.content_hash,
                "files": len(artifact.files),
                "bytes": sum(entry.size for entry in artifact.files),
                "inputs": manifest.get("inputs", {}),
                "versions": manifest.get("record", {}).get("versions", {}),
                "config": dict(artifact.config),
            }
        )
    return found


def _ordered(by_name: Mapping[str, Any], order: Iterable[str]) -> dict[str, Any]:
    names = [name for name in order if name in by_name]
    return {name: by_name[name] for name in dict.fromkeys([*names, *by_name])}


def _compression(tokenizer: Artifact | None, fertility: Mapping[str, Any], order: Iterable[str]) -> list[Data]:
    """Return characters per token by corpus and, where texts name theirs, by source."""
    measured = compression_of(None if tokenizer is None else tokenizer.facts, {"fertility": fertility})
    rows = []
    for name, one in _ordered({one.corpus: one for one in measured}, order).items():
        before, after = (
            ((fertility.get(which) or {}).get(name) or {}).get("by_source") or {} for which in ("base", "extended")
        )
        sources = [_pair("source", source, value, after.get(source)) for source, value in before.items()]
        rows.append({**_pair("corpus", name, one.base, one.extended), "sources": sources})
    return rows


def _pair(key: str, name: str, base: float | None, extended: float | None) -> Data:
    gain = extended / base if base and extended else None
    return {key: name, "base": base, "extended": extended, "gain": gain}


def _new_tokens(path: Path, services: Services) -> list[Data]:
    """Return the new tokens used most, as learning counted them."""
    if not path.is_file():
        return []
    rows = [row for row in read_json(path).get("tokens", []) if isinstance(row, dict)]
    rows.sort(key=lambda row: (-row.get("count", 0), row["id"]))
    shown = []
    for row in rows[:NEW_TOKENS_SHOWN]:
        text = services.masker.mask(row["text"]) if services.masker else row["text"]
        shown.append({"id": row["id"], "text": text, "count": row.get("count")})
    return shown


def _log_rows(path: Path) -> list[Data]:
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:  # a line that a kill cut short
            break
    # A resumed run may have logged a step twice; the later row is the one that counts.
    rows.sort(key=lambda row: row["step"])
    return [list(group)[-1] for _, group in groupby(rows, key=lambda row: row["step"])]


def _mean_of(rows: Sequence[Mapping[str, Any]]) -> Data:
    point: Data = {"step": rows[-1]["step"], "tokens": rows[-1]["tokens"]}
    for key in ("loss", "bits_per_character", "learning_rate"):
        known = [row[key] for row in rows if row.get(key) is not None]
        point[key] = sum(known) / len(known) if known else None
    losses = [row["loss"] for row in rows]
    return {**point, "loss_low": min(losses), "loss_high": max(losses)}
