import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from small_llama import CHAT_TEMPLATE
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from hanhua.base_tokenizer import llama3_special_tokens
from hanhua.bits import bytes_to_token
from hanhua.vocab_extension.extend import extended, write_extended
from hanhua.vocab_extension.learning.learn import Learned
from hanhua.vocab_extension.proof.samples import HAS_HAN
from hanhua.vocab_extension.tokenizer_json import BpeFile, read_bpe_file

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
HAN_FREE = ANY_TEXT.filter(lambda text: not HAS_HAN.search(text))


def test_special_tokens_stay_where_they_were(base: Path, extension: Path) -> None:
    old, new = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (base, extension))
    for token in llama3_special_tokens():
        assert new.token_to_id(token) == old.token_to_id(token)
    assert new.get_vocab_size() == 1024 + 512
    assert sorted(new.get_vocab().values()) == list(range(1536))


def test_without_the_special_tokens_in_the_vocabulary_they_would_move(base_file: BpeFile) -> None:
    new = extended(base_file, ["汉化".encode()])
    special = set(llama3_special_tokens())
    naive = {token: id_ for token, id_ in new.vocab.items() if token not in special}
    data = {**new.data, "model": {**new.data["model"], "vocab": naive}}
    moved = Tokenizer.from_str(json.dumps(data)).token_to_id("<|begin_of_text|>")
    assert moved != 768, "tokenizers no longer re-numbers: the entries in model.vocab may go"


def test_it_survives_transformers(extension: Path, tmp_path: Path, texts: list[str]) -> None:
    first = AutoTokenizer.from_pretrained(extension)
    first.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    direct = Tokenizer.from_file(str(extension / "tokenizer.json"))
    assert first.chat_template == again.chat_template == CHAT_TEMPLATE
    assert again.bos_token_id == first.bos_token_id == 768
    for text in texts[:20]:
        assert first(text)["input_ids"] == again(text)["input_ids"] == direct.encode(text).ids


def test_settings_are_the_bases_byte_for_byte(base: Path, extension: Path) -> None:
    for name in ("tokenizer_config.json", "chat_template.jinja"):
        assert (extension / name).read_bytes() == (base / name).read_bytes()


def test_extension_json_lists_the_tokens(extension: Path, learned: Learned) -> None:
    said = json.loads((extension / "extension.json").read_text(encoding="utf-8"))
    assert (said["first_new_id"], said["new_tokens"], said["vocab_size"]) == (1024, 512, 1536)
    tokenizer = Tokenizer.from_file(str(extension / "tokenizer.json"))
    for row, token in zip(said["tokens"], learned.tokens, strict=True):
        assert (row["text"], row["count"], row["documents"]) == (token.text, token.count, token.documents)
        assert bytes.fromhex(row["bytes"]) == token.data if "bytes" in row else row["text"].encode() == token.data
        assert tokenizer.id_to_token(row["id"]) == bytes_to_token(token.data)


def test_merges_keep_the_way_the_file_writes_them(base_file: BpeFile, learned: Learned, tmp_path: Path) -> None:
    merges = [" ".join(merge) for merge in base_file.merges]
    old = {**base_file.data, "model": {**base_file.data["model"], "merges": merges}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(old), encoding="utf-8")
    as_text = read_bpe_file(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    write_extended(as_text, learned.tokens, out)
    new = read_bpe_file(out)
    assert all(isinstance(merge, str) for merge in new.data["model"]["merges"])
    assert new.merges == extended(base_file, [token.data for token in learned.tokens]).merges


def test_an_extension_can_be_extended_again(extension: Path, tmp_path: Path) -> None:
    once = read_bpe_file(extension)
    twice = extended(once, ["汉化工具".encode()])
    assert twice.size == once.size + 1
    assert Tokenizer.from_str(json.dumps(twice.data)).token_to_id("<|begin_of_text|>") == 768


def test_no_han_in_no_change_out(base: Path, extension: Path) -> None:
    old, new = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (base, extension))

    @settings(max_examples=300, deadline=None)
    @given(HAN_FREE)
    def unchanged(text: str) -> None:
        assert new.encode(text).ids == old.encode(text).ids

    unchanged()


def test_any_text_comes_back(extension: Path) -> None:
    tokenizer = Tokenizer.from_file(str(extension / "tokenizer.json"))

    @settings(max_examples=300, deadline=None)
    @given(st.one_of(ANY_TEXT, st.text("中国的人，。 \n「a1の한", max_size=30)))
    def back(text: str) -> None:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text

    back()


def test_new_tokens_shorten_what_they_were_learned_for(base: Path, extension: Path, texts: list[str]) -> None:
    old, new = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (base, extension))
    before, after = (sum(len(t.encode(text).ids) for text in texts) for t in (old, new))
    assert after < 0.9 * before
