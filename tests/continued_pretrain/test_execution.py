"""Where training runs: what `auto` stands for on this machine."""

from __future__ import annotations

import pytest
import torch

from hanhua.continued_pretrain.execution import has_amx, resolved_precision
from hanhua.continued_pretrain.hardware import BF16_CPU_PARAMETERS, cpu_has_amx, find_hardware
from hanhua.errors import UsageError

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here, so no CPU trains")


def test_a_plan_knows_what_training_will_find() -> None:
    assert cpu_has_amx() == has_amx() == find_hardware("cpu").amx
    assert not find_hardware("1x80GB").amx


def test_auto_is_bf16_for_a_large_model_on_a_cpu_that_computes_it() -> None:
    assert resolved_precision("auto", parameters=BF16_CPU_PARAMETERS) == ("bf16" if has_amx() else "fp32")
    assert resolved_precision("auto", parameters=BF16_CPU_PARAMETERS - 1) == "fp32"
    assert resolved_precision("auto") == "fp32"


def test_what_is_asked_for_is_done_or_refused() -> None:
    assert resolved_precision("fp32", parameters=10**9) == "fp32"
    if has_amx():
        assert resolved_precision("bf16") == "bf16"
    else:
        with pytest.raises(UsageError, match="a CPU with AMX; on this CPU use fp32"):
            resolved_precision("bf16")
