"""How fast, and in how much memory, a full-size Llama 3 8B checkpoint is given 32,000 rows more.

    python benchmarks/resize_8b.py [--work DIR] [--init METHOD]

Writes a checkpoint of random weights in the real shapes (BF16, four shards with an index, as Meta's), resizes it in
a process of its own while its anonymous memory (RssAnon: what it holds, without the disk's cache) is watched, and
removes everything. Needs about 35 GB of disk, and skips below 40.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import jieba
import numpy as np
from measurement import add_json_option, write_measurement

from hanhua.artifacts.files import write_json
from hanhua.base_tokenizer import resolve_base_tokenizer
from hanhua.vocab_extension.extend import copy_settings, extended
from hanhua.vocab_extension.resize.initialization import METHODS
from hanhua.vocab_extension.tokenizer_json import TOKENIZER_JSON, read_bpe_file
from hanhua.weights import INDEX
from hanhua.zh_text.scripts import is_han

ROWS, WIDTH, LAYERS, MLP, KV = 128_256, 4096, 32, 14_336, 1024
NEW_TOKENS, SHARDS = 32_000, 4
NEEDED_BYTES = 40_000_000_000
# Prime, so that no two rows are cut from it alike: equal rows would be taken for never trained ones.
TILE_VALUES = 8_388_593
WATCH_SECONDS = 0.05
Tensor = tuple[str, tuple[int, ...]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="folder on a disk with 40 GB free (default: the temporary one)")
    parser.add_argument("--init", choices=list(METHODS), help="method (default: the command's own)")
    parser.add_argument("--layers", type=int, default=LAYERS, help="fewer, for a quick look")
    add_json_option(parser)
    given = parser.parse_args()
    with TemporaryDirectory(dir=given.work, prefix="resize-8b-") as name:
        work = Path(name)
        free = shutil.disk_usage(work).free
        if given.layers == LAYERS and free < NEEDED_BYTES:
            print(f"skipped: {free / 1e9:.1f} GB are free, {NEEDED_BYTES / 1e9:.0f} are needed")
            return
        write_tokenizer(work / "tokenizer")
        began = time.perf_counter()
        size = write_checkpoint(work / "model", layers=given.layers)
        print(f"checkpoint: {size / 1e9:.2f} GB in {SHARDS} shards, made in {time.perf_counter() - began:,.0f} s")
        seconds, peak = resize(work, given.init)
        written = sum(path.stat().st_size for path in (work / "out").glob("*.safetensors"))
        print(
            f"resized to {ROWS + NEW_TOKENS:,} rows: {written / 1e9:.2f} GB in {seconds:,.1f} s "
            f"({written / 1e6 / seconds:,.0f} MB/s), peak anonymous memory {peak / 1e9:.2f} GB"
        )
        results = {"checkpoint_bytes": size, "written_bytes": written, "seconds": seconds, "peak_anonymous_bytes": peak}
        write_measurement(__file__, given, results)


def resize(work: Path, init: str | None) -> tuple[float, int]:
    """Run the command; return its seconds, and its greatest RssAnon in bytes."""
    options = {"--model": work / "model", "--tokenizer": work / "tokenizer", "--out": work / "out"}
    words = [str(word) for option in options.items() for word in option] + (["--init", init] if init else [])
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen([sys.executable, "-m", "hanhua.cli.vocab_extension", "resize", *words])
    while process.poll() is None:
        peak = max(peak, anonymous_bytes(process.pid))
        time.sleep(WATCH_SECONDS)
    if process.returncode:
        sys.exit(process.returncode)
    return time.perf_counter() - began, peak


def anonymous_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


def write_tokenizer(folder: Path) -> None:
    """Extend Llama 3 by the commonest words of jieba's dictionary: any tokens do, resizing asks for no more."""
    folder.mkdir()
    base = read_bpe_file(resolve_base_tokenizer("llama3"))
    known = set(base.bytes_of.values())
    jieba.setLogLevel("ERROR")
    jieba.initialize()
    words = sorted(jieba.dt.FREQ.items(), key=lambda item: (-item[1], item[0]))
    fresh = (word.encode() for word, _ in words if 2 <= len(word) <= 4 and is_han(word) and word.encode() not in known)
    data = extended(base, list(islice(fresh, NEW_TOKENS))).data
    (folder / TOKENIZER_JSON).write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    copy_settings(base.place.parent, folder)


def tensors(layers: int) -> Iterator[Tensor]:
    yield "model.embed_tokens.weight", (ROWS, WIDTH)
    for n in range(layers):
        at = f"model.layers.{n}"
        yield f"{at}.input_layernorm.weight", (WIDTH,)
        yield f"{at}.mlp.down_proj.weight", (WIDTH, MLP)
        yield f"{at}.mlp.gate_proj.weight", (MLP, WIDTH)
        yield f"{at}.mlp.up_proj.weight", (MLP, WIDTH)
        yield f"{at}.post_attention_layernorm.weight", (WIDTH,)
        yield f"{at}.self_attn.k_proj.weight", (KV, WIDTH)
        yield f"{at}.self_attn.o_proj.weight", (WIDTH, WIDTH)
        yield f"{at}.self_attn.q_proj.weight", (WIDTH, WIDTH)
        yield f"{at}.self_attn.v_proj.weight", (KV, WIDTH)
    yield "model.norm.weight", (WIDTH,)
    yield "lm_head.weight", (ROWS, WIDTH)


def write_checkpoint(folder: Path, *, layers: int, added: float = 0.0) -> int:
    """Write shards, index and config; return the bytes of all weights. added: how far from the usual weights."""
    folder.mkdir()
    noise = np.random.default_rng(0).standard_normal(TILE_VALUES, dtype=np.float32) * 0.02
    if added:
        noise += np.random.default_rng(1).standard_normal(TILE_VALUES, dtype=np.float32) * added
    tile = (noise.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    listed = list(tensors(layers))
    each = -(-len(listed) // SHARDS)
    weight_map, total = {}, 0
    for n in range(SHARDS):
        name, some = f"model-{n + 1:05d}-of-{SHARDS:05d}.safetensors", listed[n * each : (n + 1) * each]
        total += write_shard(folder / name, some, tile)
        weight_map.update({tensor: name for tensor, _ in some})
    write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": weight_map})
    settings = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": ROWS,
        "hidden_size": WIDTH,
        "num_hidden_layers": layers,
        "intermediate_size": MLP,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }
    write_json(folder / "config.json", settings)
    return total


def write_shard(path: Path, some: list[Tensor], tile: bytes) -> int:
    header, at = {}, 0
    for name, shape in some:
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        left = at
        while left:
            left -= file.write(tile[:left])
    return at


if __name__ == "__main__":
    main()
