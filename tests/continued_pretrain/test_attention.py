from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from hanhua.continued_pretrain.attention import WIDE_TOKENS, Documents, attend, by_flex, one_by_one

POSITIONS = torch.tensor([[0, 1, 2, 3, 0, 1, 0, 0], [3, 4, 5, 0, 1, 2, 3, 4]])


def tensors(heads: int, groups: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    batch, length, width = *POSITIONS.shape, 8
    query = torch.randn(batch, heads, length, width, requires_grad=True)
    key, value = (torch.randn(batch, groups, length, width, requires_grad=True) for _ in "kv")
    return query, key, value


def by_mask(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """With the full mask that the module exists to avoid."""
    document = (POSITIONS == 0).cumsum(dim=1)
    same = document[:, :, None] == document[:, None, :]
    causal = torch.ones(POSITIONS.shape[1], POSITIONS.shape[1], dtype=torch.bool).tril()
    mask = (same & causal)[:, None]
    repeats = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(repeats, dim=1) for x in (key, value))
    return nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2)


def test_documents_begin_where_positions_restart_and_where_a_sequence_does() -> None:
    documents = Documents.of(POSITIONS.clone())
    assert documents.bounds == (0, 4, 6, 7, 8, 11, 16)
    assert documents.bounds_tensor.dtype == torch.int32


@pytest.mark.parametrize(("heads", "groups"), [(4, 4), (4, 2)])
def test_it_is_the_masked_attention_and_so_are_its_gradients(heads: int, groups: int) -> None:
    ours, theirs = tensors(heads, groups), tensors(heads, groups)
    out, _ = attend(nn.Module(), *ours, None, documents=Documents.of(POSITIONS), scaling=8**-0.5)
    expected = by_mask(*theirs)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-6)
    weight = torch.randn_like(out)
    (out * weight).sum().backward()
    (expected * weight).sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.bfloat16, 0.01)], ids=str)
def test_flex_attention_and_its_gradients_are_the_exact_ones(
    dtype: torch.dtype, error: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a GPU without FlashAttention uses, here uncompiled on the CPU, over documents that share blocks of 128.

    torch has the backward pass for a CPU too, in plain operations, and refuses it only for want of a fast one.
    """
    monkeypatch.setattr("torch.nn.attention.flex_attention._validate_device", lambda *_: None)
    torch.manual_seed(0)
    query, key, value, weight = (torch.randn(300, heads, 16).to(dtype) for heads in (4, 2, 2, 4))
    documents = Documents.of(torch.cat([torch.arange(tokens) for tokens in (1, 40, 170, 89)])[None])
    found = []
    for way, inside in ((one_by_one, torch.float64), (by_flex, dtype)):
        inputs = [x.to(inside).requires_grad_() for x in (query.clone(), key.clone(), value.clone())]
        out = way(*inputs, documents, None)
        out.backward(weight.to(inside))
        assert out.dtype == inside
        found.append([out.detach(), *(x.grad for x in inputs)])
    for exact, ours in zip(*found, strict=True):
        assert float((ours.double() - exact).norm() / exact.norm()) < error


@pytest.mark.parametrize(("tokens", "inside"), [(WIDE_TOKENS, torch.float32), (WIDE_TOKENS + 1, torch.bfloat16)])
def test_under_autocast_on_a_cpu_short_documents_are_attended_in_fp32(tokens: int, inside: torch.dtype) -> None:
    query, key, value = (torch.randn(tokens, heads, 8).bfloat16() for heads in (4, 2, 2))
    documents, seen = Documents.of(torch.arange(tokens)[None]), []

    class Watch(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if function is nn.functional.scaled_dot_product_attention:
                seen.append(args[0].dtype)
                assert not torch.is_autocast_enabled("cpu")
            return function(*args, **(kwargs or {}))

    with torch.autocast("cpu", torch.bfloat16), Watch():
        out = one_by_one(query, key, value, documents, None)
    assert seen == [inside] and out.dtype == torch.bfloat16
    exact = one_by_one(query.float(), key.float(), value.float(), documents, None)
    torch.testing.assert_close(out.float(), exact, rtol=0.02, atol=0.02)
