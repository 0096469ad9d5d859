"""One Parquet file of features: its columns, what its footer says, and how it is written."""

import contextlib
import json
from typing import NamedTuple

import numpy as np

from sktransfer._messages import shown
from sktransfer.deep._files import DIGEST_SIZE
from sktransfer.deep._shards.place import import_store

# Raise it when the columns change.
FORMAT = "1"

_ABOUT = b"sktransfer"


class PartFacts(NamedTuple):
    """What the footer of a part says.

    Parameters
    ----------
    context : dict of str to str
        All that the features depend on, but for the items.
    input : dict
        The facts of the shard that they were made of.
    n_rows, n_faults : int
        The number of its rows, and of those without features.
    """

    context: dict
    input: dict
    n_rows: int
    n_faults: int


def read_facts(place, name, size):
    """Return the `PartFacts` of a part of so many bytes; None if it is damaged or not ours."""
    if size is None:
        return None
    parquet = import_store("pyarrow", "pyarrow.parquet")
    try:
        with place.open(name) as stream:
            footer = parquet.read_metadata(stream)
        about = json.loads(footer.metadata[_ABOUT])
        if _end(footer) != size or about.pop("format") != FORMAT:
            return None
        return PartFacts(n_rows=footer.num_rows, **about)
    except Exception:  # a damaged file raises anything
        return None


def _end(footer):
    """Return the size of the whole file that a footer describes."""
    end = 4
    if footer.num_row_groups:
        group = footer.row_group(footer.num_row_groups - 1)
        column = group.column(group.num_columns - 1)
        starts = column.dictionary_page_offset, column.data_page_offset
        end = min(start for start in starts if start) + column.total_compressed_size
    return end + footer.serialized_size + 8


def schema_of(n_features, dtype):
    """Return the columns of a part."""
    pa = import_store("pyarrow")
    value = pa.field("element", pa.from_numpy_dtype(dtype), nullable=False)
    return pa.schema(
        [
            pa.field("key", pa.string(), nullable=False),
            pa.field("digest", pa.binary(DIGEST_SIZE)),
            pa.field("features", pa.list_(value, n_features), nullable=False),
            pa.field("fault", pa.string()),
        ]
    )


@contextlib.contextmanager
def writing(place, name, *, context, input):
    """Yield a function that adds rows to a part, which is there when the ``with`` ends.

    ``add(keys, digests, features, faults)`` takes the columns as sequences, features as an array.
    """
    pa, parquet = import_store("pyarrow"), import_store("pyarrow", "pyarrow.parquet")
    schema = schema_of(int(context["n_features"]), context["dtype"])
    n_faults = 0

    def add(keys, digests, features, faults):
        nonlocal n_faults
        values = pa.array(np.ascontiguousarray(features).reshape(-1))
        columns = [
            pa.array([_as_utf8(key) for key in keys], pa.string()),
            pa.array(digests, pa.binary(DIGEST_SIZE)),
            pa.FixedSizeListArray.from_arrays(values, type=schema.field("features").type),
            pa.array(faults, pa.string()),
        ]
        writer.write_batch(pa.record_batch(columns, schema=schema))
        n_faults += sum(fault is not None for fault in faults)

    with (
        place.writing(name) as stream,
        # Features are noise to any compression.
        parquet.ParquetWriter(
            stream,
            schema,
            compression={"key": "zstd", "fault": "zstd"},
            use_dictionary=["fault"],
            write_statistics=["key"],
            write_page_checksum=True,
        ) as writer,
    ):
        yield add
        about = {"format": FORMAT, "context": context, "input": input, "n_faults": n_faults}
        writer.add_key_value_metadata({_ABOUT.decode(): json.dumps(about)})


def read_rows(place, name, columns, *, rows_at_once=4096):
    """Yield tables of some columns of a part, row by row in order."""
    pa, parquet = import_store("pyarrow"), import_store("pyarrow", "pyarrow.parquet")
    with place.open(name) as stream:
        file = parquet.ParquetFile(stream, page_checksum_verification=True)
        for batch in file.iter_batches(rows_at_once, columns=columns):
            yield pa.Table.from_batches([batch])


def features_of(table):
    """Return the features of a table as an array (n, n_features)."""
    column = table.column("features")
    flat = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    values = np.concatenate(flat) if flat else np.empty(0, column.type.value_type.to_pandas_dtype())
    return values.reshape(-1, column.type.list_size)


def differences(found, wanted):
    """Return how two contexts differ, as half a sentence; empty if they do not."""
    names = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
    return "; ".join(
        f"{name}={shown(found.get(name))}, not {shown(wanted.get(name))}" for name in names
    )


def _as_utf8(text):
    return text.encode("utf-8", "backslashreplace").decode()
