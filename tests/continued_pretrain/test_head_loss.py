from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hanhua.continued_pretrain import head_loss as module
from hanhua.continued_pretrain.head_loss import head_loss
from hanhua.continued_pretrain.pack import IGNORED

N, D, V, R = 37, 16, 90, 12


def tensors(scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(N, D) * scale, torch.randn(V, D), torch.randint(0, V, (N,))


@pytest.mark.parametrize("elements", [V, 5 * V, 1 << 20])
@pytest.mark.parametrize("trained", ["nothing", "rows", "everything"])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_loss_and_gradients_are_those_of_plain_cross_entropy(
    elements: int, trained: str, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module.CHUNK_ELEMENTS, "cpu", elements)
    hidden, weight, labels = tensors(scale)
    plain_hidden, plain_weight = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
    plain = torch.nn.functional.cross_entropy(plain_hidden @ plain_weight.T, labels, reduction="none")
    (plain.sum() * 0.37).backward()

    hidden.requires_grad_()
    rows = {"nothing": 0, "rows": R, "everything": V}[trained]
    parameter = torch.nn.Parameter(weight[V - rows :].clone()) if rows else None
    loss, nats = head_loss(hidden, weight, labels, trainable_RD=parameter)
    (loss * 0.37).backward()

    torch.testing.assert_close(nats, plain.detach(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(hidden.grad, plain_hidden.grad, rtol=1e-5, atol=1e-6 * scale)
    if parameter is not None:
        assert plain_weight.grad is not None
        torch.testing.assert_close(parameter.grad, plain_weight.grad[V - rows :], rtol=1e-4, atol=1e-6 * scale)


def test_z_loss_pulls_the_normalizer_to_one_and_leaves_the_nats_as_they_are() -> None:
    hidden, weight, labels = tensors()
    plain_hidden, parameter = hidden.clone().requires_grad_(), torch.nn.Parameter(weight[V - R :].clone())
    plain_rows = weight[V - R :].clone().requires_grad_()
    logits = plain_hidden @ torch.cat([weight[: V - R], plain_rows]).T
    cross_entropy = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    expected = cross_entropy + 0.01 * logits.logsumexp(dim=1).square().sum()
    expected.backward()

    hidden.requires_grad_()
    loss, nats = head_loss(hidden, weight, labels, trainable_RD=parameter, z_loss=0.01)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert nats.sum().item() == pytest.approx(cross_entropy.item(), rel=1e-6)
    torch.testing.assert_close(hidden.grad, plain_hidden.grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(parameter.grad, plain_rows.grad, rtol=1e-4, atol=1e-5)


def test_hopeless_targets_cost_much_and_not_infinity() -> None:
    hidden, weight = torch.tensor([[400.0]]), torch.tensor([[1.0], [-1.0]])
    loss, _ = head_loss(hidden, weight, torch.tensor([1]))
    assert float(loss) == pytest.approx(800.0)


def test_bf16_stays_near_fp32() -> None:
    hidden, weight, labels = tensors()
    exact, _ = head_loss(hidden, weight, labels)
    rough, _ = head_loss(hidden.bfloat16(), weight.bfloat16(), labels)
    assert float(rough) == pytest.approx(float(exact), rel=0.02)


def test_positions_without_target_have_no_loss_and_no_gradient() -> None:
    hidden, weight, labels = tensors()
    labels[::5] = IGNORED
    chosen = labels != IGNORED
    expected_hidden, hidden = hidden.clone().requires_grad_(), hidden.requires_grad_()
    expected_rows, rows = (torch.nn.Parameter(weight[V - R :].clone()) for _ in "ab")
    expected, expected_nats = head_loss(
        expected_hidden[chosen], weight, labels[chosen], trainable_RD=expected_rows, z_loss=0.01
    )
    loss, nats = head_loss(hidden, weight, labels, trainable_RD=rows, z_loss=0.01)
    expected.backward()
    loss.backward()

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(nats[chosen], expected_nats)
    assert not nats[~chosen].any()
    torch.testing.assert_close(hidden.grad, expected_hidden.grad)
    torch.testing.assert_close(rows.grad, expected_rows.grad)
