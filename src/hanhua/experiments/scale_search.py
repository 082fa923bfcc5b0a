"""Which scale restores best: each is tried on held-out text and on a few prompts, and what each costs is shown.

A larger scale brings back more of the instruct model's manners, and takes more of what adapting gave.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import xxhash

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.fingerprint import fingerprint
from hanhua.bits import bits_of_nats
from hanhua.documents import Document, read_records
from hanhua.errors import InputError, MissingExtra
from hanhua.eval.behavior.replies import loops, reply_language
from hanhua.eval.behavior.safety import HARMFUL
from hanhua.progress import say
from hanhua.services import HarmScorer
from hanhua.vocab_extension.chat_vector.config import ChatVectorConfig
from hanhua.vocab_extension.chat_vector.restore import restore_folder
from hanhua.vocab_extension.texts import encodable
from hanhua.weights import weight_files

PROMPTS = Path(__file__).parent / "chat_prompts.jsonl"


@dataclass(frozen=True)
class SearchConfig:
    """What is tried, and on how much. max_loss: largest rise of bits per byte above the adapted model's, as a share."""

    scales: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    max_loss: float = 0.05
    max_documents: int = 50
    max_characters: int = 2000
    context_tokens: int = 1024
    max_prompts: int | None = None
    max_new_tokens: int = 128


@dataclass(frozen=True)
class Tried:
    """What one scale gave. Shares are of the prompts.

    stopped: ended by an end token in time. in_language: in the language of the prompt. good: stopped, in the
    language, not going round in circles and not harmful. replies: as they came.
    """

    scale: float
    bits_per_byte: float
    stopped: float
    in_language: float
    harmful: float
    good: float
    replies: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """All that was tried, in order of the scale, from 0 (the adapted model) on; best: None where all lose too much."""

    tried: tuple[Tried, ...]
    best: Tried | None


def search_scale(
    config: SearchConfig,
    restoring: ChatVectorConfig,
    *,
    adapted: Path,
    base: Path,
    instruct: Path,
    documents: Sequence[Document],
    prompts: Sequence[str],
    harm: HarmScorer,
    work: Path,
) -> Found:
    """Restore at every scale and measure it; one restored model at a time lies in `work`.

    Finished scales are kept there, so that a search can resume. Raises MissingExtra without torch.
    """
    if find_spec("torch") is None:
        raise MissingExtra("hanhua restore --search", "train")
    folders = {"adapted": adapted, "base": base, "instruct": instruct}
    key = _key(config, restoring, folders, documents, prompts, harm)
    work.mkdir(parents=True, exist_ok=True)
    tried = []
    for scale in sorted({0.0, *config.scales}):
        result = work / f"scale-{fingerprint({**key, 'scale': scale})[:16]}.json"
        if not result.is_file():
            say(f"search: λ = {scale:g}")
            own = restoring.model_copy(update={"scale": scale})
            folder = work / "restored"
            shutil.rmtree(folder, ignore_errors=True)
            restore_folder(adapted, base=base, instruct=instruct, out=folder, config=own)
            write_json(result, vars(measure_folder(scale, config, folder, documents, prompts, harm)))
            shutil.rmtree(folder)
        data = read_json(result)
        tried.append(Tried(**{**data, "replies": tuple(data["replies"])}))
    return Found(tuple(tried), choose(tried, max_loss=config.max_loss))


def choose(tried: Sequence[Tried], *, max_loss: float) -> Tried | None:
    """Return the scale with the most good replies among those that lose little enough; the smaller one on a tie.

    The first is the adapted model as it is; it restores nothing and is never chosen.
    """
    limit = tried[0].bits_per_byte * (1 + max_loss)
    allowed = [one for one in tried[1:] if one.bits_per_byte <= limit]
    return max(allowed, key=lambda one: (one.good, -one.scale), default=None)


