"""An adapter as PEFT saves it, in the real llama.cpp: the same likelihoods, under either way to scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gguf")
torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
pytest.importorskip("xllamacpp", reason="llama.cpp (the package xllamacpp) is not installed")

from running_llama_cpp import LlamaCpp  # noqa: E402
from small_model import write_small_model  # noqa: E402
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM  # noqa: E402

from hanhua.artifacts.files import read_json, write_json  # noqa: E402
from hanhua.cli.entry import run_command  # noqa: E402
from hanhua.cli.vocab_extension import app  # noqa: E402
from hanhua.errors import InputError, UsageError  # noqa: E402
from hanhua.vocab_extension.export.gguf_adapter import export_adapter, strength  # noqa: E402
from hanhua.vocab_extension.export.gguf_file import export_gguf  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
MAX_NATS = 1e-3
"""Between PEFT's log probabilities and llama.cpp's, where those of the adapted and the plain model are nats apart."""
IDS = [768, 5, 60, 300, 17, 444, 9, 81, 700, 33]
MATRICES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.fixture(scope="module")
def model(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loud weights and heads of another size than hidden over heads, so that a wrong order of rows shows."""
    folder = write_small_model(tmp_path_factory.mktemp("model") / "model", base)
    settings = read_json(folder / "config.json") | {"hidden_size": 48, "head_dim": 32, "initializer_range": 0.2}
    torch.manual_seed(1)
    LlamaForCausalLM(LlamaConfig(**settings)).float().save_pretrained(folder)
    return folder


def adapter(model: Path, out: Path, **settings: Any) -> Path:
    config = peft.LoraConfig(
        **{"r": 4, "lora_alpha": 8, "target_modules": MATRICES, "task_type": "CAUSAL_LM"} | settings
    )
    torch.manual_seed(2)
    adapted = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(model), config)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.normal_(0, 0.2)
    adapted.save_pretrained(out)
    return out


def by_peft(model: Path, folder: Path | None) -> dict[int, float]:
    plain = AutoModelForCausalLM.from_pretrained(model)
    loaded = plain if folder is None else peft.PeftModel.from_pretrained(plain, folder)
    with torch.no_grad():
        logits = loaded.eval()(input_ids=torch.tensor([IDS])).logits[0, -1]
    return dict(enumerate(torch.log_softmax(logits, dim=-1).tolist()))


def farthest(one: dict[int, float], other: dict[int, float]) -> float:
    return max(abs(one[id_] - other[id_]) for id_ in other)


@pytest.fixture(scope="module")
def gguf(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gguf") / "model.gguf"
    export_gguf(model, out, dtype="f32")
    return out


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}, {"target_modules": ["q_proj", "down_proj"]}], ids=str)
def test_likelihoods_are_pefts(settings: dict[str, Any], model: Path, gguf: Path, tmp_path: Path) -> None:
    folder = adapter(model, tmp_path / "adapter", **settings)
    done = export_adapter(folder, tmp_path / "lora.gguf", base=model)
    assert done.alpha / done.rank == pytest.approx(strength(read_json(folder / "adapter_config.json")))
    expected = by_peft(model, folder)
    found = LlamaCpp(gguf, loras=(done.gguf,)).log_probabilities(IDS, most=400)
    assert len(found) == 400
    assert farthest(expected, found) < MAX_NATS
    assert farthest(by_peft(model, None), found) > 1, "the adapter changes the model"


def test_the_command_says_what_it_wrote(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = adapter(model, tmp_path / "adapter"), tmp_path / "lora.gguf"

    def run(*more: str) -> int:
        given = ["export", str(folder), "--format", "gguf", "--out", str(out), *more]
        return run_command(lambda: app(given, standalone_mode=False))

    assert run() == 2
    assert "--base" in capsys.readouterr().err
    assert run("--base", str(model)) == 0
    assert "28 tensors of rank 4, strength 2" in capsys.readouterr().out
    assert out.is_file()


@pytest.mark.parametrize(
    ("key", "value"),
    [("trainable_token_indices", {"embed_tokens": [1]}), ("modules_to_save", ["lm_head"]), ("use_dora", True)],
)
def test_what_cannot_be_served_is_refused(key: str, value: Any, model: Path, tmp_path: Path) -> None:
    folder = adapter(model, tmp_path / "adapter")
    write_json(folder / "adapter_config.json", read_json(folder / "adapter_config.json") | {key: value})
    with pytest.raises(InputError, match=f"{key} is set"):
        export_adapter(folder, tmp_path / "lora.gguf", base=model)
    assert not (tmp_path / "lora.gguf").exists()


def test_another_models_adapter_and_a_wrong_name_are_refused(model: Path, base: Path, tmp_path: Path) -> None:
    folder = adapter(model, tmp_path / "adapter")
    narrower = write_small_model(tmp_path / "narrower", base)
    with pytest.raises(InputError, match="does not fit the model given as base"):
        export_adapter(folder, tmp_path / "lora.gguf", base=narrower)
    with pytest.raises(UsageError, match=r"ends in \.gguf"):
        export_adapter(folder, tmp_path / "lora.bin", base=model)
