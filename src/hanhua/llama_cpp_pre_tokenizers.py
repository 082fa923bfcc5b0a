r"""How each `tokenizer.ggml.pre` cuts a text before the merges, as a section of tokenizer.json.

Source: the regular expressions and flags by pre-tokenizer type in llama.cpp's `src/llama-vocab.cpp`
(`llm_tokenizer_bpe` and `llama_vocab::impl::load`), in the form that the models' own tokenizer.json files have.
Two differences of form: llama.cpp leaves the last `|\s+` of GPT-2's pattern out, because what no alternative
matches is a piece of its own there too; and it spells `(?i:…)` out. One of substance: for `tekken` and `gpt-4o`
llama.cpp knows no upper and lower case beyond A–Z and cuts combining marks off their letters. The pattern here is
the one these models were trained with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hanhua.errors import InputError

GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_SPACES}"
_QWEN2 = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_SPACES}"
_SEED = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{_SPACES}"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*"
    rf"|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_SPACES}"
)
_GPT4O = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTIONS}?|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTIONS}?"
    rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_SPACES}"
)
_CJK_V3 = "[一-龥぀-ゟ゠-ヿ]+"
_WORDS_V3 = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    rf"| ?[\p{{P}}\p{{S}}]+[\r\n]*|{_SPACES}"
)
DEFAULT = "default"


@dataclass(frozen=True)
class PreTokenizer:
    """steps: regular expressions; each cuts the pieces of the one before, matches and what lies between alike.

    ignore_merges: a piece that is a token whole is that token, whatever the merges say.
    add_bos: whether a text begins with the bos token when the file does not say.
    """

    steps: tuple[str, ...]
    ignore_merges: bool = False
    add_bos: bool = False

    def section(self, *, without: str = "") -> dict[str, Any]:
        """Return the `pre_tokenizer` of tokenizer.json: one isolating Split a step, then ByteLevel that only spells.

        without: characters of the byte-level alphabet that have no token. They are cut out: llama.cpp drops them
        too, and what stands around them must not merge, as it would if they were merely unknown.
        """
        splits = [_split(pattern, "Isolated") for pattern in self.steps]
        spell = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
        named = "".join(f"\\x{{{ord(character):x}}}" for character in without)
        dropped = [_split(f"[{named}]", "Removed")] if without else []
        return {"type": "Sequence", "pretokenizers": [*splits, spell, *dropped]}


_TYPES: dict[tuple[str, ...], PreTokenizer] = {
    ("llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"): PreTokenizer(
        (_LLAMA3,), ignore_merges=True, add_bos=True
    ),
    ("dbrx", "smaug-bpe", "glm4", "chatglm-bpe"): PreTokenizer((_LLAMA3,)),
    (
        *("gpt-2", "phi-2", "gigachat", "a.x-4.0", "mellum", "exaone4", "mpt", "olmo", "jais"),
        *("trillion", "granite-docling"),
    ): PreTokenizer((GPT2_PATTERN,)),
    ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"): PreTokenizer(
        (r"\p{N}", GPT2_PATTERN)
    ),
    ("qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan", "grok-2"): PreTokenizer((_QWEN2,)),
    ("seed-coder",): PreTokenizer((_SEED,)),
    ("falcon",): PreTokenizer((r"[\p{P}\$\+<=>\^~\|`]+", GPT2_PATTERN, "[0-9][0-9][0-9]")),
    (DEFAULT,): PreTokenizer((r"[\p{P}\$\+<=>\^~\|]+", GPT2_PATTERN, r"\p{N}+", "[0-9][0-9][0-9]")),
    ("deepseek-coder",): PreTokenizer((r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}")),
    ("deepseek-v3", "hunyuan-dense"): PreTokenizer((r"\p{N}{1,3}", _CJK_V3, _WORDS_V3)),
    ("tekken",): PreTokenizer((_TEKKEN,), ignore_merges=True, add_bos=True),
    ("gpt-4o", "llama4", "kanana2"): PreTokenizer((_GPT4O,)),
}
PRE_TOKENIZERS = {name: kind for names, kind in _TYPES.items() for name in names}
"""By the names that `tokenizer.ggml.pre` can have."""


def pre_tokenizer_of(name: str) -> PreTokenizer:
    """Return the pre-tokenizer for a name in `tokenizer.ggml.pre`; InputError lists the known names otherwise."""
    found = PRE_TOKENIZERS.get(name)
    if found is None:
        known = ", ".join(sorted(PRE_TOKENIZERS))
        raise InputError(f"tokenizer.ggml.pre is {name}; the pre-tokenizers that are known here: {known}")
    return found


def pre_tokenizers_with(steps: tuple[str, ...]) -> dict[str, PreTokenizer]:
    """Return those that cut by these regular expressions, by the first of their names; none when llama.cpp has none."""
    wanted = tuple(map(_spelled_alike, steps))
    return {names[0]: kind for names, kind in _TYPES.items() if tuple(map(_spelled_alike, kind.steps)) == wanted}


def _spelled_alike(pattern: str) -> str:
    r"""Return a pattern with line ends and quotes written one way: files have `\n` and the character, `\"` and `"`."""
    return pattern.replace("\r", r"\r").replace("\n", r"\n").replace(r"\"", '"')


def _split(pattern: str, behavior: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": False}
