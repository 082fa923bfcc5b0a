"""The page of a comparison: what was claimed, what came out, and the curves. All text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from hanhua.experiments.evidence.jobs import Job
from hanhua.experiments.evidence.recipe import LANGUAGES, EvidenceRecipe, Language
from hanhua.experiments.evidence.verdict import mean_curve
from hanhua.figures.curves import Curve, plot_curves

STYLE = """\
:root{color-scheme:light dark;--paper:#fdfdfb;--ink:#1d1f21;--muted:#5b6067;--rule:#d9d9d2;--base:#7b828b;
--resized:#b86e00;--adapted:#1c62ad;--bad:#b2432c}
@media(prefers-color-scheme:dark){:root{--paper:#16181a;--ink:#e8e6e1;--muted:#a4a9b0;--rule:#3a3e43;--base:#99a0a9;
--resized:#eda545;--adapted:#6cb0f7;--bad:#f0846b}}
body{margin:0 auto;padding:1.5rem;max-width:64rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,
"PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.25rem .7rem;text-align:left;
border-bottom:1px solid var(--rule)}.scroll{overflow-x:auto}.muted{color:var(--muted)}.bad{color:var(--bad)}
svg{max-width:100%;height:auto}
"""
TITLES: dict[Language, str] = {"zh": "Chinese", "en": "English", "code": "Code"}


def render_page(
    recipe: EvidenceRecipe, verdict: Mapping[str, Any], results: Mapping[Job, Any], times: Mapping[str, Any]
) -> str:
    """Return the page; its figures are those of the verdict, seconds from `times`."""
    languages = [language for language in LANGUAGES if recipe.texts_of(language)]
    parts = [
        f"<h1>{escape(recipe.name)}</h1>",
        f"<p>{escape(recipe.hypothesis)}</p>",
        f'<p class="muted">preregistered as {escape(verdict["preregistration"])}; seeds '
        f"{', '.join(map(str, verdict['seeds']))}</p>",
        _outcome(verdict),
        _table(verdict, languages, times),
    ]
    for language in languages:
        for axis, unit in (("bytes", "MB of text seen"), ("flops", "operations, 10¹²"), ("seconds", "seconds")):
            drawn = _curves(recipe, results, times, language, axis)
            title = f"{TITLES[language]}: bits per byte of held-out text"
            parts.append(plot_curves(drawn, name=f"{language}-{axis}", title=title, unit=unit))
    head = f'<meta charset="utf-8"><title>{escape(recipe.name)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>' + "\n".join(parts) + "</body></html>\n"


def _outcome(verdict: Mapping[str, Any]) -> str:
    placebos = "; ".join(
        f"{name}: {'no difference' if one['no_difference'] else 'a difference'}"
        for name, one in verdict["placebos"].items()
    )
    failed = f" Broke off: {', '.join(verdict['failed'])}." if verdict["failed"] else ""
    if verdict["void"]:
        return f'<p class="bad"><strong>Void.</strong> Placebos: {escape(placebos or "none")}.{escape(failed)}</p>'
    return f"<p>Placebos: {escape(placebos or 'none')}.{escape(failed)}</p>"


def _table(verdict: Mapping[str, Any], languages: Sequence[Language], times: Mapping[str, Any]) -> str:
    head = ["arm", *(f"{TITLES[one]}, against {verdict['reference']}" for one in languages), "cut prompts, bits", "s"]
    rows = []
    for name, arm in verdict["arms"].items():
        cells = [name, *(_cell(arm["languages"][one]) for one in languages)]
        cut = arm["truncated_prompts"]
        seconds = [one["training_seconds"] for run, one in times.items() if run.startswith(f"{name}/")]
        cells += ["" if cut is None else f"{cut['bits_lost']:.3f}", f"{np.mean(seconds):,.0f}" if seconds else ""]
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    columns = "".join(f"<th>{escape(one)}</th>" for one in head)
    return f'<div class="scroll"><table><thead><tr>{columns}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _cell(found: Mapping[str, Any]) -> str:
    low, high = found["difference"]["interval"]
    shown = f"{found['bits_per_byte']:.4f} ({found['difference']['share']:+.2%}; {low:+.2%} to {high:+.2%})"
    return f"{shown} {found.get('verdict', '')}".strip()


def _curves(
    recipe: EvidenceRecipe, results: Mapping[Job, Any], times: Mapping[str, Any], language: Language, axis: str
) -> list[Curve]:
    found = []
    scale = {"bytes": 1e6, "flops": 1e12, "seconds": 1.0}[axis]
    for name in recipe.arms:
        own = {job: one for job, one in results.items() if job.label == name and "broke_off" not in one}
        if not own:
            continue
        xs, ys = mean_curve(recipe, list(own.values()), language, "bytes" if axis == "seconds" else axis)
        if axis == "seconds":
            clock = [times[job.name]["curve"] for job in own if job.name in times]
            xs = np.mean([one for one in clock if len(one) == len(xs)], axis=0) if clock else xs
        found.append(Curve(name, (xs / scale).tolist(), ys.tolist(), name == recipe.reference))
    return found
