"""Mistakes people make in recipes: each is named at its line and column, with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanhua.errors import InputError, RecipeError
from hanhua.pipeline.recipe.load import find_recipe, load_recipe

RECIPE = """\
name: Llama-3-test
base: {toy: {hidden_size: 64}}
corpora:
  zh: {path: texts.jsonl, language: zh, license: CC-BY-4.0}
  en: {path: texts.jsonl, language: en}
filtering:
  heldout_ratio: 0.1
  quality: {min_characters: 8}
vocab_extension:
  new_tokens: 512
  merge_scope: runs
resize: {method: mean}
continued_pretrain:
  max_tokens: 50000
  sequence_length: 64
  lora: {rank: 8}
eval:
  language_modeling: {context_tokens: 256}
  benchmarks:
    - {name: exam, path: texts.jsonl}
  safety: {prompts: texts.jsonl}
  gates: {min_gain: 0.1}
release: {license_policy: commercial}
hardware: {devices: 1x80GB}
"""

MISTAKES = [
    # keys
    ("vocab_extension:", "vocab_extention:", "9:1", "did you mean vocab_extension?"),
    ("new_tokens: 512", "new_token: 512", "10:3", "did you mean new_tokens?"),
    ("  max_tokens: 50000", "  max_token: 50000", "14:3", "did you mean max_tokens?"),
    ("lora: {rank: 8}", "lora: {rank: 8, alhpa: 16}", "16:19", "did you mean alpha?"),
    ("lora: {rank: 8}", "lora: {r: 8}", "16:10", "here it is rank"),
    ("  heldout_ratio: 0.1", "  heldout: 0.1", "7:3", "did you mean heldout_ratio?"),
    ("min_characters: 8", "min_chars: 8", "8:13", "did you mean min_characters?"),
    ("license: CC-BY-4.0", "licence: CC-BY-4.0", "4:41", "did you mean license?"),
    ("{license_policy: commercial}", "{licence_policy: commercial}", "23:11", "did you mean license_policy?"),
    ("  gates: {min_gain: 0.1}", "  gates: {min_gains: 0.1}", "22:11", "did you mean min_gain?"),
    ("devices: 1x80GB", "gpus: 1x80GB", "24:12", "here it is devices"),
    ("name: Llama-3-test", "nmae: Llama-3-test", "1:1", "did you mean name?"),
    ("resize: {method: mean}", "resise: {method: mean}", "12:1", "did you mean resize?"),
    ("{name: exam, path", "{nane: exam, path", "20:8", "did you mean name?"),
    ("continued_pretrain:", "continued_pretrain:\n  learning_rates: 0.1", "14:3", "did you mean learning_rate?"),
    ("release: {", "release: {}\nrelease: {", "24:1", "given twice (first at"),
    ("  new_tokens: 512", "  new_tokens: 512\n  new_tokens: 1024", "11:3", "given twice"),
    # values of the wrong kind
    ("hidden_size: 64", "hidden_size: sixty-four", "2:14", "expected a whole number"),
    ("hidden_size: 64", "hidden_size: 30", "2:8", "does not split into 4 heads of an even width"),
    ("new_tokens: 512", "new_tokens: 512.5", "10:3", "expected a whole number"),
    ("new_tokens: 512", "new_tokens: 10", "10:3", "greater than or equal to 256"),
    ("heldout_ratio: 0.1", "heldout_ratio: 10", "7:3", "less than or equal to 0.5"),
    ("heldout_ratio: 0.1", "heldout_ratio: 10%", "7:3", "expected a number"),
    ("max_tokens: 50000", "max_tokens: -1", "14:3", "greater than or equal to 1"),
    ("max_tokens: 50000", "max_tokens: 1e9 tokens", "14:3", "expected a whole number"),
    ("max_tokens: 50000", "max_tokens: 500", "13:1", "less than one step of 1,024 tokens"),
    ("lora: {rank: 8}", "lora: 8", "16:3", "expected keys with values"),
    ("lora: {rank: 8}", "lora: [rank, 8]", "16:3", "expected keys with values"),
    ("context_tokens: 256", "context_tokens: yes", "18:23", "greater than or equal to 2"),
    ("benchmarks:\n    - {name: exam, path: texts.jsonl}", "benchmarks: exam", "19:3", "expected a list"),
    ("license: CC-BY-4.0", "license: 4.0", "4:41", "expected text"),
    # values that are not among the choices
    ("language: en}", "language: english}", "5:27", "did you mean en?"),
    ("merge_scope: runs", "merge_scope: word", "11:3", "did you mean words?"),
    ("method: mean", "method: average", "12:10", "should match pattern"),
    ("license_policy: commercial", "license_policy: comercial", "23:11", "did you mean commercial?"),
    ("devices: 1x80GB", "devices: one big gpu", "24:12", "no such GPU is known"),
    ("devices: 1x80GB", "devices: 8x81GB", "24:12", "no GPU of 81 GB is known"),
    # what needs something else
    ("base: {toy: {hidden_size: 64}}\n", "", "8:1", "vocab_extension: needs a base"),
    ("{toy: {hidden_size: 64}}", "{model: a/b, toy: {hidden_size: 64}}", "2:1", "not both"),
    ("{toy: {hidden_size: 64}}", "{tokenizer: llama3}", "2:1", "needs weights, not a tokenizer"),
    ("release: {license_policy: commercial}", "release: {kind: adapters}", "23:11", "did you mean adapter?"),
    ("  safety: {prompts: texts.jsonl}\n  gates: {min_gain", "  gates: {max_harmful_rate", "17:1", "no safety to"),
    ("{name: exam, path: texts.jsonl}", "{name: exam, path: texts.jsonl, shots: 5}", "20:7", "needs fewshot_path"),
    ("{name: exam, path: texts.jsonl}", "{name: safety, path: texts.jsonl}", "20:8", "taken by another measure"),
    # names and files
    ("path: texts.jsonl, language: zh", "path: text.jsonl, language: zh", "4:8", "no such file"),
    ("path: texts.jsonl, language: zh", "path: '*.parquet', language: zh", "4:8", ".zip file here"),
    ("path: texts.jsonl, language: zh", "path: '${TEXTS}', language: zh", "4:8", "the only substitution is"),
    ("path: texts.jsonl, language: zh", "path: '${env:NO_SUCH}', language: zh", "4:8", "NO_SUCH is not set"),
    ("{prompts: texts.jsonl}", "{prompts: prompts.jsonl}", "21:12", "no such file or folder"),
    ("{name: exam, path: texts.jsonl}", "{name: exam, path: exams}", "20:20", "no such file or folder"),
    ("  merge_scope: runs", "  corpora: [zhs]", "11:3", "no corpus 'zhs' (did you mean zh?)"),
    ("  merge_scope: runs", "  weights: {forum: 2}", "11:13", "no corpus 'forum' (corpora: zh, en)"),
    ("  sequence_length: 64", "  sequence_length: 64\n  weights: {zh: 0}", "13:1", "all weights are 0"),
    ("  lora: {rank: 8}", "  retention: {heldout: [zhs]}", "16:15", "no corpus 'zhs'"),
    ("  lora: {rank: 8}", "  retention: {replay: {corpora: [forum]}}", "16:24", "no corpus 'forum'"),
    ("  lora: {rank: 8}", "  retention: {replay: {corpora: []}}", "16:24", "at least 1"),
    ("  lora: {rank: 8}", "  trainable: lora\n  merge: false", "17:3", "for an adapter alone use hanhua train"),
    ("  zh: {path", "  ZH: {path", "3:1", "use lower-case letters"),
    ("name: Llama-3-test", "name: my model", "1:1", "names the run's folder"),
    ("name: Llama-3-test", "name: 3", "1:1", "expected text"),
    # YAML itself
    ("hidden_size: 64}}", "hidden_size: 64}", "3:1", "not YAML"),
    ("  new_tokens: 512", "\tnew_tokens: 512", "10:1", "not YAML"),
    ("name: Llama-3-test", "name: Llama-3: test", "1:14", "not YAML"),
    ("corpora:\n", "corpora: zh\n", "4:5", "not YAML"),
    ("new_tokens: 512", "new_tokens: !!int ''", "10:3", "not a plain value"),
    # names too long to be files
    ("safety: {prompts: texts.jsonl}", f"safety: {{prompts: {'长' * 99}}}", "21:12", "can have a name that long"),
    ("base: {", f"extends: {'a' * 300}\nbase: {{", "2:1", "no such recipe file"),
]  # fmt: skip


PAIRS = [
    ([("lora: {rank: 8}", "lora: null"), ("license_policy: commercial", "kind: adapter")],
     "23:1", "release kind: model"),
    ([("vocab_extension:\n  new_tokens: 512\n  merge_scope: runs\n", ""),
      ("license_policy: commercial", "kind: tokenizer")],
     "20:1", "no new tokenizer to release"),
    ([("language: en}", "language: zh}"), ("min_gain", "max_english_loss")], "22:11", "needs a corpus of language en"),
    ([("language: zh", "language: other"), ("merge_scope: runs", "min_count: 3")], "3:1", "there is none"),
    ([("continued_pretrain:\n  max_tokens: 50000\n  sequence_length: 64\n  lora: {rank: 8}\n", "")], "19:1",
     "no adapted model to release"),
    ([("language: zh,", "language: zh, weight: 0,"), ("language: en}", "language: en, weight: 0}")],
     "3:1", "all weights are 0"),
    ([("release: {", "chat_vector: {instruct: a/b}\nrelease: {")], "23:1", "needs base.model"),
    ([("release: {license_policy: commercial}", "chat_vector: {instruct: a/b}\nrelease: {kind: adapter}")], "24:11",
     "a restored model is released whole"),
]  # fmt: skip


def mistakes_of(folder: Path, text: str) -> list[str]:
    (folder / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    return [line.removeprefix(f"{path}:") for line in caught.value.mistakes]


def test_the_recipe_they_are_made_in_is_right(tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    assert load_recipe(tmp_path / "recipe.yaml").recipe.name == "Llama-3-test"


@pytest.mark.parametrize(("right", "wrong", "place", "advice"), MISTAKES)
def test_each_mistake_is_named_where_it_is(tmp_path: Path, right: str, wrong: str, place: str, advice: str) -> None:
    assert right in RECIPE
    found = mistakes_of(tmp_path, RECIPE.replace(right, wrong, 1))
    assert any(line.startswith(place + ":" * (not place.endswith(":"))) and advice in line for line in found), found


@pytest.mark.parametrize(("edits", "place", "advice"), PAIRS)
def test_values_that_do_not_fit_together(tmp_path: Path, edits: list[tuple[str, str]], place: str, advice: str) -> None:
    text = RECIPE
    for right, wrong in edits:
        assert right in text
        text = text.replace(right, wrong, 1)
    found = mistakes_of(tmp_path, text)
    assert any(line.startswith(f"{place}:") and advice in line for line in found), found


def test_many_mistakes_are_named_at_once(tmp_path: Path) -> None:
    text = RECIPE
    for right, wrong, _, _ in (MISTAKES[1], MISTAKES[3], MISTAKES[8], MISTAKES[17], MISTAKES[31]):
        text = text.replace(right, wrong, 1)
    found = mistakes_of(tmp_path, text)
    assert {line.split(": ")[0] for line in found} == {"2:14", "5:27", "10:3", "16:19", "23:11"}


def test_mistakes_come_in_the_order_of_the_file_and_a_name_beside_is_suggested(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: x\ncorpora: {zh: {path: nowhere.jsonl}}\nfiltering: {prest: none}\nrelase: {}\n")
    with pytest.raises(RecipeError) as found:
        load_recipe(path)
    lines = [int(mistake.removeprefix(f"{path}:").split(":")[0]) for mistake in found.value.mistakes]
    assert len(lines) > 1 and lines == sorted(lines)
    with pytest.raises(InputError, match=r"did you mean .*mine\.yaml\?"):
        find_recipe(str(tmp_path / "mine.yml"))
