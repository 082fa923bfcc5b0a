from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest
import torch
from torch import nn

from hanhua.continued_pretrain.checkpoint import COMPLETE, OPTIMIZER, TRAINED, Checkpoints, TrainState
from hanhua.errors import HanhuaError, InputError, InvariantError

RUN = {"config": {"learning_rate": 1e-3}, "inputs": {"model": "abc"}}


def things(seed: int, size: int = 8) -> tuple[dict[str, nn.Parameter], torch.optim.Optimizer]:
    """Two parameters and an optimizer that has made one step."""
    torch.manual_seed(seed)
    parameters = {"a.weight": nn.Parameter(torch.randn(size, size)), "b.bias": nn.Parameter(torch.randn(size))}
    optimizer = torch.optim.AdamW(parameters.values(), lr=1e-2, fused=True)
    step(parameters, optimizer)
    return parameters, optimizer


def step(parameters: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer) -> None:
    sum(p.pow(2).sum() for p in parameters.values()).backward()  # type: ignore[union-attr]
    optimizer.step()
    optimizer.zero_grad()


def test_training_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    parameters, optimizer = things(0)
    state = TrainState(step=7, sequences=28, tokens=1792, first_loss=2.5, last_loss=1.25)
    Checkpoints(tmp_path, run=RUN).save(state, parameters, optimizer)
    others, other_optimizer = things(1)
    assert Checkpoints(tmp_path, run=RUN).load_latest(others, other_optimizer) == state
    for _ in range(3):
        step(parameters, optimizer)
        step(others, other_optimizer)
    assert all(torch.equal(parameters[name], others[name]) for name in parameters)


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, run=RUN)
    for number in (5, 10, 15, 100):
        checkpoints.save(TrainState(step=number), *things(0))
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["step-00000015", "step-00000100"]


def test_some_are_kept_for_good(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, run=RUN, keep=1, keep_every=10)
    for number in (5, 10, 15, 20, 25):
        checkpoints.save(TrainState(step=number), *things(0))
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["step-00000010", "step-00000020", "step-00000025"]


@pytest.mark.parametrize("file", [TRAINED, OPTIMIZER, COMPLETE])
@pytest.mark.parametrize("how", ["flipped", "cut", "missing"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    file: str, how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = Checkpoints(tmp_path, run=RUN)
    good, optimizer = things(0)
    checkpoints.save(TrainState(step=1), good, optimizer)
    last = checkpoints.save(TrainState(step=2), *things(1)) / file
    data = bytearray(last.read_bytes())
    if how == "missing":
        last.unlink()
    else:
        data[-9] ^= 0x40
        last.write_bytes(data if how == "flipped" and file != COMPLETE else data[:-9])
    found, found_optimizer = things(2)
    state = checkpoints.load_latest(found, found_optimizer)
    assert state is not None
    assert state.step == 1
    assert all(torch.equal(good[name], found[name]) for name in good)
    said = capsys.readouterr().err
    assert "step-00000002" in said
    assert "going back" in said


def test_half_written_ones_are_no_checkpoints(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, run=RUN)
    whole = checkpoints.save(TrainState(step=3), *things(0))
    whole.rename(tmp_path / "step-00000003.partial")
    assert checkpoints.load_latest(*things(1)) is None
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_run_is_refused_by_field(tmp_path: Path) -> None:
    Checkpoints(tmp_path, run=RUN).save(TrainState(step=1), *things(0))
    other = Checkpoints(tmp_path, run={**RUN, "config": {"learning_rate": 2e-3}})
    with pytest.raises(InputError, match=r"config\.learning_rate: 0\.001 → 0\.002"):
        other.load_latest(*things(0))


def test_missing_tensors_are_noticed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, run=RUN)
    parameters, optimizer = things(0)
    one = {"a.weight": parameters["a.weight"]}
    with pytest.raises(InvariantError, match="1 parameters are named of 2 that the optimizer moves"):
        checkpoints.save(TrainState(step=1), one, optimizer)
    checkpoints.save(TrainState(step=1), parameters, optimizer)
    with pytest.raises(InvariantError, match="2 trained tensors, where this model has 1"):
        checkpoints.load_latest(one, optimizer)
    fresh = nn.Parameter(torch.zeros(2))
    with pytest.raises(InvariantError, match="new: the optimizer has nothing for it"):
        checkpoints.save(TrainState(step=2), {"new": fresh}, torch.optim.AdamW([fresh]))


def test_a_full_disk_leaves_the_checkpoint_before_and_says_so(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, run=RUN)
    small, optimizer = things(0)
    checkpoints.save(TrainState(step=1), small, optimizer)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = things(0, size=600)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))  # a file may not grow past this: a real failing write
    try:
        with pytest.raises(HanhuaError, match=r"could not be written.*The checkpoint before it is kept"):
            checkpoints.save(TrainState(step=2), *large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]
    assert checkpoints.load_latest(small, optimizer) == TrainState(step=1)


def test_nothing_is_pickled(tmp_path: Path) -> None:
    folder = Checkpoints(tmp_path, run=RUN).save(TrainState(step=1), *things(0))
    assert {p.suffix for p in folder.iterdir()} == {".safetensors", ".json"}
    assert json.loads((folder / "state.json").read_text())["run"] == RUN
