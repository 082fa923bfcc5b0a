import json
from pathlib import Path
from shutil import copytree

import pytest
from small_llama import chinese_texts, english_texts

from hanhua.artifacts import write_manifest
from hanhua.artifacts.manifest import Artifact
from hanhua.documents.corpus import Document, write_corpus
from hanhua.errors import InputError
from hanhua.services import Services
from hanhua.vocab_extension.config import VocabExtensionConfig
from hanhua.vocab_extension.resize.config import ResizeConfig
from hanhua.vocab_extension.resize.stage import resize_model
from hanhua.vocab_extension.stage import learn_tokenizer

CONFIG = VocabExtensionConfig(new_tokens=300)


def documents() -> list[Document]:
    made = []
    for corpus, language, texts in (("zh", "zh", chinese_texts()), ("en", "en", english_texts())):
        for n, text in enumerate(texts):
            split = "heldout" if n % 10 == 0 else "train"
            made.append(Document(f"{corpus}:x#{n}", text, corpus, language=language, split=split))
    return made


@pytest.fixture
def inputs(base: Path, tmp_path: Path) -> dict[str, Artifact]:
    (tmp_path / "corpus").mkdir()
    write_corpus(tmp_path / "corpus", documents())
    copytree(base, tmp_path / "base" / "model")
    return {
        "corpus": write_manifest(tmp_path / "corpus", kind="corpus", config={}, inputs={}, facts={}),
        "base": write_manifest(tmp_path / "base", kind="base", config={}, inputs={}, facts={}),
    }


def test_the_tokenizer_stage_learns_verifies_and_measures(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    facts = learn_tokenizer(CONFIG, inputs, out, services=Services())
    assert (facts["requested"], facts["new_tokens"]) == (300, 256)
    assert (facts["first_new_id"], facts["vocab_size"]) == (1024, 1280)
    ratios = facts["compression"]["heldout"]
    assert ratios["zh"]["extended"] > 1.05 * ratios["zh"]["base"]
    assert ratios["en"]["extended"] == ratios["en"]["base"]
    assert facts["learned_from"]["documents"] == sum(d.corpus == "zh" and d.split == "train" for d in documents())
    assert set(facts["verify"].values()) == {"ok"}
    json.dumps(facts, allow_nan=False)


def test_the_same_corpus_gives_the_same_bytes(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        learn_tokenizer(CONFIG, inputs, tmp_path / name, services=Services())
        made.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir() if path.is_file()})
    assert made[0] == made[1]


def test_an_unknown_corpus_is_an_error(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"corpora": ("zhh",)})
    with pytest.raises(InputError, match=r"no documents .* named 'zhh'; en, zh"):
        learn_tokenizer(config, inputs, tmp_path, services=Services())


def test_the_initialise_stage_writes_a_model(base: Path, extension: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from small_model import write_small_model

    write_small_model(tmp_path / "base" / "model", base)
    copytree(extension, tmp_path / "tokenizer")
    inputs = {
        "base": write_manifest(tmp_path / "base", kind="base", config={}, inputs={}, facts={}),
        "tokenizer": write_manifest(tmp_path / "tokenizer", kind="tokenizer", config={}, inputs={}, facts={}),
    }
    out = tmp_path / "out"
    out.mkdir()
    facts = resize_model(ResizeConfig(), inputs, out, services=Services())
    assert (facts["first_new_id"], facts["vocab_size"], facts["new_tokens"]) == (1024, 1536, 512)
    assert (facts["method"], facts["tied"]) == ("mean+calibrated", False)
    assert not (out / "model" / "manifest.json").exists()
    json.dumps(facts, allow_nan=False)
