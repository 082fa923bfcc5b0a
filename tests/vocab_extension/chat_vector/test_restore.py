from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from repository import ROOT

torch = pytest.importorskip("torch")

from instruct_style import CHAT, TOOL_CHAT, TOOLS, Version, ids_of  # noqa: E402
from model_family import UNTRAINED, Family, change, tensors_of, write_family  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig  # noqa: E402

from hanhua.errors import InputError  # noqa: E402
from hanhua.vocab_extension.chat_vector.config import ChatVectorConfig  # noqa: E402
from hanhua.vocab_extension.chat_vector.restore import Restored, restore_folder  # noqa: E402
from hanhua.vocab_extension.resize.pieces import plan_rows  # noqa: E402
from hanhua.vocab_extension.resize.weight_source import EMBEDDINGS, HEAD  # noqa: E402
from hanhua.vocab_extension.tokenizer_json import read_bpe_file  # noqa: E402

ROWS = 1024


def restore(family: Family, out: Path, **settings: object) -> Restored:
    config = ChatVectorConfig.model_validate({"instruct": "unused", **settings})
    return restore_folder(family.adapted, base=family.base, instruct=family.instruct, out=out, config=config)


@pytest.fixture(scope="module")
def family(base: Path, extension: Path, tmp_path_factory: pytest.TempPathFactory) -> Family:
    return write_family(tmp_path_factory.mktemp("family"), base, extension)


@pytest.mark.parametrize("scale", [1.0, 0.7, 0.0, -0.5])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shard_size", ["5GB", "20KB"])
def test_old_rows_and_all_else_are_adapted_plus_scaled_difference(
    base: Path, extension: Path, tmp_path: Path, scale: float, tied: bool, shard_size: str
) -> None:
    family = write_family(tmp_path, base, extension, tied=tied, shard_size=shard_size)
    before, instruct = tensors_of(family.base), tensors_of(family.instruct)
    for name, tensor in family.difference.items():
        assert torch.equal(before[name] + tensor, instruct[name])
    done = restore(family, tmp_path / "out", scale=scale, new_rows="untouched")
    assert (done.first_new_id, done.vocab_size, done.tied) == (ROWS, 1536, tied)
    adapted, made = tensors_of(family.adapted), tensors_of(tmp_path / "out")
    assert adapted.keys() == made.keys()
    for name, tensor in adapted.items():
        wanted = tensor.clone()
        wanted[: len(family.difference[name])] += torch.tensor(scale) * family.difference[name]
        assert made[name].view(torch.int32).equal(wanted.view(torch.int32)), name
    assert (len(list(family.adapted.glob("*.safetensors"))) > 1) is (shard_size != "5GB")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_scale_of_nothing_gives_the_adapted_bytes(base: Path, extension: Path, tmp_path: Path, dtype: str) -> None:
    family = write_family(tmp_path, base, extension, dtype=getattr(torch, dtype), shard_size="20KB")
    restore(family, tmp_path / "out", scale=0, new_rows="mean")
    for file in family.adapted.glob("*.safetensors"):
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("tied", [False, True])
def test_an_unadapted_model_becomes_the_instruct_model(base: Path, tmp_path: Path, dtype: str, tied: bool) -> None:
    family = write_family(tmp_path, base, None, dtype=getattr(torch, dtype), tied=tied)
    # Off the grid, so that instruct - base is rounded, and the sum alone would miss.
    torch.manual_seed(3)
    change(family.instruct, lambda _, tensor: tensor * (1 + torch.randn(tensor.shape) * 0.1) + 1e-9)
    shutil.rmtree(family.adapted)
    shutil.copytree(family.base, family.adapted)
    restore(family, tmp_path / "out")
    made = tensors_of(tmp_path / "out")
    for name, tensor in tensors_of(family.instruct).items():
        assert torch.equal(made[name], tensor), name
    for name in ("config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja"):
        ours, theirs = ((folder / name).read_text() for folder in (tmp_path / "out", family.instruct))
        assert ours == theirs if name.endswith("jinja") else json.loads(ours) == json.loads(theirs)


