"""A frozen linear layer and its low-rank adapter as one operation, with PEFT's layer around it.

PEFT computes both, scales the adapter's output and adds it: two more passes over the output in the forward pass and
two over the gradients in the backward pass, each through fresh memory. Here the adapter is added into the output by
the matrix product itself (`addmm`). The numbers are the same up to rounding.

Shape suffixes: N positions, I inputs, O outputs, R rank, A down to the rank, B up from it.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import Linear as PeftLinear
from torch import Tensor, nn


class AdaptedLinear(PeftLinear):  # type: ignore[misc]
    """PEFT's layer with one adapter that adds to a plain linear layer, without dropout."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the layer's output with the adapter's in it, (..., I) to (..., O)."""
        if self.disable_adapters or self.merged:
            return super().forward(x, *args, **kwargs)
        name = self.active_adapters[0]
        base = self.get_base_layer()
        result: Tensor = _AdaptedLinear.apply(
            x, base.weight, base.bias, self.lora_A[name].weight, self.lora_B[name].weight, self.scaling[name]
        )
        return result


def make_one_operation(model: nn.Module) -> int:
    """Let every layer of a PEFT model that can be computed as one operation be so; return how many can."""
    done = 0
    for module in model.modules():
        if type(module) is PeftLinear and _is_plain(module):
            module.__class__ = AdaptedLinear
            done += 1
    return done


def _is_plain(layer: Any) -> bool:
    """Return whether a layer is `W x + s B A x` and nothing else: no dropout, no DoRA, no quantized weights."""
    dropouts = [part for part in layer.lora_dropout.values() if not isinstance(part, nn.Identity)]
    adapters = [*layer.lora_A.values(), *layer.lora_B.values()]
    plain = all(type(part) is nn.Linear for part in [layer.get_base_layer(), *adapters])
    return plain and len(layer.lora_A) == 1 and not dropouts and not layer.lora_variant


class _AdaptedLinear(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight_OI: Tensor, bias_O: Tensor | None, a_RI: Tensor, b_OR: Tensor, scale: float
    ) -> Tensor:
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight_OI.dtype
        x_NI = x.reshape(-1, x.shape[-1]).to(dtype)
        weight_OI, a_RI, b_OR = weight_OI.to(dtype), a_RI.to(dtype), b_OR.to(dtype)
        low_NR = x_NI @ a_RI.T
        out_NO = x_NI @ weight_OI.T
        out_NO.addmm_(low_NR, b_OR.T, alpha=scale)
        if bias_O is not None:
            out_NO += bias_O.to(dtype)
        ctx.save_for_backward(x_NI, low_NR, weight_OI, a_RI, b_OR)
        ctx.scale, ctx.input = scale, (x.shape, x.dtype)
        return out_NO.view(*x.shape[:-1], len(weight_OI))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x_NI, low_NR, weight_OI, a_RI, b_OR = ctx.saved_tensors
        shape, dtype = ctx.input
        grad_NO = grads[0].reshape(-1, len(weight_OI)).to(x_NI.dtype)
        grad_low_NR = grad_NO @ b_OR
        grad_x = grad_a_RI = grad_b_OR = None
        if ctx.needs_input_grad[0]:
            grad_x_NI = grad_NO @ weight_OI
            grad_x = grad_x_NI.addmm_(grad_low_NR, a_RI, alpha=ctx.scale).view(shape).to(dtype)
        if ctx.needs_input_grad[3]:
            grad_a_RI = (grad_low_NR.T @ x_NI).float() * ctx.scale
            grad_b_OR = (grad_NO.T @ low_NR).float() * ctx.scale
        return grad_x, None, None, grad_a_RI, grad_b_OR, None
