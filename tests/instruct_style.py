"""Tokenizers and settings in the manner of Llama 3 and 3.1 Instruct: several ends, pad, a template with tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

Version = Literal["3", "3.1"]
PLACES = {"<|end_of_text|>": 1, "<|finetune_right_pad_id|>": 4, "<|eom_id|>": 8, "<|eot_id|>": 9, "<|python_tag|>": 10}
"""Of the special tokens, from the first one on; Llama 3 has reserved tokens at 4, 8 and 10."""
ENDS: dict[Version, tuple[str, ...]] = {
    "3": ("<|end_of_text|>", "<|eot_id|>"),
    "3.1": ("<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"),
}
ROPE_3_1 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
HEADER = "'<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n'"
TEMPLATES: dict[Version, str] = {
    "3": "{{ bos_token }}{% for m in messages %}{{ " + HEADER + " + m.content | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}",
    "3.1": "{{ bos_token }}"
    "{% if tools %}{{ '<|start_header_id|>system<|end_header_id|>\\n\\nEnvironment: ipython\\nTools:\\n' }}"
    "{% for tool in tools %}{{ tool | tojson }}{{ '\\n' }}{% endfor %}{{ '<|eot_id|>' }}{% endif %}"
    "{% for m in messages %}"
    "{% if m.tool_calls %}{% for call in m.tool_calls %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n<|python_tag|>' + call.function.name + '.call('"
    " + call.function.arguments | tojson + ')<|eom_id|>' }}{% endfor %}"
    "{% elif m.role == 'tool' %}{{ '<|start_header_id|>ipython<|end_header_id|>\\n\\n' + m.content + '<|eot_id|>' }}"
    "{% else %}{{ " + HEADER + " + m.content | trim + '<|eot_id|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}",
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "天气",
            "description": "今天的天气",
            "parameters": {"type": "object", "properties": {"城市": {"type": "string"}}},
        },
    }
]
CHAT = [
    {"role": "system", "content": "你是一个有用的助手。 Answer briefly."},
    {"role": "user", "content": "今天上海天气怎么样？ 我们去公园吧。"},
    {"role": "assistant", "content": "晴，适合出门。"},
    {"role": "user", "content": "What does <b>trim</b> do?\n\n  谢谢！  "},
]
TOOL_CHAT = [
    *CHAT[:2],
    {
        "role": "assistant",
        "tool_calls": [{"type": "function", "function": {"name": "天气", "arguments": {"城市": "上海"}}}],
    },
    {"role": "tool", "content": '{"度": 21}'},
    {"role": "assistant", "content": "上海今天 21 度。"},
    {"role": "user", "content": "那北京呢？"},
]


def first_special(folder: Path) -> int:
    """Return the id of the first special token."""
    data = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    return min(int(token["id"]) for token in data["added_tokens"])


def ids_of(folder: Path, names: tuple[str, ...]) -> list[int]:
    """Return the ids these special tokens have in the manner of Llama 3."""
    return [first_special(folder) + PLACES[name] for name in names]


def with_names_of(folder: Path, version: Version) -> Path:
    """Give the special tokens of a tokenizer folder the names of a version of Llama."""
    if version == "3.1":
        path = folder / "tokenizer.json"
        data = json.loads(path.read_text(encoding="utf-8"))
        first = first_special(folder)
        names = {first + place: name for name, place in PLACES.items()}
        renamed = {t["content"]: names[t["id"]] for t in data["added_tokens"] if t["id"] in names}
        for token in data["added_tokens"]:
            token["content"] = renamed.get(token["content"], token["content"])
        vocab = data["model"]["vocab"]
        data["model"]["vocab"] = {renamed.get(token, token): id_ for token, id_ in vocab.items()}
        path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return folder


def make_instruct(folder: Path, version: Version) -> Path:
    """Turn the tokenizer and settings of a base's folder into those of its instruct model."""
    _update(folder / "tokenizer_config.json", {"eos_token": "<|eot_id|>"} | _pad(folder, version, as_text=True))
    (folder / "chat_template.jinja").write_text(TEMPLATES[version], encoding="utf-8")
    ids = {"eos_token_id": ids_of(folder, ENDS[version])} | _pad(folder, version, as_text=False)
    if (folder / "config.json").is_file():
        _update(folder / "config.json", ids)
        sampling = {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "bos_token_id": first_special(folder)}
        _update(folder / "generation_config.json", {**sampling, **ids})
    return folder


def _pad(folder: Path, version: Version, *, as_text: bool) -> dict[str, Any]:
    if version == "3":
        return {}
    pad = "<|finetune_right_pad_id|>"
    return {"pad_token": pad} if as_text else {"pad_token_id": ids_of(folder, (pad,))[0]}


def _update(path: Path, values: dict[str, Any]) -> None:
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps({**old, **values}), encoding="utf-8")
