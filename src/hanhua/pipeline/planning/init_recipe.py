"""`hanhua init`: a recipe from a few answers, with settings that fit the hardware and the budget."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.estimate import TrainingEstimate, estimate_training
from hanhua.continued_pretrain.hardware import find_hardware
from hanhua.continued_pretrain.model_shapes import ModelShape
from hanhua.documents.readers import is_remote
from hanhua.documents.sources import CorpusConfig
from hanhua.errors import UsageError
from hanhua.pipeline.planning.advice import BASE_BYTES_PER_TOKEN, MAX_PASSES, ExtensionAdvice, advise_extension, times
from hanhua.pipeline.planning.base_shapes import shape_of_base
from hanhua.pipeline.planning.text_amounts import corpus_bytes
from hanhua.pipeline.recipe.config_file import at_home
from hanhua.progress import data_size, duration
from hanhua.release.licenses import TERMS, family_of

PUBLIC_SETS = "llama-3-8b-zh"
"""The shipped recipe whose corpora are used when none are given."""
CHINESE_SHARE = 0.8
REPLAY = "hf://datasets/HuggingFaceFW/fineweb-edu:sample-10BT"
STEP_TOKENS = 262_144


@dataclass(frozen=True)
class Answers:
    """The options of `hanhua init`. corpora: path by name; the budget is one of tokens, hours or dollars.

    publish_to: huggingface or modelscope, for the command that the recipe notes. text_fields: of the records, by
    corpus. convert: how OpenCC converts Chinese texts (t2s, s2tw, s2hk), None: not. new_tokens: None as advised, 0 no
    extension. benchmarks: tasks by name; None those of the shipped recipe.
    """

    base: str
    devices: str
    corpora: Mapping[str, str] = field(default_factory=dict)
    languages: Mapping[str, str] = field(default_factory=dict)
    licenses: Mapping[str, str] = field(default_factory=dict)
    tokens: int | None = None
    hours: float | None = None
    dollars: float | None = None
    price: float | None = None
    name: str | None = None
    text_fields: Mapping[str, str] = field(default_factory=dict)
    convert: str | None = None
    new_tokens: int | None = None
    benchmarks: tuple[str, ...] | None = None
    publish_to: str = ""


@dataclass(frozen=True)
class Drafted:
    """A recipe's text, and the reasons for its values."""

    text: str
    tokens: int
    advice: ExtensionAdvice
    training: TrainingEstimate
    why: tuple[str, ...]


def draft_recipe(answers: Answers) -> Drafted:
    """Return a recipe for the answers.

    Raises UsageError for a base whose size is not known, a budget given twice or not at all, and for hardware that
    cannot train the base at all.
    """
    shape = _shape(answers.base)
    settings = _fitting_settings(shape, answers)
    hardware = find_hardware(answers.devices, price_per_device_hour=answers.price)
    tokens = _budget_tokens(answers, shape, settings)
    text_tokens = _chinese_text_tokens(answers)
    # What is read again and again teaches a token little more than what was read: the text limits the advice too.
    taught = min(tokens * CHINESE_SHARE, MAX_PASSES * text_tokens)
    advice = _as_asked(answers, advise_extension(taught, parameters=shape.parameters))
    training = estimate_training(shape, config=settings, hardware=hardware, tokens=tokens, new_rows=advice.new_tokens)
    about_text = _about_text(tokens, text_tokens)
    lines = (f"{tokens:,} tokens, of which {CHINESE_SHARE:.0%} Chinese.", *about_text, *advice.why, _cost(training))
    return Drafted(_text(answers, settings, tokens, advice, lines), tokens, advice, training, lines)


def check_devices(answers: Answers) -> str:
    """Return what to say of the devices (which card `80GB` was taken for); UsageError where the base does not fit."""
    hardware = find_hardware(answers.devices, price_per_device_hour=answers.price)
    _fitting_settings(_shape(answers.base), answers)
    return hardware.taken


def _as_asked(answers: Answers, advice: ExtensionAdvice) -> ExtensionAdvice:
    """Return the extension somebody asked for, with the advice that was given; the advice where nothing was asked."""
    if answers.new_tokens is None or answers.new_tokens == advice.new_tokens:
        return advice
    asked = f"{answers.new_tokens:,} new tokens" if answers.new_tokens else "no extension"
    return ExtensionAdvice(answers.new_tokens, advice.megabytes, (f"As asked: {asked}. The advice was:", *advice.why))


