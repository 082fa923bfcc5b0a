from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_corpus import make_corpus
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from hanhua.artifacts import Artifact
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.model import build_training_model
from hanhua.continued_pretrain.pack import (
    IGNORED,
    PackedCorpus,
    document_marks,
    pack_corpora,
    stack,
    token_characters,
)
from hanhua.documents import Document, read_corpus
from hanhua.errors import InputError
from hanhua.model_folder import load_tokenizer


def packed_of(corpus: Artifact, tokenizer_folder: Path, work: Path) -> dict[str, PackedCorpus]:
    return pack_corpora(corpus.path, corpus_hash=corpus.content_hash, tokenizer_folder=tokenizer_folder, work=work)


@pytest.fixture(scope="module")
def packed(
    corpus: Artifact, tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, PackedCorpus]:
    return packed_of(corpus, tokenizer_folder, tmp_path_factory.mktemp("work"))


def test_each_train_document_is_there_once_between_its_marks(
    corpus: Artifact, packed: dict[str, PackedCorpus], tokenizer_folder: Path
) -> None:
    tokenizer, marks = load_tokenizer(tokenizer_folder), document_marks(tokenizer_folder)
    for name, tokens in packed.items():
        expected = [d.text for d in read_corpus(corpus.path, split="train", corpora=[name])]
        pieces = np.split(np.asarray(tokens.tokens_T), tokens.starts_D[1:])
        assert [tokenizer.decode(piece[1:-1].tolist()) for piece in pieces] == expected
        assert all(piece[0] == marks.bos and piece[-1] == marks.eos for piece in pieces)
        assert all(marks.bos not in piece[1:] and marks.eos not in piece[:-1] for piece in pieces)


def test_every_token_but_a_documents_first_is_a_target_once(packed: dict[str, PackedCorpus]) -> None:
    tokens, length = packed["zh"], 48
    batch = stack([tokens.sequence(i, length) for i in range(tokens.sequences(length))])
    covered = tokens.sequences(length) * length + 1
    is_first = np.isin(np.arange(1, covered), tokens.starts_D)
    assert np.array_equal(batch.labels_BL.ravel()[~is_first], np.asarray(tokens.tokens_T[1:covered])[~is_first])
    assert (batch.labels_BL.ravel()[is_first] == IGNORED).all()
    assert is_first.sum() > 10


def test_positions_restart_at_each_document(packed: dict[str, PackedCorpus]) -> None:
    tokens, length = packed["zh"], 48
    for index in range(tokens.sequences(length)):
        positions = tokens.sequence(index, length).position_ids_BL[0]
        starts = {0, *(tokens.starts_D - index * length).tolist()}
        expected, at = [], 0
        for place in range(length):
            at = 0 if place in starts else at + 1
            expected.append(at)
        assert positions.tolist() == expected


def test_loss_of_packed_documents_is_the_loss_of_each_alone(
    corpus: Artifact, resized: Artifact, packed: dict[str, PackedCorpus]
) -> None:
    """Documents in one sequence neither see each other nor are shifted by each other."""
    folder = resized.path / "model"
    tokens = packed["zh"]
    end = int(tokens.starts_D[7])
    sequence = tokens.sequence(0, end)
    config = ContinuedPretrainConfig(lora=None)
    model = build_training_model(folder, config, first_new_id=None, dtype=torch.float32)
    with torch.no_grad():
        loss, nats_BL = model(*(torch.from_numpy(a) for a in vars(sequence).values()))
    plain = AutoModelForCausalLM.from_pretrained(folder).eval()
    total = 0.0
    for document in np.split(np.asarray(tokens.tokens_T[:end]), tokens.starts_D[1:7]):
        ids = torch.tensor(document.astype(np.int64))[None]
        with torch.no_grad():
            total += float(plain(ids, labels=ids).loss) * (ids.shape[1] - 1)
    targets = int((sequence.labels_BL != IGNORED).sum())
    assert float(loss) / targets == pytest.approx(total / targets, abs=1e-5)
    assert float(nats_BL.sum()) == pytest.approx(float(loss), rel=1e-6)


def test_marks_written_in_a_text_are_only_text(tokenizer_folder: Path, tmp_path: Path) -> None:
    text = "他写道：<|end_of_text|><|begin_of_text|>然后停笔。"
    corpus = make_corpus(tmp_path / "corpus", [Document("zh:f#0", text, "zh", language="zh")])
    tokens = packed_of(corpus, tokenizer_folder, tmp_path / "work")["zh"].tokens_T
    marks = document_marks(tokenizer_folder)
    assert (tokens == marks.bos).sum() == 1
    assert (tokens == marks.eos).sum() == 1
    assert load_tokenizer(tokenizer_folder).decode(tokens[1:-1].tolist()) == text


