import json
from pathlib import Path

from small_llama import chinese_texts
from tokenizers import Tokenizer

from hanhua.encoding import Encoder
from hanhua.vocab_extension.extend import extended
from hanhua.vocab_extension.measuring.word_boundaries import token_bytes, word_boundaries
from hanhua.vocab_extension.tokenizer_json import BpeFile
from hanhua.zh_text.segmentation import segment

TEXT = "今天，他研究生命科学 and he 回家 <|eot_id|>"


def share(file: BpeFile, texts: list[str]) -> float:
    tokenizer = Tokenizer.from_str(json.dumps(file.data))
    return word_boundaries(texts).share_inside(Encoder(tokenizer), token_bytes(file.bytes_of, file.added, file.size))


def plain(file: BpeFile) -> BpeFile:
    """The base's bytes and special tokens alone, so that no word's end can be inside a token."""
    vocab = {token: id_ for token, id_ in file.vocab.items() if len(file.bytes_of.get(id_, b"")) < 2}
    model = {**file.data["model"], "vocab": vocab, "merges": [], "ignore_merges": False}
    return BpeFile(file.place, {**file.data, "model": model})


def test_no_token_longer_than_a_byte_has_an_end_inside(base_file: BpeFile) -> None:
    assert share(plain(base_file), [TEXT, *chinese_texts()]) == 0


def test_a_token_over_two_words_is_found_and_counted_by_hand(base_file: BpeFile) -> None:
    words = segment(TEXT, engine="jieba")
    assert words[:5] == ["今天", "，", "他", "研究", "生命科学"]
    # Ends with Chinese on one side at least: of 今天 ， 他 研究 生命科学, then before and after 回家.
    places = 7
    assert len(word_boundaries([TEXT]).ends[0]) == places
    assert share(plain(base_file), [TEXT]) == 0
    bridge = [character.encode() for character in "，他研"] + ["他研".encode(), "，他研".encode()]
    assert share(extended(plain(base_file), _built_up(bridge)), [TEXT]) == 2 / places


def test_an_extension_has_more_ends_inside(base_file: BpeFile, extension: Path) -> None:
    new = BpeFile(extension / "tokenizer.json", json.loads((extension / "tokenizer.json").read_text(encoding="utf-8")))
    assert share(base_file, chinese_texts()) < share(new, chinese_texts()) < 0.5


def test_texts_without_words_have_no_share(base_file: BpeFile) -> None:
    assert share(base_file, []) == 0
    assert share(base_file, ["", "only English words here"]) == 0


def _built_up(tokens: list[bytes]) -> list[bytes]:
    """Every beginning of each token, so that merges of a byte at a time reach it."""
    found: dict[bytes, None] = {}
    for token in tokens:
        for end in range(2, len(token) + 1):
            found[token[:end]] = None
    return sorted(found, key=len)
