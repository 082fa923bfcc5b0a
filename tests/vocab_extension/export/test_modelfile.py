from __future__ import annotations

import pytest
from small_llama import CHAT_TEMPLATE

from hanhua.vocab_extension.export.modelfile import is_llama3_chat, modelfile_text

LLAMA3 = (
    "{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim "
    "+ '<|eot_id|>' }}{% endfor %}"
)


@pytest.mark.parametrize(
    ("template", "is_llama3"),
    [
        (LLAMA3, True),
        ("{% if tools %}…{% endif %}" + LLAMA3, True),
        (CHAT_TEMPLATE, False),  # no <|eot_id|>
        ("<|im_start|>{{ role }}\n", False),
        (LLAMA3 + "<|im_start|>", False),
        ("", False),
        (None, False),
    ],
)
def test_llama3s_chat_is_known(template: str | None, is_llama3: bool) -> None:
    assert is_llama3_chat(template) is is_llama3


def test_a_chat_model_has_template_and_stops() -> None:
    text = modelfile_text("zh.gguf", chat_template=LLAMA3, stops=["<|eot_id|>", "<|end_of_text|>"])
    before, template, after = text.split('"""')
    assert before == "FROM ./zh.gguf\nTEMPLATE "
    assert template.endswith("<|start_header_id|>assistant<|end_header_id|>\n\n")
    assert template.count("{{- end }}") == template.count("{{- if") + template.count("{{- range")
    assert after == '\nPARAMETER stop "<|eot_id|>"\nPARAMETER stop "<|end_of_text|>"\n'


def test_a_preamble_that_is_left_out_is_said() -> None:
    text = modelfile_text("zh.gguf", chat_template="{{ tools }}" + LLAMA3, stops=[])
    assert "# Without the dates and tools" in text


@pytest.mark.parametrize(("template", "said"), [("[INST]", "is not Llama 3's"), (None, "has no chat template")])
def test_an_unknown_chat_has_no_template_and_says_so(template: str | None, said: str) -> None:
    text = modelfile_text("zh.gguf", chat_template=template, stops=["<|end_of_text|>"])
    assert said in text
    assert "TEMPLATE " not in text.replace("No TEMPLATE", "")
    assert text.endswith('PARAMETER stop "<|end_of_text|>"\n')
