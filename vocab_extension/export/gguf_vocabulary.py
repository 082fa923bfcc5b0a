"""The tokenizer's part of a GGUF file, under llama.cpp's own name for its pre-tokenizer.

llama.cpp's own converter finds that name by a hash of one encoded text with Chinese in it. New merges change
the hash, and it stops there; the pre-tokenizer itself is as it was, so its name is written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanhua.bits import bytes_to_token
from hanhua.errors import InputError, MissingExtra
from hanhua.llama_cpp_pre_tokenizers import pre_tokenizers_with
from hanhua.progress import say
from hanhua.vocab_extension.export.special_ids import SpecialIds
from hanhua.vocab_extension.pretokenizer import cutting_patterns, has_normalizer, tokens_by_id
from hanhua.vocab_extension.tokenizer_json import BpeFile, encode_all

if TYPE_CHECKING:
    from gguf import GGUFWriter

NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5
"""Token types of the GGUF specification."""
EOT, EOM = "<|eot_id|>", "<|eom_id|>"
_ENDS_BY_NAME = {EOT, EOM, "<|end_of_text|>"}
"""llama.cpp takes these for ends of generation by their text alone."""


def check_gguf_installed() -> None:
    """Raise MissingExtra without the `gguf` package."""
    try:
        import gguf  # noqa: F401
    except ImportError:
        raise MissingExtra("writing GGUF", "export") from None


def llama_cpp_name(bpe: BpeFile) -> str:
    """Return the name of llama.cpp's pre-tokenizer that cuts and merges as this tokenizer does.

    Raises InputError when it has none. llama.cpp leaves texts as they are: of a normalizer only NFC is let pass, with
    a warning, since nearly all text is in NFC already.
    """
    found = pre_tokenizers_with(cutting_patterns(bpe))
    if not found:
        raise InputError(f"{bpe.place}: cuts texts by a pattern that llama.cpp has no pre-tokenizer for")
    if has_normalizer(bpe):
        _check_normalizer(bpe)
    whole = bool(bpe.data["model"].get("ignore_merges"))
    names = [name for name, kind in found.items() if kind.ignore_merges == whole]
    if not names:
        _check_whole_words(bpe, next(iter(found)))
    return next(iter(names or found))


def _check_normalizer(bpe: BpeFile) -> None:
    kind = bpe.data["normalizer"].get("type")
    if kind != "NFC":
        raise InputError(f"{bpe.place}: has a normalizer ({kind}), and llama.cpp leaves texts as they are")
    say("llama.cpp does not normalize: text that is not in Unicode's NFC gets other ids there than from tokenizer.json")


def _check_whole_words(bpe: BpeFile, name: str) -> None:
    """Raise InputError unless looking whole pre-tokens up makes no difference: when merges reach every token."""
    listed = list(bpe.bytes_of.items())
    found = encode_all(bpe.merges_only_encoder(), (bytes_to_token(data) for _, data in listed))
    unreached = sum(ids != [id_] for (id_, _), ids in zip(listed, found, strict=True))
    if unreached:
        switch = "on" if bpe.data["model"].get("ignore_merges") else "off"
        raise InputError(
            f"{bpe.place}: ignore_merges is {switch}, and llama.cpp's {name} does otherwise; it would encode "
            f"{unreached:,} tokens, which no merges make, in another way"
        )


def add_vocabulary(
    writer: GGUFWriter, bpe: BpeFile, pre: str, special: SpecialIds, chat_template: str | None, *, padded_rows: int = 0
) -> None:
    """Add pre-tokenizer's name, tokens, types, merges, special ids and chat template to a GGUF file's metadata.

    padded_rows: rows of the model behind the last token. Each is listed as an unused token, under the name that
    llama.cpp's own converter gives it: `[PAD128256]`.
    """
    tokens = tokens_by_id(bpe)
    types = [NORMAL] * len(tokens) + [UNUSED] * padded_rows
    tokens += [f"[PAD{id_}]" for id_ in range(len(tokens), len(tokens) + padded_rows)]
    for token in bpe.added:
        types[token["id"]] = CONTROL if token.get("special") else USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([f"{left} {right}" for left, right in bpe.merges])
    writer.add_bos_token_id(special.bos)
    writer.add_eos_token_id(special.eos)
    if special.pad is not None:
        writer.add_pad_token_id(special.pad)
    _add_ends(writer, tokens, special)
    writer.add_add_bos_token(special.add_bos)
    writer.add_add_eos_token(special.add_eos)
    if chat_template is not None:
        writer.add_chat_template(chat_template)


def _add_ends(writer: GGUFWriter, tokens: list[str], special: SpecialIds) -> None:
    """Write eot and eom: by name, then for ends that llama.cpp does not know by theirs; GGUF has no list of ends."""
    named = {tokens[id_]: id_ for id_ in special.ends}
    unknown = [id_ for name, id_ in named.items() if name not in _ENDS_BY_NAME and id_ != special.eos]
    for name, add in ((EOT, writer.add_eot_token_id), (EOM, writer.add_eom_token_id)):
        if name in named:
            add(named[name])
        elif unknown:
            add(unknown.pop(0))
    if unknown:
        names = ", ".join(tokens[id_] for id_ in unknown)
        say(f"llama.cpp will not stop at {names}: a GGUF file names three ends of generation, and these are more")