def test_bfloat16_is_rounded_once(base: Path, extension: Path, tmp_path: Path) -> None:
    family = write_family(tmp_path, base, extension, dtype=torch.bfloat16)
    restore(family, tmp_path / "out", scale=0.6, new_rows="untouched")
    adapted, before, after, made = (
        tensors_of(folder) for folder in (family.adapted, family.base, family.instruct, tmp_path / "out")
    )
    for name, tensor in adapted.items():
        difference = after[name].float() - before[name].float()
        wanted = tensor.float()
        wanted[: len(difference)] += torch.tensor(0.6) * difference
        assert made[name].dtype == torch.bfloat16
        assert torch.equal(made[name], wanted.to(torch.bfloat16)), name


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_new_rows_get_the_mean_of_their_pieces(family: Family, tmp_path: Path, scale: float) -> None:
    done = restore(family, tmp_path / "out", scale=scale)
    assert done.changed_new_rows == 512
    plan = plan_rows(read_bpe_file(family.adapted), ROWS, 1536)
    adapted, made = tensors_of(family.adapted), tensors_of(tmp_path / "out")
    for name in (EMBEDDINGS, HEAD):
        means = torch.stack([family.difference[name][ids].double().mean(dim=0).float() for ids in plan.pieces])
        assert torch.equal(made[name][ROWS:], adapted[name][ROWS:] + torch.tensor(scale) * means)


def test_groups_of_layers_have_their_own_scale(family: Family, tmp_path: Path) -> None:
    scales = {"embeddings": 0.25, "head": 0.0, "layers.1": 0.5}
    restore(family, tmp_path / "out", scale=1.0, scales=scales, new_rows="untouched")
    adapted, made = tensors_of(family.adapted), tensors_of(tmp_path / "out")
    of = {EMBEDDINGS: 0.25, HEAD: 0.0, "model.norm.weight": 0.0}
    for name, tensor in adapted.items():
        scale = of.get(name, 0.5 if ".layers.1." in name else 1.0)
        wanted = tensor.clone()
        wanted[: len(family.difference[name])] += torch.tensor(scale) * family.difference[name]
        assert torch.equal(made[name], wanted), name


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"layer.1": 1}, "no group"),
        ({"layers.3-1": 1}, "ends before"),
        ({"layers.0-3": 1, "layers.3": 0}, "overlap"),
    ],
)
def test_groups_that_are_none_are_refused(groups: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ChatVectorConfig(instruct="x", scales=groups)


def test_a_group_behind_the_last_layer_is_refused(family: Family, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"layers\.1-2 .*has 2"):
        restore(family, tmp_path / "out", scales={"layers.1-2": 1})


def test_special_rows_the_base_never_trained_are_told_and_repaired(family: Family, tmp_path: Path) -> None:
    told = restore(family, tmp_path / "told", scale=0.5)
    done = restore(family, tmp_path / "out", scale=0.5, repair_special_rows=True)
    instruct = tensors_of(family.instruct)
    assert told.special == done.special == {EMBEDDINGS: UNTRAINED, HEAD: UNTRAINED}
    ids = list(UNTRAINED.values())
    for name in (EMBEDDINGS, HEAD):
        one, other = tensors_of(tmp_path / "told")[name], tensors_of(tmp_path / "out")[name]
        assert torch.equal(other[ids], instruct[name][ids])
        assert not torch.isclose(one[ids], instruct[name][ids]).all(dim=1).any()
        rest = [id_ for id_ in range(len(one)) if id_ not in ids]
        assert torch.equal(one[rest], other[rest])


@pytest.mark.parametrize("version", ["3", "3.1"])
def test_chat_settings_are_the_instruct_models(base: Path, extension: Path, tmp_path: Path, version: Version) -> None:
    family = write_family(tmp_path, base, extension, version=version, pad_to=1000)
    done = restore(family, tmp_path / "out")
    out, instruct = tmp_path / "out", family.instruct
    ours, theirs = (AutoTokenizer.from_pretrained(folder) for folder in (out, instruct))
    assert done.chat_settings.ends[0] == ours.eos_token_id == theirs.eos_token_id == 777
    assert (ours.bos_token_id, ours.pad_token_id) == (theirs.bos_token_id, theirs.pad_token_id)
    for messages, tools in ((CHAT, None), *([(TOOL_CHAT, TOOLS)] if version == "3.1" else [])):
        written = [
            t.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=True)
            for t in (ours, theirs)
        ]
        assert written[0] == written[1]
        ids = ours(written[0], add_special_tokens=False)["input_ids"]
        assert max(ids) >= ROWS
        assert ours.decode(ids) == written[0]
        special = [id_ for id_ in ids if 768 <= id_ < ROWS]
        assert special == [id_ for id_ in theirs(written[0], add_special_tokens=False)["input_ids"] if id_ >= 768]
    generation = GenerationConfig.from_pretrained(out)
    assert sorted(generation.eos_token_id) == sorted(done.chat_settings.ends)
    assert generation.suppress_tokens == list(range(1536, 2000))
    model = AutoModelForCausalLM.from_pretrained(out)
    assert model.config.vocab_size == 2000
    assert model.config.rope_parameters["factor"] == 8.0


