"""Records of Parquet and Arrow files: only the columns that are needed, and whatever is in those beside the text."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from hanhua.documents.compression import open_decompressed
from hanhua.errors import InputError

_ROWS = 1024


def read_columns(path: Path, suffix: str, wanted: Collection[str] | None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and fields of each row of a `.parquet` or `.arrow` file.

    wanted: the columns to read; None for all. A file that has none of them is read whole, so that what it has can
    be told. A value that Python has no name for (a timestamp of the year 10000) is given as Arrow writes it.
    """
    import pyarrow as pa

    with open_decompressed(path) as file:
        # Both are read from their ends or in place; a compressed wrapper has no cheap seek, so it is read whole.
        source = file if path.suffix == suffix and path.is_file() else pa.BufferReader(file.read())
        try:
            number = 0
            for batch in _batches(source, suffix, wanted):
                for fields in _rows(batch):
                    yield number, fields
                    number += 1
        except (pa.ArrowInvalid, OSError) as error:
            kind = suffix[1:].capitalize()
            raise InputError(f"{path}: not a readable {kind} file ({error})") from error


def _batches(source: Any, suffix: str, wanted: Collection[str] | None) -> Iterator[Any]:
    import pyarrow.parquet as pq

    if suffix == ".parquet":
        table = pq.ParquetFile(source)
        names = _chosen(table.schema_arrow.names, wanted)
        yield from table.iter_batches(batch_size=_ROWS, columns=names)
        return
    reader = _open_arrow(source)
    names = _chosen(reader.schema.names, wanted)
    for batch in reader:
        chosen = batch.select(names)
        for begin in range(0, chosen.num_rows, _ROWS):
            yield chosen.slice(begin, _ROWS)


def _open_arrow(source: Any) -> Any:
    """Open Arrow's stream, which is what `datasets` writes, or its file format."""
    import pyarrow as pa

    try:
        return pa.ipc.open_stream(source)
    except pa.ArrowInvalid:
        source.seek(0)
        reader = pa.ipc.open_file(source)
        return pa.RecordBatchReader.from_batches(
            reader.schema, (reader.get_batch(number) for number in range(reader.num_record_batches))
        )


def _chosen(names: list[str], wanted: Collection[str] | None) -> list[str]:
    return [name for name in names if wanted is None or name in wanted] or names


def _rows(batch: Any) -> Iterator[dict[str, Any]]:
    columns = {name: _values(batch.column(name)) for name in batch.schema.names}
    for at in range(batch.num_rows):
        yield {name: values[at] for name, values in columns.items()}


def _values(column: Any) -> list[Any]:
    import pyarrow as pa

    try:
        return column.to_pylist()  # type: ignore[no-any-return]
    except (ValueError, OverflowError):
        return [str(value) for value in column.cast(pa.string()).to_pylist()]
