"""All that happens to one record on its own: clean-up, rules, masking, hashes. What workers run.

A judge is made once per process from the configuration alone, and the same text gives the same answer in
any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import xxhash

from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.decontamination.index import benchmark
from hanhua.filtering.decontamination.kept_index import build_index
from hanhua.filtering.document import KEEP, Draft, Drafts, Verdict, reject
from hanhua.filtering.duplicates.lines import line_hashes
from hanhua.filtering.extraction import may_need_repair, repair_extraction
from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.harm.layers import build_harm_scorer_beside
from hanhua.filtering.harm.rule import harm
from hanhua.filtering.mojibake import repair_mojibake
from hanhua.filtering.normalize import clean, join_hard_wraps, may_be_wrapped
from hanhua.filtering.pages.scores import PageScorer
from hanhua.filtering.pages.whole import shipped_page_model
from hanhua.filtering.pii import find_pii, mask_pii
from hanhua.filtering.pii.traces import traces
from hanhua.filtering.quality_model.model import load_quality_model
from hanhua.filtering.rules.boilerplate import boilerplate
from hanhua.filtering.rules.empty import empty
from hanhua.filtering.rules.encoding import encoding
from hanhua.filtering.rules.entropy import entropy
from hanhua.filtering.rules.junk import junk
from hanhua.filtering.rules.language import language
from hanhua.filtering.rules.length import length
from hanhua.filtering.rules.lines import lines
from hanhua.filtering.rules.page_scores import KINDS, page_junk, page_limits
from hanhua.filtering.rules.quality_score import quality_score
from hanhua.filtering.rules.repetition import repetition
from hanhua.filtering.rules.symbols import symbols
from hanhua.filtering.rules.words import any_word_limit, words
from hanhua.filtering.shingles import SHINGLE, hash_ngrams, signatures
from hanhua.zh_text.conversion import open_converter

GROUP_CHARACTERS = 96_000
"""Characters judged together: enough that numpy's calls cost little, so few that what they make stays in the cache."""
Rule = Callable[[Draft], Verdict]


@dataclass(frozen=True)
class Judged:
    """What became of one text.

    text: as it goes into the corpus; of a rejected document, as it was judged. digest: 16 bytes of the
    text before masking, without white space. signature: MinHash as uint32, empty when near copies are not
    looked for. letters: letters and digits, by which the best of several copies is chosen. lines: hashes of its
    lines, when they are looked for. repaired: its bytes had been read in the wrong encoding. questions: of
    benchmarks, that it holds, with the share of each. measured: what the rules compared with their limits.
    """

    text: str
    verdict: Verdict
    script: str = ""
    masked: dict[str, int] = field(default_factory=dict)
    digest: bytes = b""
    signature: bytes = b""
    letters: int = 0
    lines: bytes = b""
    repaired: bool = False
    questions: list[tuple[str, float]] = field(default_factory=list)
    measured: dict[str, float] = field(default_factory=dict)

    def without_measures(self) -> Judged:
        """Return the same without what was measured."""
        return replace(self, measured={})


