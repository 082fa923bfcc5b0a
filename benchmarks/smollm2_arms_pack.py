"""Makes the data of `smollm2_arms`: filters the quickstart's texts, draws those of set e, learns the tokens."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import zstandard
from smollm2_arms_data import MEASURED_SETS, NEW_TOKENS, Text, mixed, pack_set, pieces_of, remove

from hanhua.documents import read_corpus
from hanhua.vocab_extension import Source, VocabExtensionConfig, learn_tokens, write_extended
from hanhua.vocab_extension.extend import NewToken
from hanhua.vocab_extension.learning.learn import rounded_size
from hanhua.vocab_extension.tokenizer_json import read_bpe_file

ZH_SHARES = {"zh_hans_classics_modern": 0.42, "zh_hans_laws": 0.26, "zh_hans_instruct": 0.12}
SHARES = {**ZH_SHARES, "en_classic_books": 0.13, "code_py_torchtune": 0.07}
UNSEEN = ("zh_messy_forum_comments", "zh_hans_tidb_docs")
PIECE_CHARACTERS = 3000
MEASURED_CHARACTERS = 1500
HELD_OUT_OF = 20


def pack(out: Path, model: Path, corpora: Path, *, train_bytes: int, measured_bytes: int, sets: Sequence[str]) -> None:
    """Write the data of both sets into `out`. corpora: a folder of NAME.jsonl.zst; model: SmolLM2 as a folder."""
    out.mkdir(parents=True, exist_ok=True)
    for name in sets:
        work = out.parent / f"{out.name}-work-{name}"
        remove(work)
        if name == "q":
            train, measured = quickstart_texts(work)
        else:
            train, measured = corpus_texts(corpora, train_bytes=train_bytes, measured_bytes=measured_bytes)
        for new in NEW_TOKENS[name]:
            began = time.monotonic()
            tokenizer = model if not new else _learned(name, train, model, new, work / f"tokenizer-{new}")
            found = pack_set(name, train, measured, model=model, tokenizer=tokenizer, new=new, out=out)
            size = (out / f"{name}-{new}.npz").stat().st_size
            print(f"{name}-{new}: {size / 1e6:.1f} MB, {time.monotonic() - began:.0f} s, {found}", flush=True)
        remove(work)


def quickstart_texts(work: Path) -> tuple[list[Text], list[Text]]:
    """Return what the pipeline's filter trains on and holds out of the quickstart's texts."""
    shipped = Path(__file__).parents[1] / "recipes" / "quickstart"
    work.mkdir(parents=True)
    files = {"zh": "zh_*.jsonl", "en_replay": "en.jsonl", "chat_replay": "chat_en.jsonl"}
    languages = dict(zip(files, ("zh", "en", "other"), strict=True))
    recipe = {
        "name": "texts",
        "corpora": {
            name: {"path": str(shipped / file), "language": languages[name], "license": "Apache-2.0"}
            for name, file in files.items()
        },
        "filtering": {"heldout_ratio": 0.1},
    }
    (work / "texts.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    command = "from hanhua.cli.main import main; import sys; sys.exit(main())"
    subprocess.run(
        [sys.executable, "-c", command, "run", str(work / "texts.yaml"), "--until", "filtering", "--runs", str(work)],
        check=True,
    )
    (corpus,) = (path.parent for path in work.glob("**/filtering/*/part-00000.jsonl.zst"))
    split = {name: [Text(d.corpus, d.text) for d in read_corpus(corpus, split=name)] for name in ("train", "heldout")}
    return split["train"], [text for text in split["heldout"] if text.corpus in MEASURED_SETS["q"]]


def corpus_texts(folder: Path, *, train_bytes: int, measured_bytes: int) -> tuple[list[Text], list[Text]]:
    """Return the documents of set e to train on, in their order, and those to measure on."""
    train: dict[str, list[str]] = {}
    measured: list[Text] = []
    for corpus in (*SHARES, *UNSEEN):
        texts = _read(folder / f"{corpus}.jsonl.zst")
        held = texts if corpus in UNSEEN else texts[:: min(HELD_OUT_OF, max(2, len(texts) // 12))]
        measured += [Text(corpus, text) for text in _beginnings(held, measured_bytes)]
        if corpus not in UNSEEN:
            own = set(held)
            kept = [text for text in texts if text not in own]
            train[corpus] = [piece for text in kept for piece in pieces_of(text, PIECE_CHARACTERS)]
    return mixed(train, SHARES, total_bytes=train_bytes, seed=0), measured


def _beginnings(texts: Sequence[str], most_bytes: int) -> list[str]:
    """Return beginnings of documents, spread evenly, of so many bytes together; several of each where they are few."""
    cut = [text[:MEASURED_CHARACTERS] for text in texts]
    if sum(len(text.encode()) for text in cut) < most_bytes:
        cut = [piece for text in texts for piece in list(pieces_of(text, MEASURED_CHARACTERS))[:12]]
    total = sum(len(text.encode()) for text in cut)
    step = max(1, round(total / most_bytes))
    return [text[: 2 * MEASURED_CHARACTERS] for text in cut[::step] if text.strip()]


def _read(path: Path) -> list[str]:
    with zstandard.open(path, "rb") as raw:
        texts = [json.loads(line)["text"] for line in io.TextIOWrapper(raw, encoding="utf-8")]
    return list(dict.fromkeys(text for text in texts if text.strip()))


def _learned(name: str, train: Sequence[Text], model: Path, new: int, out: Path) -> Path:
    """Learn tokens on the Chinese of the train texts and write the extended tokenizer.

    Fewer than 256 are the first of 256: each token is made of tokens before it.
    """
    texts: dict[str, list[str]] = {}
    for text in train:
        if text.corpus.startswith("zh"):
            texts.setdefault(text.corpus, []).append(text.text)
    bpe = read_bpe_file(model)
    config = VocabExtensionConfig(new_tokens=max(new, 256), merge_scope="words" if name == "q" else "runs")
    learned = learn_tokens([Source(key, own) for key, own in texts.items()], base=model, config=config, workers=1)
    tokens: tuple[NewToken, ...] = learned.tokens[:new]
    assert len(tokens) == new, f"{len(tokens)} tokens of {new} (rounded: {rounded_size(bpe.size, new)})"
    out.mkdir(parents=True)
    write_extended(bpe, tokens, out)
    return out
