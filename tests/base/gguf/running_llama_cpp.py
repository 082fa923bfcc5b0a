"""llama.cpp itself, by the prebuilt package xllamacpp: a GGUF file served on a free port, asked for ids and logits."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class LlamaCpp:
    """A GGUF file in llama.cpp, on the CPU alone."""

    def __init__(self, gguf: Path, *, context_tokens: int = 512) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_ctx, params.n_parallel, params.n_gpu_layers, params.port = context_tokens, 1, 0, 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
        params.warmup, params.verbosity, params.fit_params = False, -1, False
        self._server = xllamacpp.Server(params)
        self._address = self._server.listening_address

    def ids(self, text: str, *, around: bool = False) -> list[int]:
        """Return a text's ids, special tokens spelled in it among them. around: with bos and eos as the file wants."""
        found: list[int] = self._post("/tokenize", content=text, add_special=around, parse_special=True)["tokens"]
        return found

    def log_probabilities(self, ids: list[int], vocabulary: int) -> npt.NDArray[np.float64]:
        """Return those of the token after `ids`, shape (vocabulary,)."""
        answer = self._post(
            "/completion", prompt=ids, n_predict=1, n_probs=vocabulary, temperature=-1.0, cache_prompt=True
        )
        found = np.full(vocabulary, -np.inf)
        for entry in answer["completion_probabilities"][0]["top_logprobs"]:
            found[entry["id"]] = entry["logprob"]
        return found

    def _post(self, path: str, **body: Any) -> Any:
        data = json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