def test_renamed_special_tokens_get_the_instruct_models_names(base: Path, extension: Path, tmp_path: Path) -> None:
    family = write_family(tmp_path, base, extension)
    text = (family.instruct / "tokenizer.json").read_text(encoding="utf-8")
    (family.instruct / "tokenizer.json").write_text(text.replace("<|reserved_special_token_0|>", "<|im_start|>"))
    done = restore(family, tmp_path / "out")
    assert done.chat_settings.renamed == {"<|reserved_special_token_0|>": "<|im_start|>"}
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer("<|im_start|>今天", add_special_tokens=False)["input_ids"][0] == 770
    assert len(tokenizer) == 1536


def test_a_pad_that_ends_texts_is_left_out(
    base: Path, extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    family = write_family(tmp_path, base, extension)
    for name, pad in (("tokenizer_config.json", {"pad_token": "<|eot_id|>"}), ("config.json", {"pad_token_id": 777})):
        path = family.instruct / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **pad}))
    done = restore(family, tmp_path / "out")
    assert done.chat_settings.pad is None
    assert AutoTokenizer.from_pretrained(tmp_path / "out").pad_token is None
    assert "left out" in capsys.readouterr().err


class TestWrongModelsAreRefusedByName:
    """Before anything is written."""

    def refused(self, family: Family, out: Path, said: str) -> None:
        with pytest.raises(InputError, match=said):
            restore(family, out)
        assert not out.exists()

    def test_another_base(self, family: Family, base: Path, tmp_path: Path) -> None:
        stranger = Path(shutil.copytree(family.base, tmp_path / "Stranger-8B"))
        generator = torch.Generator().manual_seed(9)
        change(stranger, lambda _, tensor: torch.randn(tensor.shape, generator=generator) * 0.02)
        other = Family(stranger, family.instruct, family.adapted, {})
        self.refused(other, tmp_path / "out", r"instruct: not made of the base .*Stranger-8B: the cosine .* is -?0\.0")

    def test_an_instruct_model_of_another_base(self, family: Family, tmp_path: Path) -> None:
        stranger = Path(shutil.copytree(family.instruct, tmp_path / "Other-Instruct"))
        generator = torch.Generator().manual_seed(9)
        change(stranger, lambda _, tensor: torch.randn(tensor.shape, generator=generator) * 0.02)
        other = Family(family.base, stranger, family.adapted, {})
        self.refused(other, tmp_path / "out", r"Other-Instruct: not made of the base")

    def test_llama_3_with_3_1_by_settings(self, family: Family, tmp_path: Path) -> None:
        older = Path(shutil.copytree(family.instruct, tmp_path / "Meta-Llama-3-8B-Instruct"))
        settings = json.loads((older / "config.json").read_text())
        settings["rope_parameters"] = {"rope_type": "default", "rope_theta": 500000.0}
        (older / "config.json").write_text(json.dumps(settings))
        other = Family(family.base, older, family.adapted, {})
        said = r"Meta-Llama-3-8B-Instruct: a Llama 3 \(.*the base .* is a Llama 3\.1 or 3\.3"
        self.refused(other, tmp_path / "out", said)

    def test_another_version_of_the_base_by_weights(self, family: Family, tmp_path: Path) -> None:
        """The settings agree and the weights are near, as those of one family's versions: what both lack tells."""
        newer = Path(shutil.copytree(family.base, tmp_path / "Newer-Base"))
        generator = torch.Generator().manual_seed(9)
        change(newer, lambda _, tensor: tensor + torch.randn(tensor.shape, generator=generator) * 0.008)
        other = Family(newer, family.instruct, family.adapted, {})
        self.refused(other, tmp_path / "out", r"Newer-Base: not the base of .*same way")

    def test_an_instruct_model_that_was_adapted_itself(self, family: Family, tmp_path: Path) -> None:
        adapted = Path(shutil.copytree(family.instruct, tmp_path / "Adapted-Instruct"))
        generator = torch.Generator().manual_seed(9)
        change(adapted, lambda _, tensor: tensor + torch.randn(tensor.shape, generator=generator) * 0.001)
        other = Family(family.base, family.instruct, adapted, {})
        self.refused(other, tmp_path / "out", r"one was made of the other")

    def test_the_base_twice(self, family: Family, tmp_path: Path) -> None:
        self.refused(Family(family.base, family.base, family.adapted, {}), tmp_path / "out", "its weights are those of")

    def test_a_tied_model_with_one_that_is_not(self, base: Path, extension: Path, tmp_path: Path) -> None:
        tied = write_family(tmp_path / "tied", base, extension, tied=True)
        whole = write_family(tmp_path / "untied", base, extension)
        mixed = Family(whole.base, whole.instruct, tied.adapted, {})
        self.refused(mixed, tmp_path / "out", r"adapted: its embeddings are its head \(tied\)")

    def test_special_tokens_where_the_new_ones_are(self, base: Path, extension: Path, tmp_path: Path) -> None:
        family = write_family(tmp_path, base, extension)
        path = family.instruct / "tokenizer.json"
        data = json.loads(path.read_text(encoding="utf-8"))
        data["added_tokens"].append({**data["added_tokens"][-1], "id": 1024, "content": "<|tool|>"})
        path.write_text(json.dumps(data))
        self.refused(family, tmp_path / "out", r"<\|tool\|>.*new Chinese tokens")

    def test_unless_told_to_trust_them(self, family: Family, tmp_path: Path) -> None:
        newer = Path(shutil.copytree(family.base, tmp_path / "Newer-Base"))
        generator = torch.Generator().manual_seed(9)
        change(newer, lambda _, tensor: tensor + torch.randn(tensor.shape, generator=generator) * 0.008)
        done = restore(Family(newer, family.instruct, family.adapted, {}), tmp_path / "out", check_bases=False)
        assert done.base_check.shared_direction is not None
        assert done.base_check.shared_direction > 0.5


