#!/usr/bin/env bash
# OpenCC 1.4.2: s2t, s2tw, s2twp and s2hk write every 被发… but 被发现 with the hair 髮: 被发布 becomes 被髮布.
#
# Belief: conversion by phrases errs on rare words; everyday words with an ambiguous character are in its dictionaries.
# Behavior: the phrase 被发 → 被髮 (loose hair, 被髮左衽) wins wherever no longer phrase is listed, and only 被发现 is. So the
#   passives of 发布, 发送, 发表, 发明, 发起 and 发给 come out wrong, while the same words without 被 are right.
# It matters for corpora and answers that are converted to Traditional in bulk: news and manuals hold these passives on
#   every page, 髮布 is no word, and a vocabulary or model learns it as one. Converting back with t2s hides it.
# Seen: 被髮布, 被髮送, 被髮表, 被髮明, 被髮起, 被髮給 in all four configurations; 被發現, 發佈, 發送, 發表 and 發明 are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet OpenCC==1.4.2
"$folder/venv/bin/python" - <<'PY'
import opencc

for name in ("s2t", "s2tw", "s2twp", "s2hk"):
    convert = opencc.OpenCC(name).convert
    passive = [convert("被" + word) for word in ("发布", "发送", "发表", "发明", "发起", "发给")]
    right = [convert(text) for text in ("被发现", "发布", "发送", "发表", "发明")]
    print(name, *passive, "|", *right)
    assert all("髮" in text for text in passive) and not any("髮" in text for text in right), "the behavior has changed"
assert opencc.OpenCC("t2s").convert("被髮布") == "被发布", "the behavior has changed"
PY
