#!/usr/bin/env bash
# mistral-common 1.9.1: tekken.json holds 150,000 tokens; the models know 130,072 of them, each at its rank plus 1,000.
#
# Belief: a file of ranked tokens is the vocabulary, as with tiktoken's files: all of its tokens exist, and rank is id.
# Behavior: `num_vocab_tokens` is 150,000, but the first 1,000 ids are special tokens that the file does not list, and only
#   the tokens whose id is below `default_vocab_size` (131,072) are loaded. Loading all of them gives other tokens and not
#   only other numbers: longer tokens from beyond the end (活动, 我们的, hesitant) win merges.
# It matters when a Tekken file is converted for another library or compared with others: its size, its compression and
#   its ids come out wrong, and rows are addressed that the model does not have.
# Seen: 150000 tokens in the file, 130072 used; all of the file splits two of four short texts differently (10 tokens for
#   15 in Chinese), and the right ids are ranks + 1000.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mistral-common==1.9.1 tiktoken==0.14.0
"$folder/venv/bin/python" - <<'PY'
import base64
import json
from importlib.metadata import files

import tiktoken
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

path = next(file.locate() for file in files("mistral-common") if file.name == "tekken_240911.json")
data = json.loads(open(path, encoding="utf-8").read())
ranks = {base64.b64decode(token["token_bytes"]): token["rank"] for token in data["vocab"]}
used = data["config"]["default_vocab_size"] - data["config"]["default_num_special_tokens"]


def encoding(limit):
    kept = {token: rank for token, rank in ranks.items() if rank < limit}
    return tiktoken.Encoding("tekken", pat_str=data["config"]["pattern"], mergeable_ranks=kept, special_tokens={})


whole, cut, own = encoding(len(ranks)), encoding(used), Tekkenizer.from_file(path)
different = []
for text in ("The committee approved it.", "She was hesitant at first.", "上海证券交易所", "我们的活动在天气现象出现以后取消。"):
    right = own.encode(text, bos=False, eos=False)
    assert right == [rank + 1000 for rank in cut.encode(text)], "the behavior has changed"
    different.append(whole.encode(text) != cut.encode(text))
    print(text, "| whole file:", whole.encode(text), "| right:", right)
print(len(ranks), "tokens in the file,", used, "used; split differently:", different)
assert (len(ranks), used, own.n_words) == (150000, 130072, 131072), "the behavior has changed"
assert any(different), "the behavior has changed"
PY
