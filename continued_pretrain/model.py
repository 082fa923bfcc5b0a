"""The model in training, wrapped in one module that turns token ids into the loss.

Linear layers are adapted by PEFT. New rows are held here, next to the frozen matrices, and not by PEFT: its own way
copies the whole matrix at each forward pass, makes a gradient of full size, and breaks under FSDP2. Adapters are
saved under PEFT's names all the same (`merge`), so that whatever reads PEFT reads them.

Shape suffixes: B sequences, L tokens of one, D hidden size, V vocabulary, R new rows, N targets.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hanhua.continued_pretrain.attention import Documents, register
from hanhua.continued_pretrain.config import ContinuedPretrainConfig
from hanhua.continued_pretrain.head_loss import head_loss
from hanhua.continued_pretrain.section_settings import LoraSettings
from hanhua.errors import InputError, MissingExtra, UsageError

ADAPTER = "default"
EMBEDDING, HEAD = "embed_tokens", "lm_head"


class TrainingModel(nn.Module):  # type: ignore[misc]
    """Token ids to summed loss. The one module that is wrapped for several processes, so that it alone synchronizes.

    model: the transformers model, its linear layers adapted where LoRA is used. rows: rows of the new tokens by matrix,
    fp32; no `lm_head` where the output layer is the embedding itself, empty where none are trained.
    """

    def __init__(self, model: Any, *, first_new_id: int | None, rows: bool, z_loss: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.z_loss = z_loss
        inner = model.get_base_model() if hasattr(model, "peft_config") else model
        # In a list: they are registered below `model` already, and a second name would save them twice.
        self._parts = [inner.model, inner.get_input_embeddings(), inner.get_output_embeddings()]
        self.tied = bool(inner.config.tie_word_embeddings)
        self.first_new_id = first_new_id if rows else None
        self.rows = nn.ParameterDict()
        if self.first_new_id is not None:
            for name, layer in [(EMBEDDING, self._parts[1])] + [(HEAD, self._parts[2])] * (not self.tied):
                self.rows[name] = nn.Parameter(layer.weight[first_new_id:].detach().float().clone())

    @property
    def decoder(self) -> Any:
        """The layers between the two matrices of words."""
        return self._parts[0]

    @property
    def head(self) -> Any:
        """The output layer, whose weight is the frozen matrix where rows are held apart."""
        return self._parts[2]

    def forward(
        self,
        input_ids_BL: Tensor,
        position_ids_BL: Tensor,
        labels_BL: Tensor,
        documents: Documents | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the summed loss of all targets, and the nats by position, (B, L), 0 where there is no target.

        Documents begin where positions restart, and attention stays inside them. documents: theirs, where they are
        known already; a GPU is then not waited for.
        """
        hidden_BLD = self.hidden_states(input_ids_BL, position_ids_BL, documents)
        loss, nats_N = head_loss(
            hidden_BLD.flatten(0, 1),
            self.output_matrix(),
            labels_BL.flatten(),
            trainable_RD=self.trained_output(),
            z_loss=self.z_loss,
        )
        return loss, nats_N.view_as(labels_BL)

    def hidden_states(
        self, input_ids_BL: Tensor, position_ids_BL: Tensor, documents: Documents | None = None
    ) -> Tensor:
        """Return what the layers make of each token, (B, L, D), as the output layer reads it."""
        hidden_BLD: Tensor = self.decoder(
            inputs_embeds=self._embedded(input_ids_BL),
            position_ids=position_ids_BL,
            use_cache=False,
            documents=Documents.of(position_ids_BL) if documents is None else documents,
        ).last_hidden_state
        return hidden_BLD

    def _embedded(self, ids_BL: Tensor) -> Tensor:
        old_BLD = nn.functional.embedding(ids_BL, self._parts[1].weight)
        if self.first_new_id is None:
            return old_BLD
        place_BL = ids_BL - self.first_new_id
        new_BLD = nn.functional.embedding(place_BL.clamp(min=0), self.rows[EMBEDDING]).to(old_BLD.dtype)
        return torch.where((place_BL >= 0)[..., None], new_BLD, old_BLD)

    def trained_output(self) -> Tensor | None:
        """Return what of the output matrix is trained: its last rows, all of it, or None."""
        if self.first_new_id is not None:
            return self.rows[EMBEDDING if self.tied else HEAD]
        weight: Tensor = self._parts[2].weight
        return weight if weight.requires_grad else None

    def output_matrix(self) -> Tensor:
        """Return the output matrix with the trained rows in place.

        The frozen matrix's own copies of those rows are used by nobody, so the trained ones are written
        over them: a copy of R rows where PEFT's way copies V.
        """
        weight_VD: Tensor = self._parts[2].weight.detach()
        if self.first_new_id is not None:
            rows_RD = self.rows[EMBEDDING if self.tied else HEAD]
            weight_VD[-len(rows_RD) :] = rows_RD.detach().to(weight_VD.dtype)
        return weight_VD


