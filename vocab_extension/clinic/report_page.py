"""What `verify` found, as one page to link to: HTML in English and Chinese that needs nothing else, or Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from hanhua import __version__
from hanhua.artifacts.files import sha256_of, write_durably
from hanhua.vocab_extension.clinic.diagnose import Finding, remarks
from hanhua.vocab_extension.proof.pair import Pair, shown
from hanhua.vocab_extension.proof.verify import Check, Examination

_SHOWN_TOKENS = 40
_PROMISES = (
    ("sound", "Sound: nothing old changes", "可靠：旧文本一概不变"),
    ("han only", "Han only: no text without Chinese characters changes", "只影响汉字：不含汉字的文本一概不变"),
)


def write_report(found: Examination, faults: Sequence[Finding], out: Path, *, name: str, base: str) -> None:
    """Write the report by its suffix, .md or .html. No path of this machine is in it, only names and hashes."""
    if out.suffix == ".md":
        write_durably(out, "\n".join(_markdown(found, faults, name=name, base=base)) + "\n")
        return
    page = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
    body = "\n".join(_body(found, faults, name=name, base=base))
    write_durably(out, page.replace("@@TITLE@@", escape(f"{name}: verify")).replace("@@BODY@@", body))


def verdicts(found: Examination) -> tuple[str, str]:
    """Return what was found in one sentence, in English and in Chinese."""
    if not found.sound:
        names = ", ".join(found.broken("sound"))
        return f"Not sound: {names}", f"不可靠：{names}"
    if found.holds:
        return "Sound, and only text with Chinese characters changes", "可靠，且只有含汉字的文本会变"
    return (
        "Sound; other text than Chinese changes as well, where it has a new token",
        "可靠；含有新词元的非中文文本也会变",
    )


def _body(found: Examination, faults: Sequence[Finding], *, name: str, base: str) -> Iterator[str]:
    pair = found.pair
    yield f"<h1>{escape(name)}</h1>"
    yield f'<p class="verdict {"good" if found.sound else "bad"}">{_both(*verdicts(found))}</p>'
    yield "<table>"
    for en, zh, value in _facts(pair, base):
        yield f"<tr><th>{_both(en, zh)}</th><td>{escape(value)}</td></tr>"
    yield "</table>"
    notes = list(remarks(pair))
    if notes:
        yield "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>"
    if faults:
        yield f"<h2>{_both('Faults', '问题')}</h2><table>"
        heads = (("fault", "问题"), ("what it does", "影响"), ("what repair does", "repair 如何修复"))
        yield "<tr>" + "".join(f"<th>{_both(*head)}</th>" for head in heads) + "</tr>"
        yield from map(_fault_row, faults)
        yield "</table>"
        yield f"<p><code>vocab-extension repair {escape(name)} --out {escape(name)}-repaired</code></p>"
    for promise, en, zh in _PROMISES:
        yield f"<h2>{_both(en, zh)}</h2><table>"
        yield from (_check_row(check) for check in found.checks if check.promise == promise)
        yield "</table>"
    yield f"<h2>{_both('New tokens', '新词元')}</h2><p>{escape(_some_tokens(pair))}</p>"
    yield f'<p class="muted">Hanhua {__version__}, <code>vocab-extension verify</code></p>'


def _facts(pair: Pair, base: str) -> Iterator[tuple[str, str, str]]:
    yield "base", "基座", base
    yield "new tokens", "新词元", f"{len(pair.new_tokens):,}"
    yield "ids", "id 总数", f"{pair.base.size:,} → {pair.extended.size:,}"
    yield "merges", "合并规则", f"{len(pair.base.merges):,} → {len(pair.extended.merges):,}"
    yield "sha256 of the base's tokenizer.json", "基座 tokenizer.json 的 sha256", sha256_of(pair.base.place)
    yield "sha256 of tokenizer.json", "tokenizer.json 的 sha256", sha256_of(pair.extended.place)


def _fault_row(fault: Finding) -> str:
    en, zh = fault.kind.en, fault.kind.zh
    examples = "".join(f"<li>{escape(example)}</li>" for example in fault.examples)
    cells = (
        f'<span class="bad">{_both(en.name, zh.name)}</span> ({fault.number:,})<ul>{examples}</ul>',
        _both(en.means, zh.means),
        _both(en.cure, zh.cure),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _check_row(check: Check) -> str:
    state = '<span class="good">✓</span>' if check.holds else f'<span class="bad">✗ {check.number:,}</span>'
    how = _both("proved", "已证明") if check.proved else _both("tried", "已试")
    problems = "".join(f"<li>{escape(problem)}</li>" for problem in check.problems)
    told = f"{escape(check.statement)}{f'<ul>{problems}</ul>' if problems else ''}"
    return f"<tr><td>{state}</td><td><code>{check.name}</code></td><td>{told}</td><td>{how}</td></tr>"


def _some_tokens(pair: Pair) -> str:
    tokens = sorted(pair.new_tokens, key=pair.new_tokens.__getitem__)
    more = f"  … (+{len(tokens) - _SHOWN_TOKENS:,})" if len(tokens) > _SHOWN_TOKENS else ""
    return "  ".join(map(shown, tokens[:_SHOWN_TOKENS])) + more


def _both(en: str, zh: str) -> str:
    return f'<span class="en">{escape(en)}</span><span class="zh">{escape(zh)}</span>'


def _markdown(found: Examination, faults: Sequence[Finding], *, name: str, base: str) -> Iterator[str]:
    yield f"## {name}\n\n**{verdicts(found)[0]}**\n"
    yield "| | |\n|---|---|"
    yield from (f"| {en} | {value} |" for en, _, value in _facts(found.pair, base))
    if faults:
        yield "\n| fault | number | what it does | what `repair` does |\n|---|---|---|---|"
        for fault in faults:
            words = fault.kind.en
            yield f"| {words.name} | {fault.number:,} | {words.means} | {words.cure} |"
    yield "\n| check | | what must hold | promise |\n|---|---|---|---|"
    for check in found.checks:
        state = "holds" if check.holds else f"**{check.number:,} broken**"
        yield f"| `{check.name}` | {state} | {check.statement} | {check.promise} |"
