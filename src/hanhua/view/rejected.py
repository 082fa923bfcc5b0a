"""What a run's filter rejected: how many of each reason, and samples made fit to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanhua.artifacts.manifest import open_artifact
from hanhua.figures.shown_texts import rejected_samples
from hanhua.pipeline.service_builders import services_named

SAMPLES_PER_REASON = 20


@dataclass(frozen=True)
class Rejected:
    """read, kept: documents. reasons: documents by reason, most first. samples: those of one reason."""

    read: int
    kept: int
    reasons: dict[str, int]
    reason: str
    samples: tuple[dict[str, str], ...]


def rejected(corpus: Path, reason: str = "") -> Rejected:
    """Return what a Corpus folder says was rejected, with samples of one reason (default: the most frequent).

    Samples are shown as the report shows them: harmful passages blotted out, personal data masked, cut short.
    """
    facts: dict[str, Any] = dict(open_artifact(corpus, kind="corpus").facts)
    counts = sorted((facts.get("reasons") or {}).items(), key=lambda item: (-item[1], item[0]))
    reasons = {str(name): int(count) for name, count in counts}
    chosen = reason if reason in reasons else next(iter(reasons), "")
    services = services_named(("harm", "masker"))
    samples = rejected_samples(corpus, per_reason=SAMPLES_PER_REASON, services=services).get(chosen, [])
    corpora = (facts.get("corpora") or {}).values()
    read, kept = (sum(int(one.get(key, 0)) for one in corpora) for key in ("read", "kept"))
    return Rejected(read, kept, reasons, chosen, tuple(samples))
