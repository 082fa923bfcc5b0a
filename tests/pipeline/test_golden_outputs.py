"""A stage whose output changes raises its output version: old artifacts must not be taken for new ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from golden_outputs import ASKED_OF_A_SERVER, GOLDEN, all_digests, differences

from hanhua.pipeline.stages import stage_names, stages

PINNED: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return all_digests(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("stage", [name for name in stage_names() if name not in ASKED_OF_A_SERVER])
def test_the_output_is_what_its_version_says(stage: str, made: dict[str, Any]) -> None:
    found = list(differences(PINNED[stage]["output"], made[stage]["output"]))
    declared = next(one for one in stages() if one.name == stage)
    if found:
        raised = made[stage]["output_version"] > PINNED[stage]["output_version"]
        todo = "" if raised else f"raise output_version where {declared.function.rpartition('.')[0]} is declared, then "
        places = "\n  ".join(found[:10])
        pytest.fail(
            f"the output of {stage} is another than that of version {PINNED[stage]['output_version']}:\n  {places}\n"
            f"if that is meant, {todo}run: python tests/golden_outputs.py"
        )
    assert made[stage]["output_version"] == PINNED[stage]["output_version"]


def test_a_difference_is_seen() -> None:
    pinned = PINNED["resize"]["output"]
    changed = json.loads(json.dumps(pinned))
    name, tensors = next((path, value) for path, value in changed.items() if isinstance(value, dict))
    tensor = next(iter(tensors))
    tensors[tensor][1] *= 1.05
    assert [line.partition(":")[0] for line in differences(pinned, changed)] == [f" {name} {tensor}[1]"]
