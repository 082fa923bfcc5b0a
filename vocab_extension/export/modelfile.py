"""The Modelfile by which Ollama takes a GGUF file: where it is, how a chat is written, where an answer ends."""

from __future__ import annotations

from collections.abc import Sequence

LLAMA3_MARKS = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
FOREIGN_MARKS = ("<|im_start|>", "[INST]", "<|header_start|>", "<start_of_turn>")
LLAMA3_TEMPLATE = """\
{{- if .System }}<|start_header_id|>system<|end_header_id|>

{{ .System }}<|eot_id|>
{{- end }}
{{- range .Messages }}
{{- if ne .Role "system" }}<|start_header_id|>{{ .Role }}<|end_header_id|>

{{ .Content }}<|eot_id|>
{{- end }}
{{- end }}<|start_header_id|>assistant<|end_header_id|>

"""
"""Llama 3's chat in Go's template language, which Ollama reads. Ollama gathers system messages in `.System`."""


def is_llama3_chat(chat_template: str | None) -> bool:
    """Return whether a Jinja chat template writes messages under Llama 3's headers."""
    template = chat_template or ""
    return all(mark in template for mark in LLAMA3_MARKS) and not any(mark in template for mark in FOREIGN_MARKS)


def modelfile_text(gguf_name: str, *, chat_template: str | None, stops: Sequence[str]) -> str:
    """Return the text of a Modelfile that lies beside the GGUF file. stops: the tokens that end an answer."""
    lines = [f"FROM ./{gguf_name}"]
    if is_llama3_chat(chat_template):
        if "tools" in (chat_template or ""):
            lines.append("# Without the dates and tools that the chat template in the GGUF file puts before a chat.")
        lines.append(f'TEMPLATE """{LLAMA3_TEMPLATE}"""')
    elif chat_template:
        lines.append("# No TEMPLATE: the chat template is not Llama 3's; Ollama goes by the one in the GGUF file.")
    else:
        lines.append("# No TEMPLATE: the model has no chat template; it continues texts.")
    lines += [f'PARAMETER stop "{stop}"' for stop in stops]
    return "\n".join(lines) + "\n"
