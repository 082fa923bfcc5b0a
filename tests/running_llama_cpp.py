"""llama.cpp itself, by the prebuilt package xllamacpp: a GGUF file served on a free port, asked for ids and logits."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any


class LlamaCpp:
    """A GGUF file in llama.cpp, on the CPU alone; attention in float32 throughout, unlike its own default.

    loras: files of adapters that are put on it.
    """

    def __init__(self, gguf: Path, *, context_tokens: int = 512, loras: tuple[Path, ...] = ()) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_ctx, params.n_parallel, params.n_gpu_layers, params.port = context_tokens, 1, 0, 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
        params.warmup, params.verbosity, params.fit_params = False, -1, False
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(path), 1.0) for path in loras]
        self._server = xllamacpp.Server(params)
        self.address: str = self._server.listening_address
        self._plain = self.ids("a")[0]

    def ids(self, text: str, *, around: bool = False) -> list[int]:
        """Return a text's ids, special tokens spelled in it among them. around: with bos and eos as the file wants."""
        found: list[int] = self._post("/tokenize", content=text, add_special=around, parse_special=True)["tokens"]
        return found

    def log_probabilities(self, ids: list[int], *, most: int) -> dict[int, float]:
        """Return those of the token after `ids`, the likeliest first.

        A bias makes llama.cpp choose one plain token, for which it answers with the table of all: for one that ends
        the text, or is a part of a character, it gives none. The table itself is of the logits as they were. Without
        the usual samplers it answers thirty times faster.
        """
        how = {"logit_bias": [[self._plain, 1e6]], "samplers": [], "temperature": -1.0}
        answer = self._post("/completion", prompt=ids, n_predict=1, n_probs=most, **how)
        table = answer["completion_probabilities"][0]["top_logprobs"]
        return {entry["id"]: entry["logprob"] for entry in table}

    def continuation(self, text: str, *, tokens: int) -> str:
        """Return what the model goes on with, greedily."""
        answer = self._post("/completion", prompt=text, n_predict=tokens, temperature=0.0)
        found: str = answer["content"]
        return found

    def _post(self, path: str, **body: Any) -> Any:
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
