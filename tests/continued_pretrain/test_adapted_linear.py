from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import Linear as PeftLinear
from torch import Tensor, nn

from hanhua.continued_pretrain.adapted_linear import AdaptedLinear, make_one_operation


def adapted(*, bias: bool = False, **settings: Any) -> nn.Module:
    """Two linear layers with adapters whose second matrix is no longer zero."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(12, 20, bias=bias), nn.GELU(), nn.Linear(20, 8, bias=bias))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        model = get_peft_model(plain, LoraConfig(r=4, lora_alpha=8, target_modules=["0", "2"], **settings))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    return model


def answer(model: nn.Module, x: Tensor, *, autocast: bool = False) -> dict[str, Tensor]:
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        out = model(x)
    out.float().square().sum().backward()
    assert x.grad is not None
    trained = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {"out": out.detach(), "x": x.grad, **trained}


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(7, 12), (2, 5, 12)])
def test_output_and_gradients_are_those_of_peft(bias: bool, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    expected = answer(adapted(bias=bias), x)
    model = adapted(bias=bias)
    assert make_one_operation(model) == 2
    found = answer(model, x)
    assert found.keys() == expected.keys() and len(found) == 6
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-5)


def test_under_autocast_it_is_as_near_to_fp32_as_peft_is() -> None:
    x = torch.randn((64, 12), generator=torch.Generator().manual_seed(1))
    exact, theirs, model = answer(adapted(), x), answer(adapted(), x, autocast=True), adapted()
    make_one_operation(model)
    ours = answer(model, x, autocast=True)
    for name in exact:
        assert ours[name].dtype == theirs[name].dtype
        off = [float((found[name].float() - exact[name]).norm() / exact[name].norm()) for found in (ours, theirs)]
        assert off[0] < 1.5 * off[1] + 1e-3


@pytest.mark.parametrize("settings", [{"lora_dropout": 0.1}, {"use_dora": True}])
def test_a_layer_that_does_more_stays_as_peft_made_it(settings: dict[str, Any]) -> None:
    model = adapted(**settings)
    assert make_one_operation(model) == 0
    assert not any(isinstance(module, AdaptedLinear) for module in model.modules())


def test_peft_saves_and_merges_it_as_its_own() -> None:
    x = torch.randn((7, 12), generator=torch.Generator().manual_seed(1))
    model = adapted()
    make_one_operation(model)
    before = model(x)
    assert all(isinstance(m, PeftLinear) for m in model.modules() if isinstance(m, AdaptedLinear))
    torch.testing.assert_close(model.merge_and_unload()(x), before, rtol=1e-5, atol=1e-5)
