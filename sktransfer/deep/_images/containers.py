"""The containers that a user's X may be: arrays, lists, columns, tables and other sequences."""

from collections.abc import Iterable, Mapping
from numbers import Number, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from sktransfer._containers import is_missing
from sktransfer._messages import cause, shown
from sktransfer.deep._files import plain_item
from sktransfer.deep._images.sources import check_pixels, is_encoded
from sktransfer.deep._items import Unreadable


def validate_images(estimator, X, *, reset, on_error="raise"):
    """Check X, and return it as an array of 2 to 4 dimensions, or as a list of items.

    ``n_features_in_`` and ``feature_names_in_`` are set and checked for rows of pixels only; for
    images ``reset=True`` removes those that an earlier fit has left. ``on_error="nan"`` lets arrays
    with NaN or infinity pass.
    """
    _refuse_other_kinds(estimator, X)
    items = _find_items(X)
    if items is None:
        X = _validate_numbers(estimator, X, reset=reset, finite=on_error == "raise")
    else:
        X = items
    if reset and (items is not None or X.ndim > 2):
        vars(estimator).pop("n_features_in_", None)
        vars(estimator).pop("feature_names_in_", None)
    return X


def _validate_numbers(estimator, X, *, reset, finite):
    if not _is_table(X):
        X = _as_array(X)
    if getattr(X, "ndim", 2) <= 2:
        return validate_data(estimator, X, reset=reset, ensure_all_finite=finite)
    X = check_array(X, allow_nd=True, estimator=estimator, input_name="X", ensure_all_finite=finite)
    try:
        check_pixels(np.zeros(X.shape[1:], X.dtype))
    except Unreadable as reason:
        raise ValueError(
            f"X of shape {X.shape} holds no images: each is {reason}. Pass (n, h, w) or "
            "(n, h, w, c)."
        ) from None
    _refuse_one_image(X)
    return X


def _refuse_other_kinds(estimator, X):
    """Refuse containers that cannot be a sequence of images."""
    kind = type(X).__name__
    if issparse(X):
        raise TypeError(
            f"{type(estimator).__name__} does not take sparse X: pass dense rows of pixels, "
            "X.toarray() for example."
        )
    if is_encoded(X):
        raise ValueError(f"X is a single {kind}, expected a sequence of images: pass a list, [X].")
    is_array = hasattr(X, "__array__")
    indexed = hasattr(X, "__getitem__") and not isinstance(X, Mapping)
    if not indexed and not is_array and not isinstance(X, Number) and X is not None:
        hint = "pass a list, list(X) for a generator" if isinstance(X, Iterable) else "pass a list"
        raise TypeError(
            f"X is a {kind}, expected a sequence of images, with a length and an order: {hint}."
        )
    if getattr(X, "shape", None) == (0,) or (isinstance(X, (list, tuple)) and not X):
        raise ValueError(f"X is an empty {kind}, expected a sequence of images: pass one or more.")


def _refuse_one_image(X):
    """Refuse (h, w, c), which would be h gray images, each of w rows of c pixels."""
    if X.ndim == 3 and X.shape[2] <= 4 and min(X.shape[:2]) > X.shape[2]:
        n, height, width = X.shape
        kind = {1: "grey", 2: "grey and alpha"}.get(width, "colour")
        raise ValueError(
            f"X of shape {X.shape} looks like one {kind} image, expected several: pass [X] or "
            f"X[np.newaxis], or X[..., np.newaxis] if it holds {n} grey images of {height} x "
            f"{width} pixels."
        )


def _is_table(X):
    """Tell whether X has named columns: a data frame, or a table of Arrow."""
    named = hasattr(X, "columns") or hasattr(X, "column_names")
    return named and len(getattr(X, "shape", ())) == 2


def _find_items(X):
    """Return X as a list if it holds paths, bytes, file objects, pictures or arrays, else None."""
    if _is_table(X):
        X = _only_column(X)
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == 1:
        X = X[:, 0]
    listed = _listed(X)
    if not listed:
        return None
    listed = [plain_item(item) for item in listed]
    if not all(map(_is_numeric, listed)):
        _refuse_pairs(X, listed)
        return listed
    # If nothing is there, it is no row of numbers either.
    missing = all(map(is_missing, listed)) and not all(isinstance(item, Real) for item in listed)
    return listed if missing else None


def _as_array(X):
    """Convert nested lists and array-likes to arrays; leave arrays and scalars as they are."""
    if isinstance(X, np.ndarray):
        return X
    if not (hasattr(X, "__array__") or _is_sequence(X)):
        return X
    try:
        return np.asarray(X if hasattr(X, "__array__") else _listed(X))
    except Exception as error:  # tensors on other devices raise TypeError, unequal lists ValueError
        if not hasattr(X, "__array__"):
            raise ValueError(
                "X is a list of lists of unequal lengths: pass a list of arrays (h, w) or "
                "(h, w, c), one an image, or of bytes, one a file."
            ) from error
        raise ValueError(
            f"X is a {type(X).__name__} that cannot become a NumPy array ({cause(error)}): pass an "
            "array, X.detach().cpu().numpy() for a tensor."
        ) from error


def _only_column(X):
    """The column that holds images; None for a table of numbers."""
    arrow = type(X).__module__.startswith("pyarrow")
    names = list(X.columns if hasattr(X, "columns") and not arrow else X.column_names)
    get = X.column if arrow else X.__getitem__
    found = [name for name in names if not all(map(_is_numeric, _listed(get(name)[:1]) or []))]
    if found and len(names) > 1:
        raise ValueError(
            f"X has {len(names)} columns, of which {shown(found)} hold text, files or images: "
            "select one column of images, in a ColumnTransformer for example."
        )
    return get(names[0]) if len(names) == 1 else None


def _is_sequence(X):
    return hasattr(X, "__getitem__") and hasattr(X, "__len__") and not isinstance(X, Mapping)


def _listed(X):
    """The items of a list, a column or another sequence; None for numbers that are an array."""
    if X is None:
        return None
    if isinstance(X, np.ndarray):
        return list(X) if X.ndim == 1 and X.dtype.kind in "OUST" else None
    if isinstance(X, (list, tuple)):
        return list(X)
    if hasattr(X, "to_pylist"):
        return X.to_pylist()
    if len(getattr(X, "shape", ())) == 1:
        for method in ("to_list", "tolist"):
            if hasattr(X, method):
                return getattr(X, method)()
    if not _is_sequence(X) or hasattr(X, "__array__") or hasattr(X, "shape"):
        return None
    return [X[position] for position in range(len(X))]


def _is_numeric(item):
    """Tell whether an item is a number, a row of numbers, or nothing."""
    if is_encoded(item):
        return False
    if hasattr(item, "__array__"):
        return getattr(item, "ndim", 0) < 2
    if isinstance(item, (list, tuple)):
        return not any(is_encoded(part) or getattr(part, "ndim", 0) >= 2 for part in item)
    return isinstance(item, Number) or is_missing(item)


def _refuse_pairs(X, items):
    """Refuse pairs of an image and its label, as torch's data sets hold them."""
    first = items[0]
    if isinstance(first, (list, tuple)):
        raise ValueError(
            f"X is a {type(X).__name__} whose items are of type {type(first).__name__}, expected a "
            "sequence of images: pass the images alone, [item[0] for item in X] for pairs of an "
            "image and a label."
        )
