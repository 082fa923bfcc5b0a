"""A recipe's settings of training. Imports nothing heavy."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from hanhua.config_fields import EXECUTION, LATER, ExecutionField, LocalPath, marked_fields
from hanhua.continued_pretrain.retention.settings import RetentionSettings
from hanhua.continued_pretrain.synthetic_settings import SyntheticShares

Schedule = Literal["cosine", "wsd"]
Precision = Literal["auto", "fp32", "bf16"]
Trainable = Literal["adapters", "lora", "new_embeddings", "embeddings", "adapters+embeddings", "full"]
OptimizerName = Literal["adamw", "adamw_8bit", "muon"]
Parallel = Literal["auto", "ddp", "fsdp2"]
Tracker = Literal["wandb", "mlflow", "comet_ml", "aim", "clearml", "dvclive", "swanlab", "trackio"]

STEP = {"micro_batch_size", "gradient_accumulation_steps"}
"""Settings of which only the product matters: the sequences per step."""


class LoraSettings(BaseModel):
    """Low-rank adapters on the linear layers (Hu et al. 2021)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(default=64, ge=1, description="Rank of the adapters; 64 to 128 for continued pretraining")
    alpha: float = Field(
        default=16.0,
        gt=0,
        description="Scales the update: alpha/sqrt(rank) with rslora (16 at rank 64: 2.0), else alpha/rank",
    )
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="Dropout before each adapter; 0 is usual for one pass over text"
    )
    rslora: bool = Field(
        default=True, description="Scale by 1/sqrt(rank) (rsLoRA), so that a higher rank does not learn more slowly"
    )
    dora: bool = Field(
        default=False,
        description="Learn the magnitude of each output separately from its direction (DoRA): slower, better",
    )
    targets: Literal["all-linear"] | tuple[str, ...] = Field(
        default="all-linear", description="Linear layers to adapt, by name (q_proj, …); all-linear: all except lm_head"
    )


class OldSegmentationSettings(BaseModel):
    """A share of the training text spelled in the base's own tokens, so that the old pieces keep working."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(
        default=0.3, gt=0, lt=1, description="Share of the documents, or of the new tokens, spelled as the base does"
    )
    by: Literal["documents", "tokens"] = Field(
        default="tokens",
        description="tokens: each new token by itself is taken apart. documents: whole documents alternate",
    )


class RowDistillationSettings(BaseModel):
    """New rows fitted before training: the frozen model reads each text in old and in new tokens and must think alike.

    Sources: Token Distillation (arXiv 2505.20133) for the input rows, ALM (arXiv 2503.20083) for the output rows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(
        default=200, ge=1, description="Steps of fitting, each on the texts of one step of training, in its order"
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="Peak learning rate of the fitted rows")
    outputs: bool = Field(
        default=True,
        description="Fit output rows too, to the probability that the old spelling gives the same text; false: only "
        "input rows. Where both matrices are one, its rows are fitted to both",
    )


class PriceSettings(BaseModel):
    """Price of a device, for the cost shown during training on devices of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dollars_per_hour: float = Field(
        ge=0, description="US dollars per hour for one GPU or, with device: cpu, for the machine"
    )
    device: Literal["gpu", "cpu"] = Field(
        default="gpu", description="Kind of device the price is for; on another kind no cost is shown"
    )


class PhaseSettings(BaseModel):
    """A part of the run with its own settings; null takes the run's setting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name in progress and log, such as rows, main or anneal")
    tokens_ratio: float = Field(gt=0, le=1, description="Share of the run's tokens")
    trainable: Literal["new_embeddings", "embeddings", "lora"] | None = Field(
        default=None,
        description="new_embeddings, embeddings or lora: only these, out of what the run trains; null: all of it",
    )
    weights: dict[str, float] | None = Field(
        default=None, description="Share of each corpus in this phase; null: as in the run"
    )
    learning_rate: float | None = Field(
        default=None, gt=0, description="Peak learning rate of the adapters; null: as in the run"
    )
    embedding_learning_rate: float | None = Field(
        default=None, gt=0, description="Peak learning rate of the new rows; null: as in the run"
    )
    schedule: Schedule | None = Field(default=None, description="cosine or wsd, over this phase; null: as in the run")
    warmup_ratio: float | None = Field(
        default=None,
        ge=0,
        le=0.5,
        description="Share of this phase's steps in which the learning rate rises; null: as in the run",
    )
    decay_ratio: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="wsd: share of this phase's steps in which the learning rate falls; null: as in the run",
    )
    min_learning_rate_ratio: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Learning rate at the phase's end relative to its peak; null: as in the run",
    )


