#!/usr/bin/env bash
# transformers 5.23.0: the class named in tokenizer_config.json decides how text is cut, not the file tokenizer.json.
#
# Belief: a folder with a whole `tokenizer.json` (vocabulary, merges, pre-tokenizer) is read as that file says, and
#   `tokenizer_class` only chooses the Python class around it.
# Behavior: a class that builds its own tokenizer takes vocabulary and merges from the file and puts its own
#   pre-tokenizer in place of the file's, without a word. Under `Qwen2Tokenizer` a vocabulary with Llama 3's pattern
#   (numbers in threes) has its numbers cut digit by digit; under `GPT2Tokenizer` runs of marks are cut otherwise.
#   Chinese alone comes out right, so nothing is noticed on Chinese test sentences.
# It matters to whoever extends one model's vocabulary and copies another's tokenizer_config.json with its chat template.
# Seen: tokenizers ['123', '456', '7']; Qwen2Tokenizer ['1', '2', '3', '4', '5', '6', '7']; no warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.23.0 tokenizers==0.23.3
cd "$folder"
"$folder/venv/bin/python" - <<'PY' 2>stderr.txt
import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer

THREES = r"\p{N}{1,3}|[^\r\n\p{L}\p{N}]?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+"
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(THREES), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
)
tokenizer.train_from_iterator(["123 456 7 今天天气很好"] * 10, trainer)


def tokens(name, text):
    folder = Path(name)
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": name}))
    loaded = AutoTokenizer.from_pretrained(folder)
    return [tokenizer.decode([one]) for one in loaded(text, add_special_tokens=False).input_ids]


expected = [tokenizer.decode([one]) for one in tokenizer.encode("1234567").ids]
plain, qwen = tokens("TokenizersBackend", "1234567"), tokens("Qwen2Tokenizer", "1234567")
print("tokenizers:", expected)
print("TokenizersBackend:", plain)
print("Qwen2Tokenizer:", qwen)
assert plain == expected == ["123", "456", "7"] and qwen == list("1234567"), "the behavior has changed"
assert tokens("Qwen2Tokenizer", "今天天气很好") == tokens("TokenizersBackend", "今天天气很好")
PY
if grep -iE "pre.?tokenizer|tokenizer_class" stderr.txt; then
    echo "the behavior has changed: it is said now"
    exit 1
fi