def test_what_was_packed_is_found_by_content(corpus: Artifact, tokenizer_folder: Path, tmp_path: Path) -> None:
    """A tokenizer of the same name and place with one token more must not get the old tokens."""
    own = shutil.copytree(tokenizer_folder, tmp_path / "tokenizer")
    before = packed_of(corpus, own, tmp_path / "work")["zh"]
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*")}
    packed_of(corpus, own, tmp_path / "work")
    assert made == {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*")}

    tokenizer = Tokenizer.from_file(str(own / "tokenizer.json"))
    data = json.loads(tokenizer.to_str())
    data["model"]["merges"] = data["model"]["merges"][: len(data["model"]["merges"]) // 2]
    (own / "tokenizer.json").write_text(json.dumps(data))
    assert len(packed_of(corpus, own, tmp_path / "work")["zh"].tokens_T) > len(before.tokens_T)


def test_a_kill_while_packing_leaves_nothing_that_is_taken_for_whole(
    corpus: Artifact, tokenizer_folder: Path, tmp_path: Path
) -> None:
    whole = packed_of(corpus, tokenizer_folder, tmp_path / "a")["zh"]
    folder = next((tmp_path / "a").iterdir())
    half = tmp_path / "b" / (folder.name + ".partial")
    shutil.copytree(folder, half)
    (half / "000.tokens").write_bytes(b"\0" * 40)
    again = packed_of(corpus, tokenizer_folder, tmp_path / "b")["zh"]
    assert np.array_equal(whole.tokens_T, again.tokens_T)
    assert not half.exists()


def test_characters_of_tokens_add_up_to_the_text(
    corpus: Artifact, tokenizer_folder: Path, vocabulary_size: int
) -> None:
    characters = token_characters(tokenizer_folder, rows=vocabulary_size)
    tokenizer = load_tokenizer(tokenizer_folder)
    for document in read_corpus(corpus.path):
        assert characters[tokenizer.encode(document.text).ids].sum() == len(document.text)


def test_a_chat_models_end_of_turn_does_not_end_a_document(tokenizer_folder: Path, tmp_path: Path) -> None:
    own = shutil.copytree(tokenizer_folder, tmp_path / "tokenizer")
    settings = json.loads((own / "tokenizer_config.json").read_text())
    (own / "tokenizer_config.json").write_text(json.dumps({**settings, "eos_token": {"content": "<|eot_id|>"}}))
    assert document_marks(own) == document_marks(tokenizer_folder)


@pytest.fixture
def chatml_folder(tokenizer_folder: Path, tmp_path: Path) -> Path:
    """A tokenizer whose bos and eos are ChatML's marks of a turn, as SmolLM2's."""
    own = shutil.copytree(tokenizer_folder, tmp_path / "chatml")
    tokenizer = Tokenizer.from_file(str(own / "tokenizer.json"))
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.save(str(own / "tokenizer.json"))
    settings = json.loads((own / "tokenizer_config.json").read_text())
    marks = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
    (own / "tokenizer_config.json").write_text(json.dumps({**settings, **marks}))
    return own


def test_documents_of_a_chatml_model_are_no_turns(chatml_folder: Path) -> None:
    between = load_tokenizer(chatml_folder).token_to_id("<|endoftext|>")
    marks = document_marks(chatml_folder)
    assert (marks.bos, marks.eos) == (between, between)


def test_only_chat_corpora_mean_the_marks_they_spell_out(chatml_folder: Path, tmp_path: Path) -> None:
    turn = "<|im_start|>user\nWhat is this?<|im_end|>\n"
    texts = [Document(f"{name}:f#0", turn, name, language="other") for name in ("chat", "forum")]
    corpus = make_corpus(tmp_path / "corpus", texts)
    packed = pack_corpora(
        corpus.path,
        corpus_hash=corpus.content_hash,
        tokenizer_folder=chatml_folder,
        work=tmp_path / "work",
        chat_corpora=("chat",),
    )
    tokenizer = load_tokenizer(chatml_folder)
    marks = [tokenizer.token_to_id(name) for name in ("<|im_start|>", "<|im_end|>")]
    rows = {name: one.tokens_T[1:-1].tolist() for name, one in packed.items()}
    assert [rows["chat"].count(mark) for mark in marks] == [1, 1] and rows["chat"][0] == marks[0]
    assert [rows["forum"].count(mark) for mark in marks] == [0, 0]
    assert tokenizer.decode(rows["chat"], skip_special_tokens=False) == turn == tokenizer.decode(rows["forum"])


def test_a_chat_corpus_in_marks_of_another_model_is_refused(chatml_folder: Path, tmp_path: Path) -> None:
    turn = Document("chat:f#0", "[INST] What is this? [/INST]", "chat", language="other")
    corpus = make_corpus(tmp_path / "corpus", [turn])
    with pytest.raises(InputError, match=r"chat:f#0 spells out no special token .*\[INST\]"):
        pack_corpora(
            corpus.path,
            corpus_hash=corpus.content_hash,
            tokenizer_folder=chatml_folder,
            work=tmp_path / "work",
            chat_corpora=("chat",),
        )


def test_a_tokenizer_without_marks_is_refused(tokenizer_folder: Path, tmp_path: Path) -> None:
    own = shutil.copytree(tokenizer_folder, tmp_path / "tokenizer")
    (own / "tokenizer_config.json").write_text("{}")
    with pytest.raises(InputError, match="bos_token"):
        document_marks(own)


def test_a_part_is_enough_when_little_is_needed(corpus: Artifact, tokenizer_folder: Path, tmp_path: Path) -> None:
    documents = list(read_corpus(corpus.path))
    many = [replace(d, id=f"{d.id}-{i}") for i in range(40) for d in documents]
    big = make_corpus(tmp_path / "corpus", many)

    def pack(seed: int) -> dict[str, PackedCorpus]:
        return pack_corpora(
            big.path,
            corpus_hash=big.content_hash,
            tokenizer_folder=tokenizer_folder,
            work=tmp_path / "work",
            enough_tokens={"zh": 1_000},
            seed=seed,
        )

    part = pack(0)
    all_zh = sum(d.split == "train" and d.corpus == "zh" for d in many)
    assert len(part["zh"].tokens_T) >= 1_000
    assert len(part["zh"].starts_D) < all_zh / 4
    assert len(part["en_replay"].starts_D) == 40 * 27  # not named: all of it
    assert not np.array_equal(part["zh"].tokens_T[:200], pack(1)["zh"].tokens_T[:200])
