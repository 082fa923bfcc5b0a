"""The third layer: a guard model, a chat model trained to answer whether a text is safe, run through transformers.

Any of them by configuration: the text is put into the model's own chat template, the answer is generated greedily,
and regular expressions read it. The defaults read Qwen3Guard ("Safety: Unsafe / Categories: Violent") and Llama
Guard ("unsafe / S1"). Where all that the answer objects to is none of our categories (politics, copyright,
elections), the text passes. No code of the model's folder is run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import sha256_of
from hanhua.base_model import resolve_base_model
from hanhua.errors import InputError, MissingExtra
from hanhua.filtering.config import GuardConfig
from hanhua.services import HarmScore

MAX_NEW_TOKENS = 64
HARMFUL_SCORE, HARMLESS_SCORE = 0.9, 0.1
NOT_OURS = ""
ANSWERS: Mapping[str, str] = {
    # Qwen3Guard
    r"\bNon-violent Illegal Acts\b": "fraud",
    r"(?<!Non-)\bViolent\b": "violence",
    r"\bSexual Content": "pornography",
    r"\bSuicide": "self_harm",
    r"\bUnethical Acts\b": "hate",
    r"\bPolitically Sensitive|\bCopyright|\bPII\b|\bJailbreak\b": NOT_OURS,
    # Llama Guard 3
    r"\bS1\b": "violence",
    r"\bS2\b": "fraud",
    r"\bS(?:3|4|12)\b": "pornography",
    r"\bS9\b": "illegal_goods",
    r"\bS10\b": "hate",
    r"\bS11\b": "self_harm",
    r"\bS(?:5|6|7|8|13|14)\b": NOT_OURS,
}
"""What in an answer means which category; `NOT_OURS`: an objection that is no matter of this filter."""
# One word of theirs for several of ours: the layers before know better which.
_BROAD = frozenset({"fraud"})
_COMMERCIAL = frozenset({"gambling", "fraud", "illegal_goods", "black_market"})


class Guard:
    """A guard model and how to read it."""

    def __init__(self, config: GuardConfig, folder: Path) -> None:
        self._config, self._folder = config, folder
        self.min_score, self.max_score = config.min_score, config.max_score
        self._unsafe = re.compile(config.unsafe)
        self._answers = [(re.compile(answer), name) for answer, name in (config.categories or ANSWERS).items()]
        self._model, self._tokenizer, self._torch = _load(config, folder)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the configuration and the model's files."""
        files = sorted(
            path for pattern in ("*.safetensors", "*.json", "*.jinja") for path in self._folder.glob(pattern)
        )
        digest = hashlib.sha256(self._config.model_dump_json(exclude={"model", "device"}).encode())
        for path in files:
            digest.update(f"{path.name} {sha256_of(path)}".encode())
        return digest.hexdigest()

    def judge(self, text: str, found: HarmScore) -> HarmScore:
        """Return the guard's verdict on a text of which the other layers found `found`."""
        return self.read(self.answer(self._shown(text, found)), found)

    def read(self, answer: str, found: HarmScore) -> HarmScore:
        """Return what an answer says: category and score; the spans stay those that were found."""
        named = [name for pattern, name in self._answers if pattern.search(answer)]
        ours = [name for name in named if name != NOT_OURS]
        if not self._unsafe.search(answer) or (named and not ours):
            return HarmScore(found.category, HARMLESS_SCORE, found.spans)
        category = ours[0] if ours else found.category
        if found.category in ours or (category in _BROAD and found.category in _COMMERCIAL):
            category = found.category
        return HarmScore(category or "violence", HARMFUL_SCORE, found.spans)

    def answer(self, text: str) -> str:
        """Return the model's answer to a text."""
        message = {"role": self._config.role, "content": text}
        # A reply is judged as one, after an empty question.
        messages = [message] if self._config.role == "user" else [{"role": "user", "content": " "}, message]
        inputs = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(self._config.device)
        with self._torch.inference_mode():
            out = self._model.generate(
                **inputs, max_new_tokens=MAX_NEW_TOKENS, do_sample=False, temperature=None, top_p=None, top_k=None
            )
        return str(self._tokenizer.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))

    def _shown(self, text: str, found: HarmScore) -> str:
        limit = self._config.max_characters
        if len(text) <= limit:
            return text
        start = max(min(found.spans[0][0] - limit // 8, len(text) - limit), 0) if found.spans else 0
        return text[start : start + limit]


def build_guard(config: GuardConfig) -> Guard:
    """Load a guard. Raises InputError for a model that is none, or has no chat template."""
    for pattern in (config.unsafe, *config.categories):
        try:
            re.compile(pattern)
        except re.error as error:
            raise InputError(f"guard: {pattern!r} is not a regular expression ({error})") from error
    return Guard(config, _folder(config))


def _folder(config: GuardConfig) -> Path:
    if config.revision is None:
        return resolve_base_model(config.model)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                config.model, revision=config.revision, allow_patterns=["*.safetensors", "*.json", "*.jinja"]
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(f"{config.model} at {config.revision}: the Hub did not return it ({error})") from error


def _load(config: GuardConfig, folder: Path) -> tuple[Any, Any, Any]:
    try:
        import torch
    except ImportError:
        raise MissingExtra("a guard model", "eval") from None
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", use_safetensors=True)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder}: no causal language model transformers can load ({error})") from error
    if not tokenizer.chat_template:
        raise InputError(f"{folder}: its tokenizer has no chat template, which a guard needs")
    return model.to(config.device).eval(), tokenizer, torch
