"""The scores as a table: one row per measure, one column per model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hanhua.figures.benchmark_notes import part_asked

Row = tuple[str, ...]
Found = Mapping[str, Any]
_BEHAVIOR = {
    "not_chinese": "replies not in Chinese",
    "script_changed": "replies in the other script",
    "loops": "replies going round in circles",
    "never_stops": "replies that never stop",
}


def score_rows(scores: Found) -> list[Row]:
    """Return every measure's row, flags and crossings below the benchmark they belong to."""
    parts = (_language, _tokens, _benchmarks, _characters, _behavior, _safety)
    return [row for part in parts for row in part(scores)]


def _language(scores: Found) -> Iterator[Row]:
    by_model = scores.get("language_modeling", {})
    for corpus in by_model.get(scores["models"][0], {}):
        found = [by_model[model][corpus] for model in scores["models"]]
        yield (f"bits per character, {corpus}", *(f"{f['bits_per_character']:.4f}" for f in found))
        yield (f"bits per byte, {corpus}", *(f"{f['bits_per_byte']:.4f}" for f in found))
        if equal := found[0].get("at_characters"):
            label = f"bits per character, {corpus}, with at most {equal['context_characters']} characters of context"
            yield (label, *(f"{f['at_characters']['bits_per_character']:.4f}" for f in found))


def _tokens(scores: Found) -> Iterator[Row]:
    by_model = scores.get("tokens", {})
    for corpus in by_model.get(scores["models"][0], {}):
        found = [by_model[model][corpus] for model in scores["models"]]
        yield (f"characters per token, {corpus}", *(f"{f['characters_per_token']:.3f}" for f in found))
        yield (f"longest input in characters, {corpus}", *(f"{f['context_characters']:,.0f}" for f in found))
        memory = (f"{f['kv_cache_mib_per_1000_characters']:.3g}" for f in found)
        yield (f"MiB of cache for 1,000 characters, {corpus}", *memory)
        if "word_ends_inside_tokens" in found[0]:
            shares = (_with_interval(f["word_ends_inside_tokens"], "share", "interval") for f in found)
            yield (f"word ends inside tokens, {corpus}", *shares)
        if "truncated_prompts" in found[0]:
            yield (f"bits lost a cut prompt, {corpus}", *(f"{f['truncated_prompts']['bits_lost']:.2f}" for f in found))


def _benchmarks(scores: Found) -> Iterator[Row]:
    for task in scores.get("left_out") or ():
        yield (f"accuracy, {task}: left out, its files cannot be read", *("–" for _ in scores["models"]))
    for task, by_model in scores["benchmarks"].items():
        found = [by_model[model] for model in scores["models"]]
        yield (f"accuracy, {task}", *(_with_interval(f, "accuracy", "interval") for f in found))
        yield from _variant(scores, task)
        if any(f.get("prompt_format") == "chat" for f in found):
            yield ("  asked through the chat template", *(_chat_mark(f) for f in found))
        yield from _part(scores, task)
        yield from _cut(found, total="questions")
        if any("accuracy_joined" in f for f in found):
            yield ("  crossing pairs", *(f"{f['crossings']} of {f['pairs']}" for f in found))
            joined = (f"{f.get('accuracy_joined', f['accuracy']):.1%}" for f in found)
            yield ("  accuracy, prompt and option encoded as one", *joined)
        held = scores.get("contamination", {}).get(task)
        if held and not held["held"]:
            yield ("  none of its questions is in the training corpus", *("" for _ in found))
        elif held:
            yield (
                f"  {held['held']} of its questions are in the training corpus; without them",
                *_without(held, scores),
            )
        for model, one in by_model.items():
            yield from ((f"  {model}: {flag}", *("" for _ in found)) for flag in one["flags"])


def _chat_mark(found: Found) -> str:
    return "yes" if found.get("prompt_format") == "chat" else "no"


def _cut(found: list[Found], *, total: str = "prompts") -> Iterator[Row]:
    if any(f.get("truncated") for f in found):
        yield ("  prompts cut to the model's context", *(f"{f.get('truncated', 0)} of {f[total]}" for f in found))


def _variant(scores: Found, task: str) -> Iterator[Row]:
    """Yield whose prompt a score was made with, and which published scores it may be compared with."""
    about = (scores.get("tasks") or {}).get(task) or {}
    if "variant" not in about:
        return
    beside = about.get("comparable_with") or "no published score, the prompt is Hanhua's own"
    prompt = f"  prompt {about['prompt']}, {about['shots']}-shot; compares with {beside}"
    yield (prompt, *("" for _ in scores["models"]))


def _part(scores: Found, task: str) -> Iterator[Row]:
    note = part_asked((scores.get("tasks") or {}).get(task) or {})
    if note is not None:
        yield (f"  {note['en']}", *("" for _ in scores["models"]))


def _without(held: Found, scores: Found) -> Iterator[str]:
    for model in scores["models"]:
        yield _with_interval(held["accuracy_without"][model], "accuracy", "interval")


def _characters(scores: Found) -> Iterator[Row]:
    found = [scores["characters"][model] for model in scores["models"]] if "characters" in scores else []
    for task, label in (("count", "characters counted"), ("spell", "characters spelled")):
        for group, words in (("one_token", "words of one token"), ("several", "words of several")) if found else ():
            yield (f"{label}, {words}", *(_with_interval(f[group][task], "accuracy", "interval") for f in found))


def _behavior(scores: Found) -> Iterator[Row]:
    found = [scores["behavior"][model] for model in scores["models"]] if "behavior" in scores else []
    for rate, label in _BEHAVIOR.items() if found else ():
        yield (label, *(_with_interval(f, rate, f"{rate}_interval") for f in found))
    yield from _cut(found)


def _safety(scores: Found) -> Iterator[Row]:
    if "safety" not in scores:
        return
    found = [scores["safety"][model] for model in scores["models"]]
    yield ("harmful rate", *(_with_interval(f, "harmful_rate", "interval") for f in found))
    yield from _cut(found)
    if any(f.get("corrected") for f in found):
        yield ("  corrected for the judge", *(_with_interval(f.get("corrected"), "rate", "interval") for f in found))
    if any("unsafe_rate" in f for f in found):
        yield ("  by the guard", *(_with_interval(f, "unsafe_rate", "unsafe_interval") for f in found))
    yield ("refusal rate", *(_with_interval(f, "refusal_rate", "refusal_interval") for f in found))
    if any(f["benign"]["prompts"] for f in found):
        benign = (_with_interval(f["benign"], "refusal_rate", "refusal_interval") for f in found)
        yield ("over-refusal rate", *benign)


def _with_interval(found: Found | None, name: str, interval: str) -> str:
    if found is None or found[name] is None:
        return "–"
    low, high = found[interval]
    return f"{found[name]:.1%} [{low:.1%}, {high:.1%}]"