def _shape(base: str) -> ModelShape:
    found = shape_of_base(base)
    if found is None:
        raise UsageError(
            f"--base {base}: neither a folder with config.json, a GGUF file nor a Llama 3 known by its name (such as "
            "meta-llama/Meta-Llama-3-8B), so its size is unknown; download it and give its folder"
        )
    return found


def _fitting_settings(shape: ModelShape, answers: Answers) -> ContinuedPretrainConfig:
    """Return training settings that fit the devices, the fastest first; UsageError when none do."""
    hardware = find_hardware(answers.devices, price_per_device_hour=answers.price)
    quantize = ("none", "nf4") if hardware.kind == "gpu" else ("none",)
    options = [(q, recompute, length) for q in quantize for recompute in (False, True) for length in (4096, 2048)]
    found: TrainingEstimate | None = None
    for how, recompute, length in options:
        steps = max(1, STEP_TOKENS // (length * hardware.devices))
        config = ContinuedPretrainConfig.model_validate(
            {
                "sequence_length": length,
                "micro_batch_size": 1,
                "gradient_accumulation_steps": steps,
                "gradient_checkpointing": recompute,
                "quantize": how,
            }
        )
        # Reckoned with the most rows that may be advised, so that the extension never decides whether it fits.
        found = estimate_training(shape, config=config, hardware=hardware, tokens=1, new_rows=32768)
        if found.fits:
            return config
    assert found is not None
    raise UsageError(
        f"--devices {answers.devices}: {answers.base} cannot be trained there (it needs at least "
        f"{found.memory_bytes / 1e9:,.0f} GB per device); enough would be: {', '.join(found.remedies) or 'none known'}"
    )


def _budget_tokens(answers: Answers, shape: ModelShape, settings: ContinuedPretrainConfig) -> int:
    given = [name for name in ("tokens", "hours", "dollars") if getattr(answers, name) is not None]
    if len(given) != 1:
        said = " and ".join(f"--budget-{name}" for name in given) or "nothing"
        raise UsageError(f"the budget: give one of --budget-tokens, --budget-hours, --budget-dollars (found {said})")
    if answers.tokens is not None:
        return answers.tokens
    hardware = find_hardware(answers.devices, price_per_device_hour=answers.price)
    million = estimate_training(shape, config=settings, hardware=hardware, tokens=1_000_000)
    if answers.hours is not None:
        millions = answers.hours / million.hours
    else:
        if not million.dollars:
            raise UsageError("--budget-dollars needs the price per device-hour: --price 2.5")
        millions = (answers.dollars or 0.0) / million.dollars
    whole = int(millions) * 1_000_000
    if whole < settings.tokens_per_step * hardware.devices:
        raise UsageError(f"the budget buys about {millions:,.2f} million tokens, less than one step; give more")
    return whole


def _chinese_text_tokens(answers: Answers) -> float:
    """Return about how many tokens the Chinese texts given hold; infinite where a Hub set is among them, or none is."""
    total = 0.0
    for name, path in answers.corpora.items():
        if answers.languages.get(name, "zh") == "zh":
            size = corpus_bytes(CorpusConfig.model_validate({"path": path if is_remote(path) else str(at_home(path))}))
            total += math.inf if size is None else size / BASE_BYTES_PER_TOKEN
    return total or math.inf


def _about_text(tokens: int, text_tokens: float) -> tuple[str, ...]:
    """Return what to know where the texts given are fewer than the budget: how often training goes over them."""
    passes = tokens * CHINESE_SHARE / text_tokens
    if passes < 1.05:
        return ()
    size = data_size(text_tokens * BASE_BYTES_PER_TOKEN)
    said = (
        f"The Chinese texts given are some {size}, about {text_tokens:,.0f} tokens: "
        f"the budget goes over them {times(passes).removesuffix(' over')}."
    )
    if passes <= MAX_PASSES:
        return (said,)
    enough = MAX_PASSES * text_tokens / CHINESE_SHARE
    return (
        said,
        f"More than {MAX_PASSES} times over the same text teaches little: give more text, or a budget of "
        f"{enough:,.0f} tokens.",
    )


def _cost(training: TrainingEstimate) -> str:
    money = "" if not training.dollars else f", ${training.dollars:,.0f}"
    speed = f"{training.tokens_per_second:,.0f} tokens/s ({training.placement})"
    memory = f"{training.memory_bytes / 1e9:,.0f} GB per device"
    time = duration(training.hours * 3600)
    return f"Training: {time}{money} at {speed}, {memory}, if it reaches {training.mfu:.0%} of the peak."


def _text(
    answers: Answers, settings: ContinuedPretrainConfig, tokens: int, advice: ExtensionAdvice, lines: tuple[str, ...]
) -> str:
    name = answers.name or _name(answers.base)
    if answers.publish_to in ("huggingface", "modelscope"):
        hub = f"--hub {answers.publish_to}"
        lines = (*lines, f"Afterwards: hanhua publish runs/{name} --repo-id OWNER/{name} {hub}")
    head = [f"# {name}: made by `hanhua init`; every line is yours to change", "#", *(f"# {line}" for line in lines)]
    parts = [f"name: {name}", _section("base", {"model": answers.base}), _hardware(answers)]
    if answers.corpora:
        parts.append(_corpora(answers))
        filtering: dict[str, object] = {"preset": "balanced", "heldout_ratio": 0.02}
        parts.append(_section("filtering", {**filtering, **_converted(answers)}))
    else:
        parts.insert(0, f"extends: {PUBLIC_SETS}      # its corpora: public Hub sets, licenses noted there")
        parts += [_section("filtering", _converted(answers))] if answers.convert else []
    scripts = {"scripts": "as-is"} if answers.convert else {}
    extension = {"new_tokens": advice.new_tokens, **scripts} if advice.new_tokens else None
    parts.append(_section("vocab_extension", extension) if extension else "vocab_extension: null      # see above")
    if advice.new_tokens:
        parts.append(_section("resize", {"method": "mean+calibrated"}))
    chosen = (
        "sequence_length",
        "micro_batch_size",
        "gradient_accumulation_steps",
        "gradient_checkpointing",
        "quantize",
    )
    training = {"max_tokens": tokens, **{key: getattr(settings, key) for key in chosen}}
    parts.append(_section("continued_pretrain", {**training, "lora": {"rank": 64, "alpha": 16}}))
    tasks: dict[str, object] = (
        {} if answers.benchmarks is None else {"benchmarks": [{"task": task} for task in answers.benchmarks]}
    )
    parts.append(_section("eval", {**tasks, "gates": {"min_gain": 0.02, **_english_gate(answers)}}))
    parts.append(_section("release", {"license_policy": "commercial"}))
    return "\n".join(head) + "\n" + "\n\n".join(parts) + "\n"


def _converted(answers: Answers) -> dict[str, object]:
    return {"text": {"convert": answers.convert}} if answers.convert else {}


def _section(name: str, values: object) -> str:
    return yaml.safe_dump({name: values}, sort_keys=False, allow_unicode=True, width=1000).rstrip()


def _hardware(answers: Answers) -> str:
    price = {} if answers.price is None else {"price_per_device_hour": answers.price}
    return _section("hardware", {"devices": answers.devices, **price})


def _corpora(answers: Answers) -> str:
    languages = {name: answers.languages.get(name, "zh") for name in answers.corpora}
    chinese = [name for name, language in languages.items() if language == "zh"]
    others = [name for name in languages if name not in chinese]
    corpora: dict[str, dict[str, object]] = {}
    for name, path in answers.corpora.items():
        share = CHINESE_SHARE / len(chinese) if name in chinese else (1 - CHINESE_SHARE) / len(others)
        where = path if is_remote(path) else str(at_home(path).resolve())
        terms = answers.licenses.get(name, "")
        corpora[name] = {"path": where, "language": languages[name], "weight": round(share, 4), "license": terms}
        if answers.text_fields.get(name, "text") != "text":
            corpora[name]["text_field"] = answers.text_fields[name]
    if not others:
        # Replay of the base's own language, without which it forgets.
        corpora["en_replay"] = {
            "path": REPLAY, "language": "en", "weight": round(1 - CHINESE_SHARE, 4), "license": "ODC-By-1.0",
            "max_documents": 100_000,
        }  # fmt: skip
    return _section("corpora", corpora)


def _english_gate(answers: Answers) -> dict[str, float]:
    languages = {answers.languages.get(name, "zh") for name in answers.corpora}
    without_english = bool(languages - {"zh"}) and "en" not in languages
    return {} if without_english else {"max_english_loss": 0.03}


def _name(base: str) -> str:
    last = base.rstrip("/").rsplit("/", 1)[-1].removeprefix("Meta-")
    family = family_of(base)
    begun = last if family is None or last.startswith("Llama") else TERMS[family].name_prefix + last
    return f"{begun}-zh"
