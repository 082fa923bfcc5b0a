"""What arms share: the base, extended tokenizers and resized models, each made once by whoever needs it first."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from hanhua.artifacts.files import read_json
from hanhua.artifacts.fingerprint import fingerprint
from hanhua.artifacts.manifest import Artifact, content_hash, hash_files
from hanhua.base.model_source import model_source
from hanhua.config_fields import key_config
from hanhua.documents import read_corpus
from hanhua.errors import UsageError
from hanhua.experiments.evidence.recipe import EvidenceRecipe
from hanhua.experiments.evidence.scratch_base import write_scratch_base
from hanhua.experiments.evidence.texts import draw_texts
from hanhua.progress import say
from hanhua.vocab_extension.extend import write_extended
from hanhua.vocab_extension.learning.learn import learn_tokens
from hanhua.vocab_extension.learning.sources import Source
from hanhua.vocab_extension.proof.verify import raise_if_broken, verify_extension
from hanhua.vocab_extension.resize.resize import resize_folder
from hanhua.vocab_extension.resize.weight_source import open_source
from hanhua.vocab_extension.tokenizer_json import read_bpe_file


@dataclass(frozen=True)
class Prepared:
    """The base, and the Corpus that every arm trains on and is measured on."""

    base: Artifact
    corpus: Artifact


def prepare(recipe: EvidenceRecipe, folder: Path) -> Prepared:
    """Draw the texts and make the base, or find them as another process left them."""
    with FileLock(folder / "prepare.lock"):
        base_texts, corpus = draw_texts(recipe, folder)
        return Prepared(as_base(_base(recipe, base_texts, folder)), corpus)


def model_of(recipe: EvidenceRecipe, arm: str, prepared: Prepared, folder: Path) -> tuple[Artifact, int | None]:
    """Return the model an arm begins with, and the id of its first new token; None without an extension."""
    if not recipe.arms[arm].extend:
        return prepared.base, None
    tokens, rows = key_config(recipe.tokens_of(arm)), key_config(recipe.rows_of(arm))
    tokenizer = folder / "tokenizers" / fingerprint(tokens)[:12]
    model = folder / "models" / fingerprint([tokens, rows])[:12]
    with FileLock(folder / "prepare.lock"):
        _once(tokenizer, lambda aside: _learn(recipe, arm, prepared, aside))
        _once(model, lambda aside: _resize(recipe, arm, prepared, tokenizer, aside))
    return as_base(model), open_source(prepared.base.path).rows


def as_base(folder: Path) -> Artifact:
    """Return a model folder as an artifact, named by the content of its files."""
    entries = hash_files(folder)
    return Artifact(folder, "base", content_hash(entries), entries, {}, {})


def _base(recipe: EvidenceRecipe, texts: Artifact | None, folder: Path) -> Path:
    """Return the base every arm begins with, trained if the recipe says so; a kill in its training is resumed."""
    start = model_source(recipe.base.model) if recipe.base.model else folder / "base" / "start"
    scratch = recipe.base.scratch
    if scratch is not None:
        wanted = texts if texts is not None else draw_texts(recipe, folder)[1]
        documents = (document.text for document in read_corpus(wanted.path, split="train"))
        _once(start, lambda aside: write_scratch_base(scratch, documents, aside))
    if texts is None or recipe.base.training is None:
        return start
    from hanhua.continued_pretrain.stage import pretrain_folder

    done = folder / "base" / "model"
    if not done.is_dir():
        say("evidence: the base learns its texts")
        work = folder / "base" / "training"
        work.mkdir(parents=True, exist_ok=True)
        pretrain_folder(recipe.base.training, as_base(start), texts, work, first_new_id=None)
        (work / "model").rename(done)
        shutil.rmtree(work / "work", ignore_errors=True)
    return done


def _once(folder: Path, make: Callable[[Path], object]) -> None:
    if folder.is_dir():
        return
    aside = folder.with_name(folder.name + ".partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    make(aside)
    aside.rename(folder)


def _learn(recipe: EvidenceRecipe, arm: str, prepared: Prepared, out: Path) -> None:
    config = recipe.tokens_of(arm)
    names = [name for name, text in recipe.texts.items() if text.language == "zh" and text.train_bytes]
    if not names:
        raise UsageError("texts: no Chinese text has train_bytes, so there is nothing to learn tokens from")
    sources = []
    for name in config.corpora or names:
        documents = read_corpus(prepared.corpus.path, split="train", corpora=[name])
        sources.append(Source(name, [document.text for document in documents], config.weights.get(name, 1.0)))
    bpe = read_bpe_file(prepared.base.path)
    learned = learn_tokens(sources, base=prepared.base.path, config=config, workers=1)
    write_extended(bpe, learned.tokens, out)
    raise_if_broken(verify_extension(out, base=prepared.base.path))


def _resize(recipe: EvidenceRecipe, arm: str, prepared: Prepared, tokenizer: Path, out: Path) -> None:
    rows = int(read_json(prepared.base.path / "config.json")["vocab_size"])
    first = int(read_json(tokenizer / "extension.json")["first_new_id"])
    if rows != first:
        raise UsageError(f"{prepared.base.path}: {rows:,} rows, and its tokenizer has {first:,} tokens")
    resize_folder(prepared.base.path, tokenizer=tokenizer, out=out, config=recipe.rows_of(arm))
