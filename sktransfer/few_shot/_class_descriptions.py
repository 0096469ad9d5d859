"""Descriptions of classes: from a table, a dict of vectors or a dict of texts to a matrix."""

from collections.abc import Mapping

import numpy as np

from sktransfer._messages import cause, listed, shown
from sktransfer._word_vectors import text_vectors

_EXPECTED = (
    "expected a dict from each class to its numbers or to a text, or a DataFrame with a row for "
    "each class, indexed by class"
)


def read_descriptions(class_descriptions):
    """Return the described classes and their descriptions.

    Parameters
    ----------
    class_descriptions : dict or DataFrame
        As in `ZeroShotClassifier`.

    Returns
    -------
    names : list
        The classes, as Python objects.
    descriptions : ndarray of shape (n_classes, n_attributes), dtype float64

    Raises
    ------
    TypeError
        If it is no dict and no DataFrame.
    ValueError
        If descriptions are no finite numbers, have different lengths, or if texts hold no known
        word.
    """
    if isinstance(class_descriptions, Mapping):
        names, values = list(class_descriptions), list(class_descriptions.values())
    elif hasattr(class_descriptions, "index") and hasattr(class_descriptions, "to_numpy"):
        names, values = list(class_descriptions.index), class_descriptions.to_numpy()
    else:
        raise TypeError(f"class_descriptions={shown(class_descriptions)}: {_EXPECTED}.")
    names = [name.item() if isinstance(name, np.generic) else name for name in names]
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"class_descriptions describes {listed(twice)} more than once; keep one row a class."
        )
    if len(values) and all(isinstance(value, str) for value in values):
        return names, _from_texts(names, values)
    return names, _from_numbers(names, values)


def _from_texts(names, texts):
    vectors = text_vectors(texts)
    unknown = [name for name, vector in zip(names, vectors, strict=True) if not vector.any()]
    if unknown:
        raise ValueError(
            f"class_descriptions has texts without a word that the built-in table knows, those of "
            f"{listed(unknown)}; use common English words, or pass numbers."
        )
    return vectors


def _from_numbers(names, values):
    try:
        matrix = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"class_descriptions holds descriptions that make no table of numbers ({cause(error)});"
            f" {_EXPECTED}, all of one length."
        ) from error
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ValueError(
            f"class_descriptions makes a table of shape {matrix.shape}; {_EXPECTED}, all of one "
            "length."
        )
    bad = [name for name, row in zip(names, matrix, strict=True) if not np.isfinite(row).all()]
    if bad:
        raise ValueError(
            f"class_descriptions has missing or infinite values for {listed(bad)}; fill them in, "
            "or leave out the attribute."
        )
    return matrix
