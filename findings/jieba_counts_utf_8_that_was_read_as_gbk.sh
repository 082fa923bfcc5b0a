#!/usr/bin/env bash
# jieba 0.42.1: part of dict.txt was counted on UTF-8 text read as GBK, so rare characters outrank everyday words.
#
# Belief: the frequencies of jieba's dictionary are those of Chinese text, noisy for rare words but in a sensible order,
#   so they can serve as weights: as a prior for a vocabulary, for IDF, for ranking candidates.
# Behavior: 涓, 锛, 銆 and 鐨 each have a frequency above 5,000. They are what the first two of the three UTF-8 bytes of
#   中 (as of 一 and 不), of the comma, of the full stop and of 的 look like when they are read as GBK. 涓, a trickle, counts
#   nearly ten times as often as 苹果.
# It matters wherever these frequencies decide: a vocabulary of a few thousand words learned with this prior spends places
#   on characters that hardly anybody writes, and the file itself is clean UTF-8, so no decoder complains.
# Seen: 涓 12958, 锛 12605, 銆 6982, 鐨 5901; 苹果 1334; all four stand among the 1,500 most frequent of 349,045 words.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jieba==0.42.1
"$folder/venv/bin/python" - <<'PY'
from importlib.metadata import files

path = next(file.locate() for file in files("jieba") if str(file) == "jieba/dict.txt")
counts = {}
for line in open(path, encoding="utf-8"):
    word, count, *_ = line.split()
    counts[word] = int(count)
order = sorted(counts, key=lambda word: -counts[word])
rank = {word: number for number, word in enumerate(order)}
for text in ("中", "，", "。", "的"):
    misread = text.encode()[:2].decode("gbk")
    print(f"{text} begins with the bytes of {misread}: frequency {counts[misread]}, rank {rank[misread]}")
    assert counts[misread] > 5000 and rank[misread] < 1500, "the behavior has changed"
print("苹果:", counts["苹果"], "of", len(counts), "words")
assert (counts["涓"], counts["苹果"], len(counts)) == (12958, 1334, 349045), "the behavior has changed"
PY
