from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from hanhua.errors import InputError
from hanhua.weights import INDEX, SINGLE, copy_tensor, read_header, sort_metadata, weight_files

TENSORS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.ones((4,), dtype=np.float16)}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_file(TENSORS, tmp_path / SINGLE, metadata={"format": "pt"})
    return tmp_path


def test_the_header_says_what_the_library_reads(model: Path) -> None:
    tensors, metadata = read_header(model / SINGLE)
    assert metadata == {"format": "pt"}
    loaded = load_file(model / SINGLE)
    assert {tensor.name: tensor.shape for tensor in tensors} == {name: array.shape for name, array in loaded.items()}
    with (model / SINGLE).open("rb") as file:
        for tensor in tensors:
            copied = io.BytesIO()
            copy_tensor(file, copied, tensor)
            assert copied.getvalue() == loaded[tensor.name].tobytes()


@pytest.mark.parametrize(("change", "says"), [(-3, "cut short"), (+3, "too long")])
def test_a_file_of_another_length_is_refused(model: Path, change: int, says: str) -> None:
    data = (model / SINGLE).read_bytes()
    (model / SINGLE).write_bytes(data[:change] if change < 0 else data + b"123")
    with pytest.raises(InputError, match=says):
        read_header(model / SINGLE)


@pytest.mark.parametrize("data", [b"", b"12", b"\xff" * 32, (8).to_bytes(8, "little") + b"{broken}"])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / SINGLE).write_bytes(data)
    with pytest.raises(InputError, match="not a whole safetensors file"):
        read_header(tmp_path / SINGLE)


def test_the_index_names_the_files(model: Path) -> None:
    assert weight_files(model) == [model / SINGLE]
    (model / INDEX).write_text(json.dumps({"weight_map": {"a": SINGLE, "b": "gone.safetensors"}}), encoding="utf-8")
    with pytest.raises(InputError, match=r"gone\.safetensors, missing here"):
        weight_files(model)


def test_pickled_weights_are_named(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(InputError, match=r"pytorch_model\.bin, which is pickle"):
        weight_files(tmp_path)


def test_metadata_in_order_leaves_one_file_for_equal_models(tmp_path: Path) -> None:
    metadata = {f"key {n}": 'quoted "é" \n 汉' for n in range(8)}
    found = set()
    for n in range(4):
        file = tmp_path / f"{n}.safetensors"
        save_file(TENSORS, file, metadata=metadata)
        size = file.stat().st_size
        sort_metadata(file)
        assert file.stat().st_size == size
        assert read_header(file)[1] == metadata
        assert all(np.array_equal(array, TENSORS[name]) for name, array in load_file(file).items())
        found.add(file.read_bytes())
    assert len(found) == 1


def test_a_file_without_metadata_stays_as_it_is(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / SINGLE)
    before = (tmp_path / SINGLE).read_bytes()
    sort_metadata(tmp_path / SINGLE)
    assert (tmp_path / SINGLE).read_bytes() == before