class ContinuedPretrainConfig(BaseModel):
    """Continued pretraining of a (resized) model on the train split of a Corpus.

    The defaults suit an 8B model. A toy model needs short sequences, small batches and learning
    rates about thirty times higher (see recipes/quickstart.yaml).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: dict[str, float] = Field(
        default_factory=dict,
        description="Share of each corpus in the mixture; empty: proportional to its tokens. In a recipe: "
        "corpora.*.weight",
    )
    max_tokens: int | None = Field(
        default=None, ge=1, description="Maximum number of training tokens; null: `epochs` decides"
    )
    epochs: float = Field(
        default=1.0,
        gt=0,
        description="Passes over the corpus with the largest weight, if max_tokens is null; the others follow by "
        "weight",
    )
    sequence_length: int = Field(default=4096, ge=8, description="Length of a packed sequence in tokens")
    micro_batch_size: int = Field(default=1, ge=1, description="Sequences per forward pass and process")
    gradient_accumulation_steps: int = Field(
        default=16, ge=1, description="Forward passes per optimizer step; every token has the same weight"
    )
    learning_rate: float = Field(
        default=1e-4, gt=0, description="Peak learning rate of the adapters (with lora: null, of all weights)"
    )
    embedding_learning_rate: float = Field(
        default=1e-4, gt=0, description="Peak learning rate of the new tokens' embedding and output rows"
    )
    schedule: Schedule = Field(
        default="cosine",
        description="Learning rate schedule: cosine, or wsd (warm up, stay, decay linearly at the end)",
    )
    warmup_ratio: float = Field(
        default=0.03, ge=0, le=0.5, description="Share of the steps in which the learning rate rises"
    )
    decay_ratio: float = Field(
        default=0.2, ge=0, le=1, description="wsd: share of the steps in which the learning rate falls"
    )
    min_learning_rate_ratio: float = Field(
        default=0.1, ge=0, le=1, description="Learning rate of the last step relative to the peak"
    )
    weight_decay: float = Field(
        default=0.01, ge=0, description="AdamW's weight decay; never applied to new rows, which are values, not deltas"
    )
    beta1: float = Field(default=0.9, ge=0, lt=1, description="AdamW's decay rate of the first moment")
    beta2: float = Field(default=0.95, ge=0, lt=1, description="AdamW's decay rate of the second moment")
    optimizer: OptimizerName = Field(
        default="adamw",
        description="adamw; adamw_8bit: its moments in 8 bits, needs bitsandbytes; muon: Muon for the matrices (LoRA's "
        "or those of the layers), AdamW for all else, at the same learning rates",
    )
    z_loss: float = Field(
        default=0.0, ge=0, le=1, description="Weight of the squared log-normalizer in the loss; 1e-4 is usual, 0 is off"
    )
    max_grad_norm: float | None = Field(
        default=1.0, gt=0, description="Norm to which the gradient is clipped; null: no clipping"
    )
    trainable: Trainable = Field(
        default="adapters",
        description="adapters: LoRA and the new tokens' rows. lora: LoRA alone; rows stay as they are in the model. "
        "new_embeddings: only the new tokens' rows. embeddings: the whole input and output embedding. "
        "adapters+embeddings: LoRA and both. full: all weights",
    )
    merge: bool = Field(
        default=True,
        description="Write model/ with the adapter merged in; false: only adapter/, which needs trainable: lora. "
        "In a recipe always true",
    )
    lora: LoraSettings | None = Field(
        default=LoraSettings(), description="Settings of the adapters; null: no adapters, all weights are trained"
    )
    phases: tuple[PhaseSettings, ...] = Field(
        default=(), description="Parts of the run, each with its own mixture and schedule; empty: a single part"
    )
    quantize: Literal["none", "nf4"] = Field(
        default="none", description="nf4: frozen layers in 4-bit NF4 (QLoRA); needs a CUDA GPU and bitsandbytes"
    )
    gradient_checkpointing: Annotated[bool, EXECUTION] = Field(
        default=False, description="Recompute activations in the backward pass: less memory, a third more time"
    )
    compile: Annotated[bool, EXECUTION] = Field(
        default=False, description="torch.compile each layer: slow to start, then faster on a GPU"
    )
    precision: Precision = Field(
        default="auto",
        description="auto: bf16 on a GPU that has it, and on a CPU with AMX from 100M parameters on; else fp32",
    )
    threads: Annotated[int | None, EXECUTION] = Field(
        default=None,
        ge=1,
        description="Number of CPU threads; null: torch's default. Results are bit-identical only with an equal number",
    )
    workers: Annotated[int | None, EXECUTION] = Field(
        default=None, ge=1, description="Number of processes that tokenize; null: by the size of the text"
    )
    bpe_dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Probability of skipping a merge, so that parts of words are seen too (Provilkov et al. 2020); 0: "
        "off",
    )
    processes: Annotated[int | None, EXECUTION] = Field(
        default=None,
        ge=1,
        description="Number of training processes, one per GPU; null: one for every GPU, or a single one on CPU",
    )
    parallel: Annotated[Parallel, EXECUTION] = Field(
        default="auto",
        description="ddp: the whole model in every process. fsdp2: weights sharded over processes. auto: ddp if it "
        "fits",
    )
    old_segmentation: Annotated[OldSegmentationSettings | None, LATER] = Field(
        default=None, description="Share of the text spelled in the base's own tokens; null: none. Needs new tokens"
    )
    row_distillation: Annotated[RowDistillationSettings | None, LATER] = Field(
        default=None,
        description="New rows fitted to what the model makes of their pieces before anything else is trained; null: "
        "they begin as resize left them",
    )
    chat_corpora: tuple[str, ...] = Field(
        default=(),
        description="Corpora written in the model's chat template: special tokens spelled out in their texts are read "
        "as themselves, in all other texts as plain text",
    )
    continue_from: LocalPath | None = Field(
        default=None,
        description="Output folder of a finished training of the same model, whose weights this one begins with: new "
        "warm-up, new optimizer state, and the data drawn anew",
    )
    seed: int = Field(default=0, ge=0, description="Random seed of data order, adapter initialization and dropout")
    loss_spike_threshold: float | None = Field(
        default=4.0,
        gt=0,
        description="Stop when the loss is this many nats above its running mean (after 20 steps); null: never stop",
    )
    retention: RetentionSettings | None = Field(
        default=None,
        description="Held-out texts measured while training, a share of replay that follows, and limits; null: off",
    )
    synthetic: Annotated[SyntheticShares, LATER] = Field(
        default=SyntheticShares(), description="Shares of synthetic text by form, where the recipe makes some"
    )
    save_steps: Annotated[int, EXECUTION] = Field(default=200, ge=1, description="Steps between checkpoints")
    save_total_limit: Annotated[int, EXECUTION] = Field(
        default=2, ge=1, description="Number of most recent checkpoints to keep"
    )
    keep_every_steps: Annotated[int | None, EXECUTION] = Field(
        default=None,
        ge=1,
        description="Checkpoints whose step is a multiple of this are never deleted; null: only the most recent are "
        "kept",
    )
    report_to: Annotated[tuple[Tracker, ...], EXECUTION] = Field(
        default=(),
        description="Trackers to log to in addition to TensorBoard, each with its own package, such as [wandb]",
    )
    price: Annotated[PriceSettings | None, EXECUTION] = Field(
        default=None,
        description="Price for the cost shown in progress and log; null: no cost. In a recipe: from hardware",
    )

    @model_validator(mode="after")
    def _check(self) -> ContinuedPretrainConfig:
        for name, weight in self.weights.items():
            if weight < 0:
                raise ValueError(f"weights.{name} is {weight}; a share of the mixture is 0 or more")
        if self.weights and not any(self.weights.values()):
            raise ValueError("all weights are 0, so there is nothing to train on")
        if self.trainable in ("adapters+embeddings", "lora") and self.lora is None:
            raise ValueError(f"trainable is {self.trainable} and lora is null: adapters need their settings")
        if not self.merge and self.mode != "lora":
            raise ValueError(
                f"merge is false and trainable is {self.trainable}: an adapter alone serves only without new rows, "
                "so use trainable: lora"
            )
        self._check_new_tokens()
        if self.quantize != "none" and self.mode == "full":
            raise ValueError("quantize freezes the layers in 4-bit, so they cannot all be trained: use adapters")
        self._check_phases()
        if self.schedule == "wsd" and self.warmup_ratio + self.decay_ratio > 1:
            raise ValueError("warmup_ratio + decay_ratio is above 1")
        if self.max_tokens is not None and self.max_tokens < self.tokens_per_step:
            raise ValueError(
                f"max_tokens is {self.max_tokens:,}, less than one step of {self.tokens_per_step:,} tokens "
                "(sequence_length x micro_batch_size x gradient_accumulation_steps)"
            )
        return self

    def _check_new_tokens(self) -> None:
        if self.old_segmentation is not None and self.bpe_dropout:
            raise ValueError("old_segmentation and bpe_dropout both take tokens apart: use one of them")
        if self.row_distillation is not None and (self.mode == "lora" or self.continue_from is not None):
            why = "trainable: lora leaves rows as they are" if self.mode == "lora" else "continue_from brings its rows"
            raise ValueError(f"row_distillation fits new rows, but {why}: leave one of them out")

    def _check_phases(self) -> None:
        if self.phases and abs(sum(phase.tokens_ratio for phase in self.phases) - 1) > 1e-6:
            total = sum(phase.tokens_ratio for phase in self.phases)
            raise ValueError(f"the phases' tokens_ratio sum to {total:g}, not to 1")
        for phase in self.phases:
            if phase.trainable == "new_embeddings" and self.mode not in ("adapters", "new_embeddings"):
                raise ValueError(f"phase {phase.name!r} trains new_embeddings, but the run trains {self.mode}")
            if phase.trainable == "embeddings" and self.mode not in ("embeddings", "adapters+embeddings", "full"):
                raise ValueError(f"phase {phase.name!r} trains embeddings, but the run trains {self.mode}")
            if phase.trainable == "lora" and not self.has_adapters:
                raise ValueError(f"phase {phase.name!r} trains lora, but the run trains {self.mode}")
            if phase.weights is not None and self.retention is not None and self.retention.replay is not None:
                raise ValueError(f"phase {phase.name!r} has weights, but retention.replay moves them through the run")

    @property
    def mode(self) -> Trainable:
        """What is trained, with `lora: null` taken as full."""
        return "full" if self.lora is None and self.trainable == "adapters" else self.trainable

    @property
    def has_adapters(self) -> bool:
        """Whether linear layers are adapted."""
        return self.mode in ("adapters", "lora", "adapters+embeddings")

    @property
    def tokens_per_step(self) -> int:
        """Tokens one process sees in one optimizer step."""
        return self.sequence_length * self.micro_batch_size * self.gradient_accumulation_steps

    def key_config(self) -> dict[str, Any]:
        """Return the settings that affect the result, as plain data: no execution settings; of a step, only its size.

        The number of processes, each of which makes steps of that size, is not included either: the facts record it.
        """
        sequences = self.micro_batch_size * self.gradient_accumulation_steps
        return {
            **self.model_dump(mode="json", exclude=execution_settings() | STEP),
            "process_step_sequences": sequences,
        }


def execution_settings() -> set[str]:
    """Return the settings of how training is executed, which change at most rounding, not the result."""
    return {at[0] for at, _ in marked_fields(ContinuedPretrainConfig, ExecutionField)}
