#!/usr/bin/env bash
# Hugging Face tokenizers 0.23.3: a character that a BPE vocabulary has no token for is dropped before merging.
#
# Belief: in byte-level BPE without an unknown token, a byte that the vocabulary lacks is skipped, and the text on either
#   side of it is encoded as it would be alone: "!\x04!" becomes two tokens "!".
# Behavior: the character is dropped first and the merges run over what is left, so the neighbors are joined across it:
#   "!\x04!" becomes the one token "!!". llama.cpp keeps such a byte as a barrier and gives two tokens.
# It matters for vocabularies that lack bytes, as SmolLM2's does (21 of 256), when ids are compared between the two, and
# for whoever counts on tokens never spanning a character that is not theirs.
# Seen: without the character ['!!'], with it ['!!'], and by a pre-tokenizer that cuts there ['!', '!'].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tokenizers==0.23.3
"$folder/venv/bin/python" - <<'PY'
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

missing = "\x04"
letters = pre_tokenizers.ByteLevel.alphabet()
spelled = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(missing)[0][0]
vocabulary = {letter: number for number, letter in enumerate(sorted(set(letters) - {spelled}))}
vocabulary["!!"] = len(vocabulary)


def tokens(*steps):
    tokenizer = Tokenizer(models.BPE(vocabulary, [("!", "!")]))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*steps, byte_level])
    return [tokenizer.encode(text).tokens for text in ("!!", f"!{missing}!")]


(plain, across), (_, cut) = tokens(), tokens(pre_tokenizers.Split(Regex(missing), "isolated"))
print("without the character:", plain)
print("with it:", across)
print("cut there by a pre-tokenizer:", cut)
assert plain == ["!!"] and across == ["!!"] and cut == ["!", "!"], "the behavior has changed"
PY
