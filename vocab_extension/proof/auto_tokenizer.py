"""What transformers' `AutoTokenizer` makes of a folder, now and after saving: asked here or in a child without torch.

`AutoTokenizer` imports torch wherever it is installed, which takes longer than all that it is asked for, and uses none
of it. So unless torch is loaded already, a child that holds it for missing is asked, by

    python -m hanhua.vocab_extension.proof.auto_tokenizer question.json answer.json

and this module imports nothing else of the package.

Loading twice is what the rest of the time goes to. When the `tokenizer.json` that is saved has the same data as the one
that was loaded, the second load differs in the settings alone. It is then done without the merges, which are most of
the file: everything else that it holds must be what the first file has, merges and vocabulary are known to be, and each
text must pass through to that backend and back as it is. So it would give the ids that the first one gives.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

Data = dict[str, Any]
_FILE = "tokenizer.json"


@dataclass(frozen=True)
class Answer:
    """What one load said. special_ids: of the special tokens asked for. ids, backs: of each text, and decoded again.

    vocab: None when it is the file's.
    """

    special_ids: list[int | None]
    ids: list[list[int]]
    backs: list[str]
    vocab: dict[str, int] | None = None


@dataclass(frozen=True)
class Answers:
    """first: of the folder. again: of what it saved; None when that was shown without loading the merges again.

    changes: what saving and loading changes, in words.
    """

    first: Answer
    again: Answer | None
    changes: list[str]


def ask(folder: Path, texts: list[str], special: list[str]) -> Answers:
    """Load a folder, save it and load it again; raises what transformers raises, or RuntimeError with its words."""
    if "torch" in sys.modules or find_spec("torch") is None:
        return answers(folder, texts, special)
    with TemporaryDirectory() as home:
        question, answer = Path(home, "question.json"), Path(home, "answer.json")
        question.write_bytes(orjson.dumps([str(folder.absolute()), texts, special]))
        command = [sys.executable, "-m", __name__, str(question), str(answer)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        if not answer.is_file():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise RuntimeError(said[-1] if said else f"exit code {done.returncode}")
        found = orjson.loads(answer.read_bytes())
    again = found["again"] and Answer(**found["again"])
    return Answers(Answer(**found["first"]), again, found["changes"])


def answers(folder: Path, texts: list[str], special: list[str]) -> Answers:
    """Do it in this process."""
    from transformers import AutoTokenizer

    first = AutoTokenizer.from_pretrained(folder)
    with TemporaryDirectory() as home:
        first.save_pretrained(home)
        file, saved = _read(folder / _FILE), _read(Path(home, _FILE))
        is_same = file == saved
        if is_same:
            small = {**file, "model": {**file["model"], "merges": []}}
            Path(home, _FILE).write_bytes(orjson.dumps(small))
        again = AutoTokenizer.from_pretrained(home)
    changes = list(_changes(first, again))
    if is_same:
        changes += _differences(again, small, texts)
        changes += _moved(special, *([t.convert_tokens_to_ids(name) for name in special] for t in (first, again)))
    said = _answer(first, texts, special, whole=not is_same)
    return Answers(said, None if is_same else _answer(again, texts, special, whole=True), changes)


def _answer(tokenizer: Any, texts: list[str], special: list[str], *, whole: bool) -> Answer:
    ids = [list(map(int, row)) for row in tokenizer(texts)["input_ids"]]
    backs = [tokenizer.decode(row, skip_special_tokens=True) for row in ids]
    special_ids = [tokenizer.convert_tokens_to_ids(name) for name in special]
    return Answer(special_ids, ids, backs, tokenizer.get_vocab() if whole else None)


def _changes(first: Any, again: Any) -> Iterator[str]:
    """Yield what saving makes of the settings."""
    if type(again) is not type(first):
        yield f"the class {type(first).__name__} becomes {type(again).__name__} by saving"
    if again.special_tokens_map != first.special_tokens_map:
        yield f"special tokens {first.special_tokens_map} become {again.special_tokens_map} by saving"
    if again.chat_template != first.chat_template:
        yield "the chat template changes by saving"


def _differences(again: Any, file: Data, texts: list[str]) -> Iterator[str]:
    """Yield where a load without merges holds something else than the file, or lets a text pass otherwise."""
    backend = again.backend_tokenizer
    held = orjson.loads(backend.to_str())
    for part in sorted((held.keys() | file.keys()) - {"model"}):
        if held.get(part) != file.get(part):
            yield f"after save and load {part} is another"
    for part in sorted(held["model"].keys() | file["model"].keys()):
        if held["model"].get(part) != file["model"].get(part):
            yield f"after save and load model.{part} is another"
    rows = again(texts)["input_ids"]
    plain = [found.ids for found in backend.encode_batch_fast(texts)]
    for text, ids, expected in zip(texts, rows, plain, strict=True):
        if list(ids) != expected or again.decode(ids, skip_special_tokens=True) != backend.decode(expected):
            yield f"after save and load {text[:40]!r} does not pass as it is"


def _moved(special: list[str], before: list[Any], after: list[Any]) -> Iterator[str]:
    for token, a, b in zip(special, before, after, strict=True):
        if a != b:
            yield f"{token} has the id {a}, and {b} after save and load"


def _read(place: Path) -> Data:
    """Return a `tokenizer.json` with its merges as pairs, however it writes them."""
    raw = place.read_bytes()
    try:
        data: Data = orjson.loads(raw)
    except ValueError:  # a lone surrogate, which Python's reader takes
        data = json.loads(raw)
    model = data.get("model")
    if isinstance(model, dict) and model.get("merges") and isinstance(model["merges"][0], str):
        model["merges"] = [merge.split(" ") for merge in model["merges"]]
    return data


def main(question: str, answer: str) -> None:
    """Answer a question as a process of its own, without torch; a last line on the standard error says what failed."""
    # What is missing is not imported; a tokenizer has no part in torch.
    sys.modules["torch"] = None  # type: ignore[assignment]
    folder, texts, special = orjson.loads(Path(question).read_bytes())
    found = answers(Path(folder), texts, special)
    aside = Path(answer).with_suffix(".tmp")
    aside.write_bytes(orjson.dumps(asdict(found)))
    aside.replace(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
