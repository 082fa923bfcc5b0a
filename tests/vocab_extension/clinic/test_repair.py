"""Each way of breaking an extension is named, mended, verified, and the rows of its model follow."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shutil import copytree
from typing import Any

import broken_extensions as ways
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402
from small_llama import english_texts  # noqa: E402
from small_model import write_small_model  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from hanhua.bits import bytes_to_token  # noqa: E402
from hanhua.errors import InputError  # noqa: E402
from hanhua.vocab_extension.clinic.diagnose import diagnose, remarks  # noqa: E402
from hanhua.vocab_extension.clinic.kinds import KINDS  # noqa: E402
from hanhua.vocab_extension.clinic.repair import Repaired, repair_folder  # noqa: E402
from hanhua.vocab_extension.proof.pair import Pair, open_pair  # noqa: E402
from hanhua.vocab_extension.proof.verify import failure_lines, verify_extension  # noqa: E402
from hanhua.vocab_extension.resize.config import ResizeConfig  # noqa: E402
from hanhua.vocab_extension.resize.resize import resize_folder  # noqa: E402
from hanhua.vocab_extension.resize.weight_source import EMBEDDINGS, HEAD  # noqa: E402

Data = dict[str, Any]


def truncated(data: Data) -> None:
    data["truncation"] = {"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0}


def padded(data: Data) -> None:
    data["padding"] = {"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 769}
    data["padding"] |= {"pad_type_id": 0, "pad_token": "<|end_of_text|>"}


def post_processor_dropped(data: Data) -> None:
    data["post_processor"] = None


def new_ids_from_the_end_of_the_vocabulary(data: Data) -> None:
    """New tokens from id len(vocab) on, which the special tokens have: the second usual try."""
    special = {token["content"] for token in data["added_tokens"]}
    ordinary = [t for t in sorted(data["model"]["vocab"], key=data["model"]["vocab"].get) if t not in special]
    data["model"]["vocab"] = {token: id_ for id_, token in enumerate(ordinary)}


def merge_to_an_old_token(data: Data) -> None:
    vocab, merges = data["model"]["vocab"], data["model"]["merges"]
    known = {tuple(merge) for merge in merges}
    cut = next(
        [t[:at], t[at:]]
        for t, id_ in vocab.items()
        for at in range(1, len(t))
        if id_ < 768 and t[:at] in vocab and t[at:] in vocab and (t[:at], t[at:]) not in known
    )
    merges.append(cut)


def base_merges_dropped(data: Data) -> None:
    del data["model"]["merges"][3:9]


def dangling_merge(data: Data) -> None:
    data["model"]["merges"].append(["no", "token"])


def token_across_pretokens(data: Data) -> None:
    """好， is never one pre-token: the mark goes with what follows."""
    vocab = data["model"]["vocab"]
    token = bytes_to_token("好，".encode())
    vocab[token] = max(vocab.values()) + 1


MENDED: tuple[tuple[Callable[[Data], None], str], ...] = (
    (ways.special_ids_moved, "special ids moved"),
    (new_ids_from_the_end_of_the_vocabulary, "ids inside the base"),
    (ways.special_token_dropped, "special token missing"),
    (ways.special_token_stripping, "special token flags"),
    (ways.base_tokens_swapped, "base ids moved"),
    (ways.base_token_renamed, "base tokens missing"),
    (ways.hole_in_ids, "holes in ids"),
    (ways.id_given_twice, "id given twice"),
    (ways.merges_reordered, "merges in the wrong order"),
    (ways.base_merges_swapped, "merges in the wrong order"),
    (base_merges_dropped, "base merges missing"),
    (ways.base_merge_repeated, "merge listed twice"),
    (dangling_merge, "merge of nothing"),
    (merge_to_an_old_token, "merge into a base token"),
    (ways.unreachable_token, "unreachable tokens"),
    (ways.trained_apart, "unreachable tokens"),
    (ways.added_flat, "flat added tokens"),
    (token_across_pretokens, "tokens cut by the pre-tokenizer"),
    (ways.token_as_plain_text, "tokens written as plain text"),
    (ways.merge_of_two_beginnings, "tokens that stand in no text"),
    (truncated, "truncation saved"),
    (padded, "padding saved"),
    (ways.normalizer_added, "normalizer changed"),
    (ways.pre_tokenizer_changed, "pre-tokenizer changed"),
    (ways.decoder_changed, "decoder changed"),
    (post_processor_dropped, "post-processor changed"),
    (ways.ignore_merges_off, "model switch changed"),
)


@pytest.fixture(scope="module")
def resized(base: Path, extension: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the sound extension; every row is another."""
    folder = tmp_path_factory.mktemp("resized")
    model = write_small_model(folder / "model", base, dtype=torch.float32)
    resize_folder(model, tokenizer=extension, out=folder / "out", config=ResizeConfig(method="random"))
    return folder / "out"


