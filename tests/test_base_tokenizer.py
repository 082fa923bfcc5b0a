from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from llama_models.llama3.tokenizer import Tokenizer as MetaTokenizer
from transformers import AutoTokenizer

from hanhua.base_tokenizer import llama3_special_tokens, load_base_tokenizer, resolve_base_tokenizer
from hanhua.errors import InputError

TEXTS = [
    "我想在apple工作1314151天～",
    "It's 3,141 years' worth…\r\n\tcode()  ",
    "臺灣｜香港：嘅咗喺",
    "𠮷野家 👩\u200d👩\u200d👧 ﷽",
    "",
]


def test_encodings_are_those_of_the_makers_own_tokenizer() -> None:
    source = files("llama_models") / "llama3" / "tokenizer.model"
    theirs = MetaTokenizer(Path(str(source)))
    ours = load_base_tokenizer("llama3")
    for text in TEXTS:
        assert ours.encode(text, add_special_tokens=False).ids == theirs.encode(text, bos=False, eos=False)


def test_special_tokens_have_the_published_ids() -> None:
    names = llama3_special_tokens()
    assert len(names) == len(set(names)) == 256
    tokenizer = AutoTokenizer.from_pretrained(resolve_base_tokenizer("llama3"))
    published = {"<|begin_of_text|>": 128000, "<|end_of_text|>": 128001, "<|eot_id|>": 128009}
    for name, id_ in published.items():
        assert tokenizer.convert_tokens_to_ids(name) == id_
    assert tokenizer("你好").input_ids[0] == 128000


@pytest.mark.parametrize("base", ["/nowhere/at/all", "./missing", "llama5"])
def test_a_base_that_is_not_there(base: str) -> None:
    with pytest.raises(InputError, match="no such folder"):
        resolve_base_tokenizer(base)


def test_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no tokenizer\.json"):
        resolve_base_tokenizer(str(tmp_path))
