"""The tokenizer's part of a GGUF file, under llama.cpp's stock pre-tokenizer name for Llama 3.

llama.cpp's own converter finds that name by a hash of one encoded text with Chinese in it. New merges change
the hash, and it stops there; the pre-tokenizer itself is as it was, so its name is written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanhua.base_tokenizer import LLAMA3_PATTERN
from hanhua.errors import InputError, MissingExtra
from hanhua.progress import say
from hanhua.vocab_extension.export.special_ids import SpecialIds
from hanhua.vocab_extension.pretokenizer import split_pattern, tokens_by_id
from hanhua.vocab_extension.tokenizer_json import BpeFile

if TYPE_CHECKING:
    from gguf import GGUFWriter

PRE_TOKENIZER = "llama-bpe"
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4
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


def check_llama_bpe(bpe: BpeFile) -> None:
    """Raise InputError unless llama.cpp's `llama-bpe` cuts and merges as this tokenizer does."""
    if split_pattern(bpe) != LLAMA3_PATTERN:
        raise InputError(
            f"{bpe.place}: cuts texts by another pattern than Llama 3's, and llama.cpp would cut by Llama 3's"
        )
    if not bpe.data["model"].get("ignore_merges"):
        raise InputError(
            f"{bpe.place}: ignore_merges is off, and llama.cpp's {PRE_TOKENIZER} looks every pre-token up whole first"
        )


def add_vocabulary(writer: GGUFWriter, bpe: BpeFile, special: SpecialIds, chat_template: str | None) -> None:
    """Add tokens, types, merges, special ids and chat template to a GGUF file's metadata."""
    tokens = tokens_by_id(bpe)
    types = [NORMAL] * len(tokens)
    for token in bpe.added:
        types[token["id"]] = CONTROL if token.get("special") else USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
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
