"""Which ids end an answer: those that tokenizer, generation config and model config name, all of them together."""

from __future__ import annotations

from collections.abc import Sequence

Ids = int | Sequence[int] | None


def end_token_ids(*named: Ids) -> tuple[int, ...]:
    """Return every id that any of the places names, in order and once.

    A chat model often names the end of a text in one place and the end of a turn in another; whoever reads only one of
    them sees a model that never stops.

    >>> end_token_ids(128001, [128001, 128009], None)
    (128001, 128009)
    """
    listed = ([ids] if isinstance(ids, int) else list(ids or ()) for ids in named)
    return tuple(dict.fromkeys(id_ for ids in listed for id_ in ids if id_ is not None and id_ >= 0))
