import pytest

from hanhua.vocab_extension.measuring.model_shape import SHAPES
from hanhua.vocab_extension.measuring.sweep_costs import costs_of

SHAPE = SHAPES["8b"]
LAYERS_8B = 32 * (2 * 4096 * (32 + 8) * 128 + 3 * 4096 * 14336)


def test_nothing_added_costs_nothing() -> None:
    costs = costs_of(SHAPE, 0, base_tokens=800, tokens=800, characters=1000)
    assert (costs.parameters_added, costs.bytes_added, costs.head_flops_added_per_token) == (0, 0, 0)
    assert (costs.flops_saved_per_character, costs.cache_bytes_saved_per_1000_characters) == (0, 0)
    assert costs.tokens_per_1000_characters == 800


def test_costs_of_16384_rows_on_8b_are_exact() -> None:
    costs = costs_of(SHAPE, 16_384, base_tokens=800, tokens=600, characters=1000)
    assert costs.parameters_added == 2 * 16_384 * 4096 == 134_217_728
    assert costs.bytes_added == 256 << 20
    assert costs.parameters_added_share == pytest.approx(134_217_728 / 8_030_261_248)
    assert costs.head_flops_added_per_token == 2 * 16_384 * 4096
    assert costs.flops_per_character == pytest.approx(0.6 * 2 * (LAYERS_8B + (128_256 + 16_384) * 4096))
    before = 0.8 * 2 * (LAYERS_8B + 128_256 * 4096)
    assert costs.flops_saved_per_character == pytest.approx(before - costs.flops_per_character)
    assert costs.flops_saved_share == pytest.approx(1 - costs.flops_per_character / before)
    assert costs.tokens_saved_per_1000_characters == 200
    assert costs.cache_bytes_saved_per_1000_characters == 200 * 128 * 1024


def test_one_matrix_for_both_takes_half_the_rows() -> None:
    costs = costs_of(SHAPES["1b"], 1024, base_tokens=800, tokens=700, characters=1000)
    assert costs.parameters_added == 1024 * 2048
    assert costs.head_flops_added_per_token == 2 * 1024 * 2048


def test_rows_that_shorten_nothing_are_a_loss() -> None:
    costs = costs_of(SHAPE, 1024, base_tokens=800, tokens=800, characters=1000)
    assert costs.flops_saved_per_character < 0
