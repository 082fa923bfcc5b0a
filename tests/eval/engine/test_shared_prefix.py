"""Batches behind shared prefixes: every input once, prefixes really shared, tokens saved."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hanhua.eval.engine.shared_prefix import MIN_GROUP_ITEMS, MIN_SHARED_TOKENS, count_tokens, plan_batches


@st.composite
def families(draw: st.DrawFn) -> list[tuple[int, ...]]:
    """Return inputs that share long beginnings in groups, some of which begin with one another."""
    inputs = []
    for _ in range(draw(st.integers(0, 4))):
        stem = tuple(draw(st.integers(0, 3)) for _ in range(draw(st.integers(0, 80))))
        ends = draw(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), max_size=8))
        inputs += [stem + tuple(end) for end in ends]
    return inputs


@settings(deadline=None)
@given(inputs=families(), batch_size=st.integers(1, 5), scored=st.integers(1, 3))
def test_every_input_once_behind_what_it_shares(inputs: list[tuple[int, ...]], batch_size: int, scored: int) -> None:
    inputs = [ids for ids in inputs if len(ids) >= scored]
    batches = plan_batches(inputs, scored=[scored] * len(inputs), batch_size=batch_size)
    assert sorted(i for batch in batches for i in batch.items) == list(range(len(inputs)))
    prefixes: dict[int, set[tuple[int, ...]]] = {}
    for batch in batches:
        assert 1 <= len(batch.items) <= batch_size
        assert batch.prefix_tokens == 0 or batch.prefix_tokens >= MIN_SHARED_TOKENS
        assert all(len(inputs[i]) - batch.prefix_tokens >= scored for i in batch.items)
        prefixes.setdefault(batch.group, set()).update(inputs[i][: batch.prefix_tokens] for i in batch.items)
    assert all(len(found) == 1 for found in prefixes.values())
    processed = count_tokens(batches, [len(ids) for ids in inputs])
    assert sum(processed) <= sum(map(len, inputs))


def test_subjects_share_their_shots_and_not_the_line_above_them() -> None:
    heading = tuple(range(40))
    subjects = [heading + tuple(range(start, start + 400)) for start in (1000, 2000)]
    inputs = [(*subject, 9000 + n, 1) for subject in subjects for n in range(10)]
    batches = plan_batches(inputs, scored=[1] * 20, batch_size=4)
    assert {batch.prefix_tokens for batch in batches} == {440}
    assert sum(count_tokens(batches, [442] * 20)) == 2 * 440 + 20 * 2


def test_too_few_or_too_short_is_not_shared() -> None:
    long = tuple(range(100))
    few = [(*long, 200 + n) for n in range(MIN_GROUP_ITEMS - 1)]
    short = [(*long[: MIN_SHARED_TOKENS - 1], 300 + n) for n in range(9)]
    for inputs in (few, short):
        batches = plan_batches(inputs, scored=[1] * len(inputs), batch_size=8)
        assert {batch.prefix_tokens for batch in batches} == {0}