def build_training_model(
    folder: Path, config: ContinuedPretrainConfig, *, first_new_id: int | None, dtype: torch.dtype
) -> TrainingModel:
    """Load a model folder and prepare what `config.mode` trains; rows are those from `first_new_id` on.

    dtype: of frozen weights; what is trained is always held in fp32. The adapters start from config.seed.
    """
    if config.mode == "new_embeddings" and first_new_id is None:
        raise InputError(
            "trainable: new_embeddings, but the model has no new tokens: extend its vocabulary, or train adapters"
        )
    model = _load(folder, config, dtype)
    if config.gradient_checkpointing:
        _checkpoint_activations(model)
    model.requires_grad_(config.mode == "full")
    if config.has_adapters and config.lora is not None:
        torch.manual_seed(config.seed)
        model = _with_lora(model, config.lora)
    if config.mode in ("embeddings", "adapters+embeddings"):
        inner = model.get_base_model() if config.has_adapters else model
        for layer in (inner.get_input_embeddings(), inner.get_output_embeddings()):
            layer.weight.requires_grad_(True)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    rows = first_new_id is not None and config.mode in ("adapters", "new_embeddings")
    built = TrainingModel(model, first_new_id=first_new_id, rows=rows, z_loss=config.z_loss)
    if config.compile:
        for layer in built.decoder.layers:
            layer.compile()
    return built


def _load(folder: Path, config: ContinuedPretrainConfig, dtype: torch.dtype) -> Any:
    from transformers import AutoModelForCausalLM

    options: dict[str, Any] = {"dtype": torch.float32 if config.mode == "full" else dtype}
    if config.quantize == "nf4":
        options["quantization_config"] = _nf4(dtype)
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=register(), **options)
    _tie(model, folder)
    return model


def _tie(model: Any, folder: Path) -> None:
    """Make one matrix of two that config.json says are tied: transformers takes a stored head for one of its own.

    Raises InputError when they differ, since what is trained in one would be lost behind the other.
    """
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    if not model.config.tie_word_embeddings or head.weight is embedding.weight:
        return
    if head.weight.shape != embedding.weight.shape or not torch.equal(head.weight, embedding.weight):
        raise InputError(
            f"{folder}: config.json says tied (tie_word_embeddings: true), and the weights have a {HEAD}.weight with "
            "other values than the embeddings; set it to false to keep both, or remove that tensor"
        )
    head.weight = embedding.weight


def _nf4(dtype: torch.dtype) -> Any:
    """QLoRA (Dettmers et al. 2023): four-bit layers, their scales quantized too; both matrices of words stay whole."""
    if not torch.cuda.is_available():
        raise UsageError("quantize: nf4 needs a CUDA GPU, and there is none; use quantize: none")
    try:
        import bitsandbytes  # noqa: F401
    except ImportError:
        raise MissingExtra("quantize: nf4 (bitsandbytes)", "qlora") from None
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_quant_storage=dtype,
        llm_int8_skip_modules=[HEAD],
    )


def _checkpoint_activations(model: Any) -> None:
    """Turn activation checkpointing on, by the name this version of transformers has for it."""
    by_new_name = getattr(model, "activation_checkpointing_enable", None)
    (by_new_name or model.gradient_checkpointing_enable)({"use_reentrant": False})


def _with_lora(model: Any, lora: LoraSettings) -> Any:
    from peft import LoraConfig, get_peft_model

    from hanhua.continued_pretrain.adapted_linear import make_one_operation

    settings = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        use_rslora=lora.rslora,
        use_dora=lora.dora,
        target_modules=_targets(model, lora),
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        # peft 0.21 asks transformers 5.23 for a name that it deprecates.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        adapted = get_peft_model(model, settings, adapter_name=ADAPTER)
    make_one_operation(adapted)
    return adapted


def _targets(model: Any, lora: LoraSettings) -> list[str]:
    linear = {name.rpartition(".")[2] for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    linear.discard(HEAD)
    if lora.targets == "all-linear":
        return sorted(linear)
    if unknown := sorted(set(lora.targets) - linear):
        raise InputError(f"lora.targets: no linear layer {unknown[0]!r}; available: {', '.join(sorted(linear))}")
    return sorted(lora.targets)
