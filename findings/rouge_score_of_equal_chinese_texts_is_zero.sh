#!/usr/bin/env bash
# rouge-score 0.1.2: two identical Chinese texts score 0.
#
# Belief: ROUGE-L of a text against itself is 1 in any script; at worst Chinese without spaces counts as one long word.
# Behavior: the default tokenizer replaces everything but a-z and 0-9 by spaces, so a Chinese text has no tokens at all,
#   and every pair scores 0. Only the Latin letters and digits in a text are compared: two different texts that both hold
#   "2026" score 1.
# It matters for Self-Instruct's rule of diversity (an instruction is kept when ROUGE-L with every earlier one is below
#   0.7): in Chinese it passes every copy, and rejects texts that share a year.
# Seen: identical 0, unrelated with one year in common 1.0, identical with characters as tokens 1.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet rouge-score==0.1.2
"$folder/venv/bin/python" - <<'PY'
from rouge_score import rouge_scorer


class Characters:
    def tokenize(self, text):
        return list(text)


def score(one, other, **how):
    return rouge_scorer.RougeScorer(["rougeL"], **how).score(one, other)["rougeL"].fmeasure


text = "请把下面这段话改写成通顺的书面语。"
equal = score(text, text)
year = score("2026年的预算如何编制？", "请介绍2026年上映的电影。")
characters = score(text, text, tokenizer=Characters())
print("identical:", equal)
print("unrelated, with one year in common:", year)
print("identical, characters as tokens:", characters)
assert (equal, year, characters) == (0.0, 1.0, 1.0), "the behavior has changed"
PY
