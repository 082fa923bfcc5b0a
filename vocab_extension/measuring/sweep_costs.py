"""What new tokens cost a model, and what the shorter texts save it."""

from __future__ import annotations

from dataclasses import dataclass

from hanhua.vocab_extension.measuring.model_shape import BYTES_A_NUMBER, ModelShape


@dataclass(frozen=True)
class Costs:
    """Of one size for one model. FLOPs are of a forward pass, without attention to earlier tokens.

    head_flops_added: for each token, by the head's new rows. The `saved` figures are the base's minus this
    size's, so a negative one is a loss.
    """

    parameters_added: int
    bytes_added: int
    parameters_added_share: float
    head_flops_added_per_token: int
    flops_per_character: float
    flops_saved_per_character: float
    flops_saved_share: float
    tokens_per_1000_characters: float
    tokens_saved_per_1000_characters: float
    cache_bytes_per_1000_characters: float
    cache_bytes_saved_per_1000_characters: float


def costs_of(shape: ModelShape, new_tokens: int, *, base_tokens: int, tokens: int, characters: int) -> Costs:
    """Return the costs of `new_tokens` rows, for texts of so many characters, and tokens by the base and by this."""
    added = shape.matrices_of_rows * new_tokens * shape.hidden_size
    before = shape.flops_per_token() * base_tokens / characters
    after = shape.flops_per_token(new_tokens) * tokens / characters
    fewer = 1000 * (base_tokens - tokens) / characters
    length = 1000 * tokens / characters
    return Costs(
        parameters_added=added,
        bytes_added=added * BYTES_A_NUMBER,
        parameters_added_share=added / shape.parameters,
        head_flops_added_per_token=shape.flops_per_token(new_tokens) - shape.flops_per_token(),
        flops_per_character=after,
        flops_saved_per_character=before - after,
        flops_saved_share=(before - after) / before,
        tokens_per_1000_characters=length,
        tokens_saved_per_1000_characters=fewer,
        cache_bytes_per_1000_characters=length * shape.cache_bytes_per_token,
        cache_bytes_saved_per_1000_characters=fewer * shape.cache_bytes_per_token,
    )
