"""Token healing: a prompt cut in mid-word goes on as the uncut text would."""

from __future__ import annotations

import pytest
from tiny_eval import chain_network, save_model
from tokenizers import Tokenizer

from hanhua.eval.engine.loaded_model import LoadedModel, load_model
from hanhua.eval.engine.model_folder import open_model_folder
from hanhua.eval.engine.requests import Sampling
from hanhua.eval.engine.runner import runner_of
from hanhua.eval.engine.token_healing import ByteVocabulary


@pytest.fixture(scope="module")
def whole_words(extended: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """Return a model that writes 时间 behind 的 and B behind 时间, but Z behind anything else, halves included."""
    ids = {text: extended.encode(text, add_special_tokens=False).ids for text in ("的", "时间", "B", "Z", "C")}
    word, b, z, c = (ids[text][0] for text in ("时间", "B", "Z", "C"))
    assert len(ids["时间"]) == 1
    network = chain_network(extended, then={ids["的"][-1]: word, word: b, b: c, c: c}, otherwise=z)
    folder = save_model(network, extended, tmp_path_factory.mktemp("heal") / "m")
    return load_model(open_model_folder("whole", folder))


def write_on(model: LoadedModel, text: str, *, heal: bool) -> str:
    prompt = [model.bos_id, *model.encode([text])[0]]
    (found,) = runner_of(model, batch_size=1).generate([prompt], Sampling(3, heal=heal))
    return found.text


def test_half_a_word_is_healed(whole_words: LoadedModel) -> None:
    assert write_on(whole_words, "他的", heal=False) == "时间BC"
    assert write_on(whole_words, "他的时", heal=False).startswith("Z")
    assert write_on(whole_words, "他的时", heal=True) == "间BC"


def test_a_batch_heals_each_row_by_itself(whole_words: LoadedModel) -> None:
    prompts = [[whole_words.bos_id, *ids] for ids in whole_words.encode(["他的时", "B", "A"])]
    found = runner_of(whole_words, batch_size=3).generate(prompts, Sampling(3, heal=True))
    assert [one.text for one in found] == ["间BC", "CCC", "ZZZ"]


def test_what_no_longer_token_begins_with_is_left(whole_words: LoadedModel) -> None:
    vocabulary = ByteVocabulary(whole_words)
    (ids,) = whole_words.encode(["很多时"])
    count, text = vocabulary.bytes_to_take_back([whole_words.bos_id, *ids])
    assert text.decode().endswith("时") and count >= 1
    assert vocabulary.bytes_to_take_back([whole_words.bos_id]) == (0, b"")
    allowed = vocabulary.spelling("时".encode())
    assert all(
        vocabulary.bytes_of[i].startswith("时".encode()) or "时".encode().startswith(vocabulary.bytes_of[i])
        for i in allowed
    )
