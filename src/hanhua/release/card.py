"""The model card, in English and Chinese: every figure in it comes from a manifest or from the scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from hanhua.base_tokenizer import LLAMA3
from hanhua.errors import MissingExtra
from hanhua.figures.audit_figures import audit_shares
from hanhua.figures.corpus_figures import compression_of
from hanhua.figures.run_models import in_order
from hanhua.release.card_facts import CardFacts
from hanhua.release.card_rows import (
    benchmark_rows,
    corpus_row,
    gate_row,
    harm_rows,
    language_modeling_rows,
    masked_of,
    training_of,
    vocabulary_of,
)
from hanhua.release.front_matter import front_matter
from hanhua.release.job import ReleaseJob
from hanhua.release.licenses import HARM_HEADING, corpus_use

TEMPLATES = Path(__file__).parent / "templates"


def write_card(job: ReleaseJob, name: str, found: CardFacts) -> str:
    """Return README.md for a release.

    name: the model's name. Raises MissingExtra without jinja2.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError:
        raise MissingExtra("the model card", "report") from None
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # Markdown; `cell` masks what would break out of it
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = cell
    text = environment.get_template("card.md.jinja").render(_context(job, name, found))
    return text.rstrip() + "\n"


def cell(value: Any) -> str:
    """Return a value for a Markdown table or line: one line, no bars, no HTML."""
    text = " ".join(str(value).split())
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


def compression_rows(found: CardFacts) -> list[dict[str, Any]]:
    """Return characters per token by corpus, base and extended; from the scores, else from the tokenizer."""
    measured = compression_of(found.facts.get("tokenizer"), found.scores)
    both = sorted((one for one in measured if one.gain), key=lambda one: one.corpus)
    return [{"corpus": one.corpus, "base": one.base, "extended": one.extended, "gain": one.gain} for one in both]


def card_plots(found: CardFacts) -> dict[str, str]:
    """Return the card's plots as SVG, by name: compression, and bits per character where there are scores."""
    from hanhua.figures.plots import Line, plot_bits, plot_compression

    drawn = {}
    rows = compression_rows(found)
    if rows:
        drawn["compression"] = plot_compression([(row["corpus"], row["base"], row["extended"]) for row in rows])
    by_model = (found.scores or {}).get("language_modeling") or {}
    lines = [
        Line(corpus, model, by_model[model][corpus]["bits_per_character"], by_model[model][corpus].get("interval"))
        for corpus in sorted({corpus for scores in by_model.values() for corpus in scores})
        for model in in_order(by_model)
        if by_model[model].get(corpus, {}).get("bits_per_character") is not None
    ]
    if lines:
        drawn["bits_per_character"] = plot_bits(lines)
    return drawn


def _context(job: ReleaseJob, name: str, found: CardFacts) -> dict[str, Any]:
    scores, released = found.scores or {}, found.released
    matter = yaml.safe_dump(front_matter(job, name, found), sort_keys=False, allow_unicode=True)
    return {
        "job": job,
        "name": name,
        "terms": found.terms(job),
        "front_matter": matter.strip(),
        "harm_heading": HARM_HEADING,
        "restored": found.restored,
        "is_chat": found.is_chat,
        "has_template": found.template is not None,
        "instruct": found.base_is_chat,
        "released": released,
        "llama_tokenizer": job.toy_tokenizer == LLAMA3,
        "parameters": found.parameters,
        "has_base": found.has_base,
        "plots": card_plots(found).keys(),
        "vocabulary": vocabulary_of(found.facts),
        "training": training_of(found),
        "compression": compression_rows(found),
        "scored": found.scores is not None,
        "language_modeling": language_modeling_rows(scores.get("language_modeling") or {}, released=released),
        "benchmarks": benchmark_rows(scores, released=released),
        "gates": [gate_row(gate) for gate in scores.get("gates") or []],
        "harm": harm_rows(scores.get("safety") or {}, released=released),
        "corpora": [corpus_row(corpus, found.facts) for corpus in job.corpora],
        "masked": masked_of(found.facts),
        "audit": job.audit and {"judged": job.audit["judged"], **audit_shares(job.audit)},
        "restricted": [c.name for c in job.corpora if corpus_use(c.license) != "open"],
    }
