"""The kinds of artifact, and the stage that makes each."""

from __future__ import annotations

from typing import Literal, get_args

Kind = Literal["corpus", "base", "tokenizer", "resized", "adapted", "restored", "scores", "release", "report"]
Stage = Literal[
    "filtering",
    "base",
    "vocab_extension",
    "initialise",
    "continued_pretrain",
    "restore",
    "eval",
    "release",
    "report",
]

KINDS: tuple[Kind, ...] = get_args(Kind)
STAGES: tuple[Stage, ...] = get_args(Stage)
"""In running order. `base` follows `filtering`, since a stand-in base learns from the train split."""

KIND_OF_STAGE: dict[Stage, Kind] = dict(zip(STAGES, KINDS, strict=True))
STAGE_OF_KIND: dict[str, Stage] = {kind: stage for stage, kind in KIND_OF_STAGE.items()}

FORMAT_VERSION = 1