def test_an_untied_adapted_model_takes_a_tied_pairs_difference(base: Path, extension: Path, tmp_path: Path) -> None:
    tied = write_family(tmp_path / "tied", base, extension, tied=True)
    whole = write_family(tmp_path / "untied", base, extension)
    mixed = Family(tied.base, tied.instruct, whole.adapted, {})
    restore(mixed, tmp_path / "out", new_rows="untouched", check_bases=False)
    made, adapted = tensors_of(tmp_path / "out"), tensors_of(whole.adapted)
    for name in (EMBEDDINGS, HEAD):
        assert torch.equal(made[name][:ROWS], adapted[name][:ROWS] + tied.difference[EMBEDDINGS])


def test_the_ends_are_llama_3_1s(base: Path, tmp_path: Path) -> None:
    family = write_family(tmp_path, base, None, version="3.1")
    done = restore(family, tmp_path / "out")
    assert list(done.chat_settings.ends) == [777, *ids_of(family.instruct, ("<|end_of_text|>", "<|eom_id|>"))]
    assert done.chat_settings.pad == 772


@pytest.mark.slow
def test_memory_is_that_of_a_slice() -> None:
    """The vocabulary and width of Llama 3 8B, two layers; the whole model is benchmarks/restore_8b.py."""
    script = ROOT / "benchmarks" / "restore_8b.py"
    if shutil.disk_usage(tempfile.gettempdir()).free < 15e9:
        pytest.skip("15 GB of disk are needed")
    done = subprocess.run([sys.executable, script, "--layers", "2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = re.search(r"peak anonymous memory ([\d.]+) GB", done.stdout)
    assert found is not None, done.stdout
    assert float(found[1]) < 4