@pytest.mark.parametrize(("breaks", "kind"), MENDED, ids=[breaks.__name__ for breaks, _ in MENDED])
def test_it_is_named_and_mended(
    base: Path, extension: Path, tmp_path: Path, breaks: Callable[[Data], None], kind: str
) -> None:
    broken = ways.write_broken(extension, breaks, tmp_path / "broken")
    assert kind in {found.kind.name for found in diagnose(open_pair(base, broken))}
    done = repair_folder(broken, base=base, out=tmp_path / "out", structure_only=True)
    assert done.after.sound
    assert diagnose(done.after.pair) == []


WITH_A_MODEL = [
    pytest.param(breaks, id=breaks.__name__, marks=() if number % 5 == 1 else pytest.mark.slow)
    for number, (breaks, _) in enumerate(MENDED)
]


@pytest.mark.parametrize("breaks", WITH_A_MODEL)
def test_the_loss_on_old_text_is_unchanged(
    base: Path, extension: Path, resized: Path, tmp_path: Path, breaks: Callable[[Data], None]
) -> None:
    broken = ways.write_broken(extension, breaks, tmp_path / "broken")
    model = trained_with(open_pair(base, broken), resized, tmp_path / "model")
    repair_folder(broken, base=base, out=tmp_path / "out", model=model, structure_only=True)
    assert loss(tmp_path / "out") == pytest.approx(loss(resized), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("breaks", [breaks for breaks, _ in MENDED[:14]])
def test_nothing_that_can_be_kept_is_lost_and_only_han_changes(
    base: Path, extension: Path, tmp_path: Path, breaks: Callable[[Data], None]
) -> None:
    broken = ways.write_broken(extension, breaks, tmp_path / "broken")
    done = repair_folder(broken, base=base, out=tmp_path / "out")
    wanted, found = open_pair(base, extension).new_tokens, done.after.pair.new_tokens
    assert set(found) == set(wanted)
    assert done.after.holds, failure_lines(done.after.checks)


def trained_with(pair: Pair, resized: Path, out: Path) -> Path:
    """Write the model as it would be had it been trained with the broken tokenizer: each row where that puts its token.

    A special token that loads at a new token's id has its row at its own.
    """
    copytree(resized, out)
    rows_of = open_pair(pair.base.place.parent, resized).extended
    sound = {**rows_of.vocab, **{token["content"]: token["id"] for token in rows_of.added}}
    special = {token["content"]: token["id"] for token in pair.extended.added}
    with suppress(Exception):  # a file that does not load
        special = {name: pair.extended_tokenizer.token_to_id(name) for name in special}
    new = set(pair.new_tokens.values())
    places = {token: id_ for token, id_ in pair.extended.vocab.items() if token not in special}
    places |= {token: id_ for token, id_ in special.items() if id_ not in new}
    tensors = load_file(out / "model.safetensors")
    for name in (EMBEDDINGS, HEAD):
        rows = torch.randn(max(pair.extended.size, len(tensors[name]), *places.values()) + 1, 16)
        rows[: len(tensors[name])] = tensors[name]
        for token, id_ in places.items():
            if token in sound:
                rows[id_] = tensors[name][sound[token]]
        tensors[name] = rows
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    (out / "config.json").write_text(json.dumps({**config, "vocab_size": len(rows)}), encoding="utf-8")
    return out


def loss(folder: Path) -> float:
    """Of the base's ids alone: tokens that were dropped or added take no part."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("\n".join(english_texts())[:1500], return_tensors="pt")["input_ids"]
    assert int(ids.max()) < 1024
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.config.vocab_size >= len(tokenizer)
    with torch.no_grad():
        logits = model(ids).logits[0, :-1, :1024]
    return float(torch.nn.functional.cross_entropy(logits, ids[0, 1:]))


def test_words_of_add_tokens_become_tokens_with_merges_and_keep_their_rows(
    base: Path, extension: Path, resized: Path, tmp_path: Path
) -> None:
    words = ("龘龘龘", "qzx", "！？！")

    def add_words(data: Data) -> None:
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
        data["added_tokens"] += [{"id": 1536 + i, "content": word, **flags} for i, word in enumerate(words)]

    broken = ways.write_broken(extension, add_words, tmp_path / "broken")
    model = trained_with(open_pair(base, broken), resized, tmp_path / "model")
    done = repair_folder(broken, base=base, out=tmp_path / "out", model=model, structure_only=True)
    assert done.after.sound and not done.mended.dropped
    file, rows, old = done.mended.file, *(load_file(f / "model.safetensors")[HEAD] for f in (tmp_path / "out", model))
    for i, word in enumerate(words):
        id_ = file.vocab[bytes_to_token(word.encode())]
        assert AutoTokenizer.from_pretrained(tmp_path / "out").encode(word, add_special_tokens=False) == [id_]
        assert torch.equal(rows[id_], old[1536 + i])
    assert done.mended.links
    for id_, pieces in done.mended.links.items():
        torch.testing.assert_close(rows[id_], old[list(pieces)].mean(dim=0))


OF_FILES = {
    *("wrong tokenizer class", "settings name no token", "older vocabulary files", "extension.json is untrue"),
}


def test_a_class_that_drops_spaces_is_named_and_replaced(base: Path, extension: Path, tmp_path: Path) -> None:
    broken = copytree(extension, tmp_path / "broken")
    settings = json.loads((broken / "tokenizer_config.json").read_text(encoding="utf-8"))
    (broken / "extension.json").write_text('{"first_new_id": 1024, "new_tokens": 3, "vocab_size": 9}', "utf-8")
    settings |= {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|start|>"}
    (broken / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (broken / "vocab.json").write_text("{}", encoding="utf-8")
    names = {found.kind.name for found in diagnose(open_pair(base, broken))}
    assert names == OF_FILES
    broken_checks = {check.name for check in verify_extension(broken, base=base) if not check.holds}
    assert "transformers_parity" in broken_checks
    done = repair_folder(broken, base=base, out=tmp_path / "out")
    assert done.after.holds
    assert json.loads((tmp_path / "out/tokenizer_config.json").read_text(encoding="utf-8"))["bos_token"] == (
        "<|begin_of_text|>"
    )


def test_a_sound_tokenizer_has_no_finding_and_stays_as_it_is(base: Path, extension: Path, tmp_path: Path) -> None:
    assert diagnose(open_pair(base, extension)) == []
    done: Repaired = repair_folder(extension, base=base, out=tmp_path / "out")
    before, after = (json.loads((f / "tokenizer.json").read_text("utf-8")) for f in (extension, tmp_path / "out"))
    assert before == after
    cost = done.cost()
    assert cost.pop("vocab_size") == 1536 and cost.pop("new_tokens") == 512
    assert set(cost.values()) == {0}
    assert (extension / "extension.json").read_bytes() == (tmp_path / "out/extension.json").read_bytes()


def test_an_extension_of_an_extension_is_a_remark_and_no_fault(base: Path, extension: Path, tmp_path: Path) -> None:
    from hanhua.vocab_extension.extend import NewToken, write_extended
    from hanhua.vocab_extension.tokenizer_json import read_bpe_file

    first = read_bpe_file(extension)
    two = next(b for token, b in enumerate(first.bytes_of.values()) if len(b) == 6 and token > 1100)
    write_extended(first, [NewToken(two + two, 3, 2)], tmp_path)
    checks = verify_extension(tmp_path, base=base)
    assert failure_lines(checks) == []
    assert "1 tokens from 1,536 on" in next(remarks(open_pair(base, tmp_path)))


def test_a_model_without_the_rows_is_refused_before_anything_is_written(
    base: Path, extension: Path, tmp_path: Path
) -> None:
    model = write_small_model(tmp_path / "model", base)
    with pytest.raises(InputError, match=r"1,024 rows, and the tokenizer has the id 1,535"):
        repair_folder(extension, base=base, out=tmp_path / "out", model=model)
    assert not (tmp_path / "out").exists()


def test_every_kind_has_words_in_both_languages() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 14
    for kind in KINDS:
        assert kind.en.means and kind.en.cure and kind.zh.means and kind.zh.cure
        assert any("一" <= character <= "鿿" for character in kind.zh.name + kind.zh.means), kind.name


def test_every_kind_is_met_in_a_test() -> None:
    met = {kind for _, kind in MENDED}
    assert {kind.name for kind in KINDS} == met | OF_FILES
