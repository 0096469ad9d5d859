"""The containers that texts may be in: lists, arrays and columns."""

from scipy.sparse import issparse

from sktransfer._containers import as_array, is_missing
from sktransfer._messages import shown


def validate_texts(X):
    """Return the items of a sequence of texts as a list, unchanged; not all of them need be texts.

    One text, several columns, and a sequence without rows or order are errors.
    """
    if isinstance(X, str | bytes):
        raise ValueError(
            f"X is one text of type {type(X).__name__}, expected a sequence of texts: pass a "
            "list, [X]."
        )
    if issparse(X):
        raise TypeError("X is sparse, expected a sequence of texts: pass a list of str.")
    items = list(X) if isinstance(X, list | tuple) else _from_container(X)
    if not items:
        raise ValueError(f"X is an empty {type(X).__name__}, expected one text or more.")
    return items


def _from_container(X):
    array = as_array(X, name="X")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        hint = ""
        if array.ndim == 2 and hasattr(X, "columns"):
            hint = ", in a ColumnTransformer for example"
        if array.dtype.kind in "biufc":
            raise ValueError(
                f"X has the shape {array.shape} and holds numbers, but the network reads texts, as "
                "backbone='words' does: pass a sequence of texts, or for images a network that "
                "reads them, such as backbone='glyphs'."
            )
        raise ValueError(
            f"X has the shape {array.shape}, expected a sequence of texts: select one column of "
            f"texts{hint}."
        )
    return array.tolist()


def fault_of(item):
    """Return why an item is no text that can be read, or None if it is one."""
    if isinstance(item, str):
        try:
            item.encode()
        except UnicodeEncodeError as error:
            return f"is no valid Unicode: {shown(item[error.start])} at {error.start}"
        return None
    if is_missing(item):
        return f"is missing: {shown(item)}"
    return f"is no text but of type {type(item).__name__}"