def same_language(prompt: str, reply: str) -> bool:
    """Return whether a reply is in the language of its prompt; a Chinese one may hold much code.

    >>> same_language("一斤等于多少克？", "五百克。"), same_language("一斤等于多少克？", "500 grams")
    (True, False)
    """
    asked, answered = reply_language(prompt), reply_language(reply)
    return answered == asked or (asked == "zh" and answered == "mixed")


def draw_documents(sources: Iterable[str], *, text_field: str, max_documents: int) -> list[Document]:
    """Return held-out documents drawn by the hash of their text; what a Corpus calls train is left out."""
    drawn: dict[int, Document] = {}
    for source in sources:
        for record in read_records(source, text_field=text_field, on_broken=lambda place, why: say(f"{place}: {why}")):
            text = encodable(record.text)
            if text.strip() and record.fields.get("split") != "train":
                hash_ = xxhash.xxh3_64_intdigest(text.encode())
                drawn[hash_] = Document(f"{Path(source).name}#{record.number}", text, "search", split="heldout")
                if len(drawn) > max_documents:
                    del drawn[max(drawn)]
    if not drawn:
        raise InputError("--search: no held-out document in these files; give texts the model did not learn from")
    return [drawn[hash_] for hash_ in sorted(drawn)]


def read_chat_prompts(path: Path = PROMPTS, *, max_prompts: int | None = None) -> list[str]:
    """Return the prompts of a file, field `prompt`; those that come with Hanhua by default."""
    prompts = [record.text for record in read_records(path, text_field="prompt") if record.text.strip()]
    if not prompts:
        raise InputError(f"{path}: no prompts; expected one JSON object per line, with a field `prompt`")
    return prompts[:max_prompts]


def measure_folder(
    scale: float,
    config: SearchConfig,
    folder: Path,
    documents: Sequence[Document],
    prompts: Sequence[str],
    harm: HarmScorer,
) -> Tried:
    """Measure one model folder on the documents and by its greedy replies to the prompts."""
    from hanhua.eval.engine.loaded_model import execution, load_model
    from hanhua.eval.engine.model_folder import open_model_folder
    from hanhua.eval.engine.requests import Sampling
    from hanhua.eval.engine.runner import runner_of
    from hanhua.eval.language.likelihoods import score_documents
    from hanhua.eval.plan import encode_prompt

    with execution(None):
        runner = runner_of(load_model(open_model_folder("restored", folder, hash_of_content="unused")), batch_size=8)
        scored = score_documents(
            runner, documents, context_tokens=config.context_tokens, max_characters=config.max_characters
        )
        encoded = [encode_prompt(runner.reader, prompt, in_chat=True) for prompt in prompts]
        replies = runner.generate(encoded, Sampling(config.max_new_tokens))
    texts = [reply.text for reply in replies]
    stopped = [reply.finished for reply in replies]
    language = [same_language(prompt, text) for prompt, text in zip(prompts, texts, strict=True)]
    harmful = [harm.score(text).score >= HARMFUL for text in texts]
    good = [s and i and not h and not loops(t) for s, i, h, t in zip(stopped, language, harmful, texts, strict=True)]
    bits = bits_of_nats(sum(d.nats for d in scored)) / sum(d.bytes for d in scored)
    return Tried(scale, bits, _share(stopped), _share(language), _share(harmful), _share(good), tuple(texts))


def _key(
    config: SearchConfig,
    restoring: ChatVectorConfig,
    folders: dict[str, Path],
    documents: Sequence[Document],
    prompts: Sequence[str],
    harm: HarmScorer,
) -> dict[str, Any]:
    """Return all that decides what a scale gives. Weights by size and time: hashing 48 GB would take minutes."""
    stats = {
        name: [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in weight_files(folder)]
        for name, folder in folders.items()
    }
    measured = {"characters": config.max_characters, "context": config.context_tokens, "new": config.max_new_tokens}
    texts = [xxhash.xxh3_64_hexdigest(text.encode()) for text in (*(d.text for d in documents), *prompts)]
    settings = restoring.model_dump(mode="json", exclude={"scale", "instruct"})
    return {"models": stats, "restoring": settings, "measured": measured, "texts": texts, "harm": harm.fingerprint}


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)
