"""The release folder loads in plain transformers, changes nothing it must not, and claims nothing it cannot show."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny_release
import yaml

from hanhua.artifacts.files import read_json, sha256_of, write_json
from hanhua.artifacts.manifest import Artifact, open_artifact
from hanhua.errors import InputError, InvariantError, UsageError
from hanhua.release.agreements import DEFINITIONS, SECTIONS, changed_sections
from hanhua.release.agreements import FILE as AGREEMENTS
from hanhua.release.licenses import (
    TERMS,
    Family,
    begins_rightly,
    corpus_use,
    default_model_name,
    duties,
    family_of,
    is_agreement,
)
from hanhua.release.stage import CorpusLine, make_release, read_duties
from hanhua.release.weights import read_tensors
from hanhua.services import Services
from hanhua.weights import read_header, weight_files

KILOBYTE = 1e-6  # in gigabytes


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    return tiny_release.artifacts(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def release(inputs: dict[str, Artifact], tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    out = tmp_path_factory.mktemp("releases") / "sharded"
    return tiny_release.make(tiny_release.job(max_shard_gigabytes=20 * KILOBYTE), inputs, out)


def test_loads_in_plain_transformers_bit_for_bit(release: Artifact, inputs: dict[str, Artifact]) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    adapted = inputs["adapted"].path / "model"
    ours, theirs = (AutoModelForCausalLM.from_pretrained(folder, dtype="auto") for folder in (release.path, adapted))
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor), name
        assert ours.state_dict()[name].dtype == torch.bfloat16
    assert ours.config.rope_parameters == theirs.config.rope_parameters
    assert ours.generation_config.eos_token_id == [257, 258]
    tokenizer, before = (AutoTokenizer.from_pretrained(folder) for folder in (release.path, adapted))
    text = "杭州西湖 hello 汉化"
    assert tokenizer(text)["input_ids"] == before(text)["input_ids"]
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer.chat_template == tiny_release.TEMPLATE
    assert tokenizer.pad_token_id not in (257, 258)


def test_shards_keep_to_the_limit_and_the_index(release: Artifact, inputs: dict[str, Artifact]) -> None:
    files = weight_files(release.path)
    assert len(files) > 2
    for file in files:
        header, _ = read_header(file)
        assert sum(t.size_bytes for t in header) <= 20_000 or len(header) == 1
    before = read_tensors(inputs["adapted"].path / "model")
    after = read_tensors(release.path)
    assert after.keys() == before.keys()
    index = read_json(release.path / "model.safetensors.index.json")
    assert index["metadata"]["total_size"] == sum(t.size_bytes for t in before.values())


def test_weights_that_fit_are_not_written_twice(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    made = tiny_release.make(tiny_release.job(), inputs, tmp_path / "out")
    source = inputs["adapted"].path / "model" / "model.safetensors"
    assert (made.path / "model.safetensors").stat().st_ino == source.stat().st_ino
    assert not (made.path / "model.safetensors.index.json").exists()


def test_the_same_inputs_make_the_same_bytes(release: Artifact, inputs: dict[str, Artifact], tmp_path: Path) -> None:
    again = tiny_release.make(tiny_release.job(max_shard_gigabytes=20 * KILOBYTE), inputs, tmp_path / "again")
    assert again.content_hash == release.content_hash


def test_a_release_begun_and_killed_is_made_over(
    release: Artifact, inputs: dict[str, Artifact], tmp_path: Path
) -> None:
    out = tmp_path / "KEY.partial"
    out.mkdir()
    source = inputs["adapted"].path / "model" / "model.safetensors"
    before = sha256_of(source)
    (out / "model.safetensors").hardlink_to(source)
    (out / "model-00001-of-00009.safetensors").write_bytes(b"half a shard")
    make_release(tiny_release.job(max_shard_gigabytes=20 * KILOBYTE), inputs, out, services=Services())
    assert sorted(p.name for p in out.glob("*.safetensors")) == [f.name for f in weight_files(release.path)]
    assert sha256_of(source) == before, "the run store's own weights were written through a link"


def test_config_says_the_same_to_older_readers(release: Artifact) -> None:
    config = read_json(release.path / "config.json")
    assert config["rope_theta"] == 500_000.0 == config["rope_parameters"]["rope_theta"]
    assert config["torch_dtype"] == config["dtype"] == "bfloat16"
    assert read_json(release.path / "tokenizer_config.json")["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_scaled_rope_reads_the_same_old_and_new(tmp_path: Path) -> None:
    from transformers import AutoConfig, LlamaConfig

    from hanhua.release.contents import readable_by_older

    rope = {
        "rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }  # fmt: skip
    LlamaConfig(rope_parameters=rope, max_position_embeddings=131_072).save_pretrained(tmp_path / "new")
    written = readable_by_older(read_json(tmp_path / "new" / "config.json"))
    assert written["rope_scaling"] == {key: value for key, value in rope.items() if key != "rope_theta"}
    (tmp_path / "both").mkdir()
    write_json(tmp_path / "both" / "config.json", written)
    old_only = {key: value for key, value in written.items() if key not in ("rope_parameters", "dtype")}
    (tmp_path / "old").mkdir()
    write_json(tmp_path / "old" / "config.json", old_only)
    read = [AutoConfig.from_pretrained(tmp_path / name) for name in ("new", "both", "old")]
    assert all(config.rope_parameters == rope for config in read)
    assert len({str(config.dtype) for config in read}) == 1


def test_the_card_says_what_was_found(release: Artifact) -> None:
    card = (release.path / "README.md").read_text(encoding="utf-8")
    _, matter, body = card.split("---\n", 2)
    data = yaml.safe_load(matter)
    assert data["language"] == ["zh", "en"]
    assert (data["license"], data["library_name"], data["pipeline_tag"]) == (
        "llama3",
        "transformers",
        "text-generation",
    )
    assert "model-index" not in data and "base_model" not in data, "a toy model is no model to rank"
    assert "toy model, not a model to use" in body[:300]
    assert "Built with Meta Llama 3" in body[:600]
    english, chinese = body.split("# 中文\n")
    for half in (english, chinese):
        for figure in ("1.050", "1.470", "1.40×", "6.543", "7.891", "5.432 [5.332, 5.532]", "0.275 [0.200, 0.350]",
                       "0.050 [0.000, 0.150]", "always answers A", "CC-BY-4.0", "300", "250", "230", "98,304",
                       "MOBILE 7", "gambling 3/30", "zh.jsonl"):  # fmt: skip
            assert figure in half, figure
        assert "{{" not in half and "{%" not in half
    assert "same family as the filter that cleaned the training corpus" in english
    assert "同属一类" in chinese
    assert "\n\n\n" not in card


def test_the_card_of_a_real_base_is_ranked_and_linked(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    corpora = (CorpusLine(name="web", license="odc-by", source="hf://datasets/HuggingFaceFW/fineweb-2"),)
    config = tiny_release.job(name="Llama-3-8B-zh", base_name="meta-llama/Meta-Llama-3-8B", toy=False, corpora=corpora)
    made = tiny_release.make(config, inputs, tmp_path / "out")
    card = (made.path / "README.md").read_text(encoding="utf-8")
    data = yaml.safe_load(card.split("---\n")[1])
    assert data["base_model"] == "meta-llama/Meta-Llama-3-8B"
    assert data["base_model_relation"] == "finetune"
    assert data["datasets"] == ["HuggingFaceFW/fineweb-2"]
    assert "model-index" not in data, "questions of one's own are no benchmark to be ranked by"
    assert "toy" not in card


def test_without_scores_the_card_claims_none(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    """And with an audit of the filter it says, in both languages, what that found."""
    rest = {name: artifact for name, artifact in inputs.items() if name not in ("scores", "tokenizer")}
    share = {"value": 0.625, "low": 0.5, "high": 0.75}
    audit = {"judged": 200, "precision": share, "recall": share, "good_lost": None, "left": share}
    made = tiny_release.make(tiny_release.job(audit=audit), rest, tmp_path / "out")
    card = (made.path / "README.md").read_text(encoding="utf-8")
    assert "audited by hand on 200 documents" in card and "it rejected 62.5% (50.0% to 75.0%)" in card
    assert "共抽取 200 篇" in card and "去掉了 62.5% (50.0% 至 75.0%)" in card
    assert "Not evaluated" in card and "**not measured**" in card and "未评测" in card
    assert not (made.path / "results" / "scores.json").exists()
    assert made.facts["evaluated"] is False


def test_results_travel(release: Artifact) -> None:
    assert read_json(release.path / "results" / "scores.json") == tiny_release.scores()
    table = (release.path / "results" / "compression.csv").read_text(encoding="utf-8")
    assert "zh,1.050000,1.470000,1.400000" in table


def test_nothing_tells_of_this_machine(inputs: dict[str, Artifact], release: Artifact, tmp_path: Path) -> None:
    root = str(inputs["base"].path.parent)
    for path in release.path.rglob("*"):
        if path.is_file() and path.name != "manifest.json":
            assert root.encode() not in path.read_bytes(), path.name
    told = tmp_path / "told"
    shutil.copytree(inputs["scores"].path, told)
    write_json(told / "scores.json", tiny_release.scores() | {"folder": root})
    with pytest.raises(InvariantError, match=r"results/scores\.json: names"):
        tiny_release.make(tiny_release.job(), {**inputs, "scores": open_artifact(told)}, tmp_path / "out")


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("generation_config.json", {"eos_token_id": 257}, "generation_config.json: eos_token_id was"),
        ("config.json", {"rope_parameters": {"rope_theta": 10_000.0, "rope_type": "default"}}, "rope_parameters was"),
        ("config.json", {"pad_token_id": 258}, "config.json: pad is 258"),
        ("tokenizer_config.json", {"pad_token": tiny_release.EOS}, "tokenizer: pad is 257"),
        ("config.json", {"vocab_size": 999}, "config.json says 999"),
    ],
)
def test_what_must_not_change_is_compared(
    inputs: dict[str, Artifact], tmp_path: Path, file: str, change: dict[str, Any], said: str
) -> None:
    broken = tmp_path / "adapted"
    shutil.copytree(inputs["adapted"].path, broken)
    write_json(broken / "model" / file, read_json(broken / "model" / file) | change)
    with pytest.raises(InvariantError, match=said):
        tiny_release.make(tiny_release.job(), {**inputs, "adapted": open_artifact(broken)}, tmp_path / "out")


def test_a_weight_file_cut_short_is_named(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    broken = tmp_path / "adapted"
    shutil.copytree(inputs["adapted"].path, broken)
    weights = broken / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"model\.safetensors: .*cut short"):
        tiny_release.make(tiny_release.job(), {**inputs, "adapted": open_artifact(broken)}, tmp_path / "out")


def test_a_lost_tensor_is_named(inputs: dict[str, Artifact], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "adapted"
    shutil.copytree(inputs["adapted"].path, broken)
    weights = broken / "model" / "model.safetensors"
    tensors = load_file(weights)
    del tensors["model.norm.weight"]
    save_file(tensors, weights, {"format": "pt"})
    with pytest.raises(InvariantError, match=r"1 missing \['model\.norm\.weight'\]"):
        tiny_release.make(tiny_release.job(), {**inputs, "adapted": open_artifact(broken)}, tmp_path / "out")


@pytest.mark.parametrize("family", list(TERMS))
def test_the_agreement_travels_only_when_it_is_there(
    inputs: dict[str, Artifact], tmp_path: Path, family: Family
) -> None:
    config = tiny_release.job(base_family=family, base_name=f"meta-llama/Llama-{family}-8B", toy=False)
    without = tiny_release.make(config, inputs, tmp_path / "without")
    assert without.facts["agreement_included"] is False
    assert "THIS FILE IS A POINTER" in (without.path / "LICENSE").read_text(encoding="utf-8")
    assert [duty["name"] for duty in without.facts["unmet_duties"]] == ["agreement"]

    base = tmp_path / "base"
    shutil.copytree(inputs["base"].path, base)
    (base / "model" / "LICENSE").write_bytes(tiny_release.agreement_like(family).replace("\n", "\r\n").encode())
    (base / "model" / "USE_POLICY.md").write_text("# policy\n", encoding="utf-8")
    made = tiny_release.make(config, {**inputs, "base": open_artifact(base)}, tmp_path / "with")
    assert (made.path / "LICENSE").read_bytes() == (base / "model" / "LICENSE").read_bytes()
    assert (made.path / "USE_POLICY.md").is_file()
    assert made.facts["agreement_included"] and made.facts["unmet_duties"] == []
    assert TERMS[family].notice in (made.path / "NOTICE").read_text(encoding="utf-8")


@pytest.mark.parametrize("family", list(TERMS))
@pytest.mark.parametrize(
    ("duty", "file", "spoil"),
    [
        ("agreement", "LICENSE", lambda terms: (terms.heading, "A LICENSE")),
        ("notice", "NOTICE", lambda terms: (terms.notice, "")),
        ("built with", "README.md", lambda terms: (terms.built_with, "Made from")),
        ("use policy", "README.md", lambda terms: (terms.policy_url, "")),
        ("license in the card", "README.md", lambda terms: (f"license: {terms.license_id}\n", "license: mit\n")),
        ("known dangers", "README.md", lambda terms: ("## Harmful output", "## Fine output")),
    ],
)
def test_every_duty_is_missed_when_it_is_unmet(family: Family, duty: str, file: str, spoil: Any) -> None:
    terms = TERMS[family]
    card = (
        f"---\nlicense: {terms.license_id}\n---\n# X\n**{terms.built_with}**\n## Harmful output\n{terms.policy_url}\n"
    )
    texts = {"LICENSE": tiny_release.agreement_like(family), "NOTICE": terms.notice, "README.md": card}
    name = terms.name_prefix + "zh"
    assert all(d.met for d in duties(family, name=name, texts=texts))
    old, new = spoil(terms)
    spoiled = {**texts, file: texts[file].replace(old, new)}
    assert [d.name for d in duties(family, name=name, texts=spoiled) if not d.met] == [duty]
    assert [d.name for d in duties(family, name="Zhongwen-8B", texts=texts) if not d.met] == ["name"]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_is_compared_word_for_word(section: str) -> None:
    whole = tiny_release.agreement_like("3")
    start = whole.index(f". {section}.") - 1
    end = whole.find("\n", start + 200)
    cut, reworded = whole[:start] + whole[end:], whole[:end] + " or not" + whole[end:]
    assert changed_sections(whole, "3") == []
    assert section in changed_sections(cut, "3") and changed_sections(reworded, "3") == [section]
    linked = whole[:end] + " (see [https://example.org/a](https://example.org/a))".replace("see ", "") + whole[end:]
    assert changed_sections(linked, "3") == [], "a link may be written in either way"


def test_filler_under_the_right_heading_is_no_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = json.loads(AGREEMENTS.read_text(encoding="utf-8"))
    monkeypatch.setattr("hanhua.release.agreements.KNOWN", genuine)
    for family in TERMS:
        filler = tiny_release.agreement_like(family)
        assert changed_sections(filler, family) == [DEFINITIONS, *SECTIONS]
        assert not is_agreement(filler, family) and not is_agreement("", family)
        (copy,) = genuine[family]
        assert set(copy) == {DEFINITIONS, *SECTIONS} and len(set(copy.values())) == len(copy)


def test_a_mention_of_the_agreement_is_not_the_agreement() -> None:
    for family, terms in TERMS.items():
        whole = tiny_release.agreement_like(family)
        assert is_agreement(whole, family)
        assert is_agreement("**" + whole.replace("\n", "**\n", 1), family), "3.3 is written in Markdown"
        assert not is_agreement(terms.heading, family)
        assert not is_agreement(f"See the {whole}", family)
        others = [other for other in TERMS if other != family]
        assert not any(is_agreement(whole, other) for other in others)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("meta-llama/Meta-Llama-3-8B", "3"),
        ("meta-llama/Meta-Llama-3-70B-Instruct", "3"),
        ("meta-llama/Llama-3.1-8B", "3.1"),
        ("meta-llama/Llama-3.2-1B", "3.2"),
        ("Llama-3.3-70B-Instruct", "3.3"),
        ("/data/llama3_1-8b/", "3.1"),
        ("llama3", "3"),
        ("meta-llama/Llama-2-7b", None),
        ("Llama-30B", None),
        ("Llama-3.5-8B", None),
        ("mistralai/Mistral-7B", None),
        ("llama-3/other-model", None),
    ],
)
def test_the_family_is_read_from_the_name(name: str, family: Family | None) -> None:
    assert family_of(name) == family


@pytest.mark.parametrize(
    ("name", "family", "right"),
    [
        ("Llama-3-8B-zh", "3", True),
        ("Llama 3 zh", "3", True),
        ("Llama-3.1-8B-zh", "3", False),
        ("Meta-Llama-3-8B-zh", "3", False),
        ("zh-Llama-3", "3", False),
        ("Llama-30", "3", False),
        ("Llama-3.1-8B-zh", "3.1", True),
        ("Llama-zh", "3.2", True),
        ("my-llama", "3.1", False),
    ],
)
def test_names_begin_as_the_license_asks(name: str, family: Family, right: bool) -> None:
    assert begins_rightly(name, family) is right
    assert begins_rightly(default_model_name(name, family=family, toy=False), family)


@pytest.mark.parametrize(
    ("terms", "use"),
    [
        ("CC-BY-4.0", "open"),
        ("cc-by-sa-3.0", "open"),
        ("odc-by", "open"),
        ("public domain", "open"),
        ("Apache-2.0", "open"),
        ("CC-BY-NC-4.0", "non-commercial"),
        ("cc by nc sa", "non-commercial"),
        ("research only", "non-commercial"),
        ("Non-Commercial", "non-commercial"),
        ("仅供研究使用", "non-commercial"),
        ("", "unlabelled"),
        (" Unknown ", "unlabelled"),
    ],
)
def test_licenses_are_read_with_care(terms: str, use: str) -> None:
    assert corpus_use(terms) == use


def test_a_job_names_files_and_no_folders() -> None:
    line = CorpusLine(name="zh", source="/data/private/zh.jsonl.zst")
    assert line.source == "zh.jsonl.zst"
    assert CorpusLine(name="zh", source="C:\\texts\\zh.txt").source == "zh.txt"
    assert tiny_release.job(base_name="/models/Meta-Llama-3-8B").base_name == "Meta-Llama-3-8B"
    assert json.loads(tiny_release.job().model_dump_json())["base_name"] == "toy"


def test_an_unknown_base_is_refused_before_anything_runs() -> None:
    from hanhua.pipeline.recipe.schema import Recipe
    from hanhua.release.stage import release_job

    data = {
        "name": "x",
        "base": {"model": "somebody/some-model"},
        "corpora": {"zh": {"path": "/data/zh.jsonl"}},
        "continued_pretrain": {},
        "release": {},
    }
    with pytest.raises(UsageError, match="does not say which Llama 3"):
        release_job(Recipe.model_validate(data))
    made = release_job(Recipe.model_validate({**data, "base": {"model": "meta-llama/Llama-3.2-1B"}}))
    assert (made.base_family, made.released_name(), made.corpora[0].source) == ("3.2", "Llama-3.2-x", "zh.jsonl")


def test_duties_can_be_read_with_another_license_file(release: Artifact, tmp_path: Path) -> None:
    good = tmp_path / "LICENSE"
    good.write_text(tiny_release.agreement_like("3"), encoding="utf-8")
    config = tiny_release.job()
    unmet = [d.name for d in read_duties(release.path, config, name="Llama-3-x") if not d.met]
    assert unmet == ["agreement"]
    assert all(d.met for d in read_duties(release.path, config, name="Llama-3-x", instead={"LICENSE": good}))