class Judge:
    """Judges texts, several together: what they say of one does not depend on the others."""

    def __init__(self, config: FilteringConfig) -> None:
        self._config = config
        self._rules = rules_of(config)
        self._converter = open_converter(config.text.convert) if config.text.convert else None

    def judge(self, text: str, *, language: str) -> Judged:
        """Clean the text up, apply the rules in order until one rejects it, then mask and hash it."""
        return self._judge_group([text], [language])[0]

    def judge_all(self, texts: Sequence[str], languages: Sequence[str]) -> list[Judged]:
        """Judge several, in order: the same as one by one, at a fraction of the cost where they are short."""
        judged: list[Judged] = []
        for begin, end in _groups(texts):
            judged += self._judge_group(texts[begin:end], languages[begin:end])
        return judged

    def _judge_group(self, texts: Sequence[str], languages: Sequence[str]) -> list[Judged]:
        drafts, repaired = self._prepared(Drafts(texts, languages))
        return [self._judged(draft, repaired=number in repaired) for number, draft in enumerate(drafts)]

    def _judged(self, draft: Draft, *, repaired: bool) -> Judged:
        for rule in self._rules:
            verdict = rule(draft)
            if not verdict.keep:
                return Judged(draft.text, verdict, questions=draft.questions, measured=draft.measured)
        masked, counts = self._masked(draft)
        profile = draft.profile
        return Judged(
            masked,
            KEEP,
            script=profile.script if draft.chinese else "",
            masked=dict(counts),
            digest=draft.view(_digests),
            signature=draft.view(self._signatures) if self._config.duplicates.near else b"",
            letters=profile.letters + profile.digits,
            lines=self._lines(masked),
            repaired=repaired,
            measured=draft.measured,
        )

    def _prepared(self, drafts: Drafts) -> tuple[list[Draft], set[int]]:
        """Return the drafts of the texts as they are judged, and the numbers of those with a wrong decoding undone."""
        prepared, repaired, changed = list(drafts), set(), {}
        for number, draft in enumerate(prepared):
            right = self._repaired(draft)
            text = self._normalized(right)
            if right is not draft:
                repaired.add(number)
            if text != draft.text:
                changed[number] = text
        if changed:
            again = Drafts(list(changed.values()), [drafts.languages[number] for number in changed])
            for number, draft in zip(changed, again, strict=True):
                prepared[number] = draft
        return prepared, repaired

    def _repaired(self, draft: Draft) -> Draft:
        """Undo a wrong decoding. First of all: clean-up would drop the control characters it needs."""
        if not self._config.text.repair_mojibake or not draft.chinese:
            return draft
        text = repair_mojibake(draft.text, draft.profile)
        return draft if text == draft.text else Draft(text, language=draft.language)

    def _normalized(self, draft: Draft) -> str:
        text, settings = draft.text, self._config.text
        if draft.profile.unclean:
            # A lone surrogate cannot be written as UTF-8, whatever the preset.
            text = clean(text) if settings.clean else text.encode("utf-8", "replace").decode("utf-8")
        if not draft.chinese:
            return text
        if settings.repair_extraction and draft.view(may_need_repair):
            text = repair_extraction(text)
        if settings.join_hard_wraps and (draft.profile.unclean or draft.view(may_be_wrapped)):
            text = join_hard_wraps(text)
        return text if self._converter is None else self._converter(text)

    def _lines(self, text: str) -> bytes:
        return line_hashes(text).tobytes() if self._config.duplicates.max_line_documents is not None else b""

    def _masked(self, draft: Draft) -> tuple[str, Mapping[str, int]]:
        pii = self._config.pii
        if pii.mode != "mask":
            return draft.text, {}
        return mask_pii(draft.text, kinds=pii.kinds, may=draft.view(traces))

    def _signatures(self, drafts: Drafts) -> list[bytes]:
        near = self._config.duplicates
        folds, shingles = drafts.folds, list(drafts.shingles)
        for number, spoken in enumerate(drafts.languages):
            width = near.shingle_characters if spoken == "zh" else near.shingle_characters_other
            if width != SHINGLE:
                shingles[number] = hash_ngrams(folds.of(number), width)
        return signatures(shingles, hashes=near.bands * near.rows)


def _digests(drafts: Drafts) -> list[bytes]:
    """Return the hash of each text without its white space; a view."""
    texts, spaces = drafts.joined, drafts.lines.spaces
    # A text that clean-up changed is still among these drafts, with the surrogates it had.
    visible = texts.codes[~spaces].tobytes().decode("utf-32-le", "surrogatepass")
    bounds = texts.starts - np.searchsorted(np.flatnonzero(spaces), texts.starts)
    parts = (visible[begin:end].encode("utf-8", "surrogatepass") for begin, end in pairwise(bounds.tolist()))
    return list(map(xxhash.xxh3_128_digest, parts))


def _groups(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield which texts, [begin, end), are judged together."""
    begin = characters = 0
    for number, text in enumerate(texts):
        characters += len(text)
        if characters >= GROUP_CHARACTERS:
            yield begin, number + 1
            begin, characters = number + 1, 0
    if begin < len(texts):
        yield begin, len(texts)


def rules_of(config: FilteringConfig) -> list[Rule]:
    """Return the rules that a configuration turns on, cheapest and most telling first.

    Mojibake is looked for before the language, since it looks like another one; symbols before length,
    since a wall of emoji has few letters.
    """
    quality, pages = config.quality, None
    if page_limits(config.junk) != (None,) * len(KINDS):
        model = shipped_page_model()
        scorer = build_harm_scorer_beside(config.harm, model)
        pages = PageScorer(model, scorer.read_windows)
    else:
        scorer = build_harm_scorer(config.harm)
    rules: list[Rule] = [
        empty,
        lambda draft: encoding(draft, quality),
        lambda draft: language(draft, config.language),
        lambda draft: symbols(draft, quality),
        lambda draft: length(draft, quality),
        lambda draft: repetition(draft, quality),
        lambda draft: entropy(draft, quality),
        lambda draft: lines(draft, quality),
        *([lambda draft: words(draft, quality)] if any_word_limit(quality) else []),
        lambda draft: boilerplate(draft, quality),
    ]
    if quality.model is not None:
        chosen = load_quality_model(Path(quality.model))
        rules.append(lambda draft: quality_score(draft, quality, model=chosen))
    index = build_index(config.decontamination)
    if index is not None:
        rules.append(lambda draft: benchmark(draft, config.decontamination, index=index))
    if config.harm.enabled:
        rules.append(lambda draft: harm(draft, config.harm, scorer=scorer))
    # After harm, which names what is sold; junk has few words for it.
    rules.append(lambda draft: junk(draft, config.junk))
    if pages is not None:
        rules.append(lambda draft: page_junk(draft, config.junk, scorer=pages))
    if config.pii.mode == "drop":
        rules.append(lambda draft: _personal(draft, config.pii.kinds))
    return rules


def _personal(draft: Draft, kinds: Collection[str]) -> Verdict:
    found = [one for one in find_pii(draft.text, draft.view(traces)) if one.tag in kinds]
    return reject(f"pii.{found[0].tag.lower()}", len(found)) if found else KEEP
