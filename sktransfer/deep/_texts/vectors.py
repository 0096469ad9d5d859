"""Tables of word vectors: the built-in one, and files of GloVe, word2vec, fastText and NumPy."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sktransfer._messages import cause, shown
from sktransfer.deep._cache.file_digest import signature
from sktransfer.deep._networks.recent import Recent

# A file with more values than these is refused: they take 4 GiB.
MOST_VALUES = 2**30

_TABLES = Recent(4)


@dataclass(frozen=True, eq=False)
class WordTable:
    """Word vectors in memory: the row of each word, float32 vectors, and a hash of both."""

    places: dict
    vectors: np.ndarray
    digest: str


def read_table(path):
    """Read a table of word vectors; a file that was read before is known by its stamps.

    The file is ``.npz`` with ``words`` and ``vectors``, or with the ``table``, ``scale`` and
    ``words`` of the built-in file. It may also be ``.txt`` or ``.vec`` with a word and its numbers
    a line, after a line with both counts or without one.
    """
    path = Path(path)
    return _TABLES.get((str(path), signature(path)), lambda: _read(path))


def _read(path):
    try:
        words, vectors = (_read_npz if path.suffix == ".npz" else _read_text)(path)
        vectors = np.ascontiguousarray(vectors)
        places = _check(words, vectors)
    except (FileNotFoundError, PermissionError):
        raise
    except Exception as error:  # a damaged archive raises anything
        reason = str(error) if isinstance(error, _Unusable) else cause(error)
        raise ValueError(
            f"{shown(str(path))} holds no word vectors that can be used ({reason}): expected a "
            "word and its numbers on each line, or an '.npz' file with words and vectors."
        ) from error
    digest = hashlib.sha256("\n".join(words).encode())
    digest.update(vectors)
    return WordTable(places, vectors, digest.hexdigest())


class _Unusable(ValueError):
    """A sentence of ours about a file that could be read."""


def _read_npz(path):
    if not zipfile.is_zipfile(path):
        raise _Unusable("it is no '.npz' file")
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > 4 * MOST_VALUES:
            raise _Unusable("it is larger than 4 GiB")
    with np.load(path, allow_pickle=False) as arrays:
        if "words" not in arrays or not {"vectors", "table"} & set(arrays):
            raise _Unusable(f"it has the arrays {', '.join(sorted(arrays))}")
        words = arrays["words"]
        if words.dtype == np.uint8:
            words = words.tobytes().decode().split("\n")
        elif words.dtype.kind == "U" and words.ndim == 1:
            words = words.tolist()
        else:
            raise _Unusable(f"its words are of dtype {words.dtype} and shape {words.shape}")
        if "vectors" in arrays:
            return words, arrays["vectors"].astype(np.float32)
        table, scale = arrays["table"], arrays["scale"]
        return words, table.astype(np.float32) * scale.astype(np.float32)[:, np.newaxis]


def _read_text(path):
    """The words and vectors of a text file, in which a word may hold spaces."""
    words, rows, n_features = [], [], None
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines):
            parts = line.rstrip("\r\n ").split(" ")
            if number == 0 and len(parts) == 2 and all(part.isdecimal() for part in parts):
                n_features = int(parts[1])
                continue
            if not line.strip():
                continue
            n_features = len(parts) - 1 if n_features is None else n_features
            if n_features < 1 or len(parts) <= n_features:
                raise _Unusable(
                    f"line {number + 1} has {len(parts)} parts, expected a word and "
                    f"{n_features} numbers"
                )
            try:
                row = np.array(parts[-n_features:], dtype=np.float32)
            except ValueError:
                raise _Unusable(f"line {number + 1} holds a value that is no number") from None
            words.append(" ".join(parts[:-n_features]))
            rows.append(row)
            if len(rows) * n_features > MOST_VALUES:
                raise _Unusable("it is larger than 4 GiB")
    return words, np.array(rows, dtype=np.float32)


def _check(words, vectors):
    """The row of each word; the first one counts if a word comes twice."""
    if vectors.ndim != 2 or len(vectors) != len(words) or 0 in vectors.shape:
        raise _Unusable(f"it has {len(words)} words and vectors of shape {vectors.shape}")
    if not np.isfinite(vectors).all():
        row = np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0]
        raise _Unusable(f"the vector of {shown(words[row])} is not finite")
    places = {}
    for place, word in enumerate(words):
        places.setdefault(word, place)
    return places
