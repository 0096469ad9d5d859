"""A folder of features as an array that is read when it is asked for."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np

from sktransfer._extras import install_command
from sktransfer._messages import shown
from sktransfer.deep._shards.part import differences, features_of, read_facts, read_rows
from sktransfer.deep._shards.place import place_of

# Footers that are read at once: each waits for the storage.
FOOTERS_AT_ONCE = 16


def load_features(
    folder: str | os.PathLike, *, storage_options: dict | None = None
) -> "StoredFeatures":
    """Open a folder that `store_features` has filled; features are read when they are asked for.

    Only the footers of the parts are read, and checked. The folder is one of plain Parquet files,
    which Arrow, Dask, DuckDB, Polars and Spark read as well.

    Parameters
    ----------
    folder : str or os.PathLike
        The path of the folder, or its address for fsspec, such as "s3://bucket/features".
    storage_options : dict or None, default=None
        The options of fsspec for the address.

    Returns
    -------
    features : StoredFeatures
        The parts that are there now, in the order of their names. The report of `store_features`
        says whether any is missing.

    Raises
    ------
    FileNotFoundError
        If there is no part in the folder.
    ValueError
        If a part is damaged, or parts are of different networks, stages or other settings.

    See Also
    --------
    store_features : Fills the folder.

    Examples
    --------
    >>> import tempfile
    >>> from sktransfer import PretrainedTextExtractor, load_features, store_features
    >>> texts = {"a": ["rain and wind", "a sunny day"], "b": ["snow"]}
    >>> embed = PretrainedTextExtractor().fit(texts["a"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = store_features(embed, texts, folder)
    ...     X = load_features(folder)
    ...     X.shape, X.to_numpy(parts=0).shape, X.keys.tolist()
    ((3, 50), (2, 50), ['0', '1', '0'])
    """
    place = place_of(folder, storage_options)
    sizes = place.parts()
    with ThreadPoolExecutor(FOOTERS_AT_ONCE) as threads:
        found = threads.map(lambda name: read_facts(place, name, sizes[name]), sizes)
        facts = dict(zip(sizes, found))
    if not facts:
        raise FileNotFoundError(
            f"folder={shown(str(folder))} has no features: fill it by store_features."
        )
    damaged = [name for name, known in facts.items() if known is None]
    if damaged:
        raise ValueError(
            f"folder={shown(str(folder))} has {len(damaged)} damaged files, the first "
            f"{shown(damaged[0])}: run store_features again, or delete them."
        )
    context = next(iter(facts.values())).context
    for name, known in facts.items():
        if known.context != context:
            raise ValueError(
                f"folder={shown(str(folder))} mixes features: {shown(name)} has "
                f"{differences(known.context, context)}. Delete the files of one of them."
            )
    return StoredFeatures(place, context, {name: known.n_rows for name, known in facts.items()})


class StoredFeatures:
    """Features in a folder, as a two-dimensional array that is read when it is asked for.

    ``np.asarray`` reads all of them, and so do estimators. The rows of a part are in the order of
    its shard, and parts in the order of their names. To find a row, use its key.

    Parameters
    ----------
    place : object
        The folder, as `load_features` opened it.
    context : dict of str to str
        The network, the stage and all else that the features depend on.
    n_rows : dict of str to int
        The number of rows of each part, by the names of the parts.
    """

    ndim = 2

    def __init__(self, place, context: dict[str, str], n_rows: dict[str, int]):
        self._place = place
        self._n_rows = n_rows
        self.context = context

    @property
    def parts(self) -> list[str]:
        """The names of the parts, in order."""
        return list(self._n_rows)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and of features."""
        return sum(self._n_rows.values()), int(self.context["n_features"])

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the features."""
        return np.dtype(self.context["dtype"])

    @cached_property
    def keys(self) -> np.ndarray:
        """The names of the items, an array of str objects of shape (n_rows,)."""
        return self._column("key")

    @cached_property
    def faults(self) -> np.ndarray:
        """The reason why an item has no features, or None; objects of shape (n_rows,)."""
        return self._column("fault")

    @property
    def readable(self) -> np.ndarray:
        """Whether a row has features, bool of shape (n_rows,)."""
        return np.equal(self.faults, None)

    def __len__(self):
        return self.shape[0]

    def __repr__(self):
        n_rows, n_features = self.shape
        return (
            f"<StoredFeatures: {n_rows} rows of {n_features} features, {self.dtype}, in "
            f"{len(self._n_rows)} parts of {shown(self._place.address)}>"
        )

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("copy=False: features are in files, and reading them makes an array.")
        return self.to_numpy().astype(dtype or self.dtype, copy=False)

    def to_numpy(self, parts: int | str | Sequence | None = None) -> np.ndarray:
        """Read features into memory.

        Parameters
        ----------
        parts : int, str, sequence of these, or None, default=None
            The parts by their place from 0 or their name; None: all.

        Returns
        -------
        features : ndarray of shape (n_rows, n_features)
            NaN for items without features.
        """
        names = self._names(parts)
        n_rows = sum(self._n_rows[name] for name in names)
        features, start = np.empty((n_rows, self.shape[1]), self.dtype), 0
        for name in names:
            for table in read_rows(self._place, name, ["features"]):
                features[start : start + len(table)] = features_of(table)
                start += len(table)
        return features

    def to_arrow(self, parts: int | str | Sequence | None = None) -> Any:
        """Read keys, digests, features and faults into memory.

        Parameters
        ----------
        parts : int, str, sequence of these, or None, default=None
            As for `to_numpy`.

        Returns
        -------
        table : pyarrow.Table
            With the columns ``key`` (str), ``digest`` (16 bytes of a hash of the content; null if
            it could not be read), ``features`` (lists of one length) and ``fault`` (str or null).
        """
        from pyarrow import concat_tables

        from sktransfer.deep._shards.part import schema_of

        tables = [schema_of(self.shape[1], self.dtype).empty_table()]
        for name in self._names(parts):
            tables += read_rows(self._place, name, None)
        return concat_tables(tables)

    def to_dask(self) -> Any:
        """Return a Dask array with a block of rows for each part, which its tasks read.

        Returns
        -------
        features : dask.array.Array of shape (n_rows, n_features)
        """
        try:
            import dask
            import dask.array
        except ImportError:
            raise ImportError(
                f"to_dask needs dask, which is not installed; run {install_command('dask')}."
            ) from None
        read = dask.delayed(self.to_numpy, pure=False)
        blocks = [
            dask.array.from_delayed(read(name), (n_rows, self.shape[1]), self.dtype)
            for name, n_rows in self._n_rows.items()
        ]
        return dask.array.concatenate(blocks)

    def _names(self, parts):
        if parts is None:
            return self.parts
        asked, known = [parts] if isinstance(parts, (int, str)) else list(parts), self.parts
        places = range(-len(known), len(known))
        unknown = [
            part
            for part in asked
            if part not in (self._n_rows if isinstance(part, str) else places)
        ]
        if unknown:
            raise ValueError(
                f"parts={shown(parts)}: there is no part {shown(unknown[0])}; expected names of "
                f"`parts`, or numbers from 0 to {len(known) - 1}."
            )
        return [part if isinstance(part, str) else known[part] for part in asked]

    def _column(self, name):
        values = [
            value
            for part in self._n_rows
            for table in read_rows(self._place, part, [name])
            for value in table.column(name).to_pylist()
        ]
        return np.array([*values, None], dtype=object)[:-1]
