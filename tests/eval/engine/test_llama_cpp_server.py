"""The real llama.cpp as the server of replies: the same greedy text as ours, and no likelihoods of prompts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("xllamacpp", reason="llama.cpp (the package xllamacpp) is not installed")
pytest.importorskip("gguf")

from running_llama_cpp import LlamaCpp
from tiny_eval import CHINESE

from hanhua.errors import InputError
from hanhua.eval.engine.generation import generate_batch
from hanhua.eval.engine.likelihood import best_log_probabilities
from hanhua.eval.engine.loaded_model import LoadedModel
from hanhua.eval.engine.model_folder import ModelFolder
from hanhua.eval.engine.requests import Sampling, ScoredInput
from hanhua.eval.engine.server import Server
from hanhua.vocab_extension.export.gguf_file import export_gguf


@pytest.fixture
def server(base: ModelFolder, tmp_path: Path) -> Iterator[Server]:
    served = LlamaCpp(export_gguf(base.folder, tmp_path / "model.gguf", dtype="f32").gguf)
    yield Server(served.address, name="base")


def test_it_writes_what_the_engine_writes(server: Server, base_model: LoadedModel) -> None:
    prompts = [[base_model.bos_id, *ids] for ids in base_model.encode([text[:9] for text in CHINESE[:4]])]
    sampling = Sampling(12)
    (found,) = server.generate([prompts], sampling)
    assert [one.text for one in found] == [one.text for one in generate_batch(base_model, prompts, sampling)]
    expected = best_log_probabilities(base_model, prompts)
    found_first = server.first_log_probabilities(prompts)
    assert any(value is not None for value in found_first), "of whole characters it gives them"
    assert all(value is None or abs(value - ours) < 1e-3 for value, ours in zip(found_first, expected, strict=True))
    server.require_same_model(prompts, expected, folder="the folder")
    with pytest.raises(InputError, match="another model"):
        server.require_same_model(prompts, [value - 1 for value in expected], folder="the folder")


def test_it_cannot_score_and_says_so(server: Server) -> None:
    with pytest.raises(InputError, match="cannot score"):
        list(server.score([[ScoredInput((3, 4, 5), ((6,),))]]))
