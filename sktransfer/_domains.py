"""Which rows are source, which are target, and which are labelled: decided here alone.

:func:`read_sample_domain` is the only function that reads ``sample_domain``, and
:func:`is_labelled` the only one that decides whether a row has a label.
"""

from collections.abc import Collection
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sktransfer._containers import as_array, missing_objects, take
from sktransfer._sklearn import _safe_indexing

TARGET = "target"

_HOW_TO_NAME = (
    f"write {TARGET!r} for a target row and the name of its source for any other "
    "(or a negative integer for a target row and a positive one for a source row)"
)

# What missing labels turn into when NumPy, or somebody, casts them to text.
MISSING_AS_TEXT = ("nan", "None", "<NA>")

# The width, at least, of the texts that NumPy makes of numbers and strings in one array.
_WIDTH_OF_NUMBERS = 32


@dataclass(frozen=True, eq=False)
class Domains:
    """The domain of each row, as `read_sample_domain` returns it.

    Parameters
    ----------
    sources : tuple of str
        The names of the source domains, sorted, so that their order never depends on that of rows.
    codes : ndarray of shape (n_samples,), dtype intp
        -1 for a target row, else the position of its source in `sources`.

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer.base import read_sample_domain
    >>> domains = read_sample_domain(["lab", "target", "lab"], 3)
    >>> domains.is_target
    array([False,  True, False])
    >>> domains.rows("lab")
    array([0, 2])
    >>> domains.split(np.array([[5.0], [6.0], [7.0]]))
    ({'lab': array([[5.],
           [7.]])}, array([[6.]]))
    """

    sources: tuple[str, ...]
    codes: np.ndarray

    @property
    def is_target(self) -> np.ndarray:
        """Mask of the target rows, an ndarray of shape (n_samples,) and dtype bool."""
        return self.codes < 0

    def rows(self, name: str) -> np.ndarray:
        """Return the indices of the rows of a domain.

        Parameters
        ----------
        name : str
            The name of a source, or ``"target"``.

        Returns
        -------
        indices : ndarray of int
        """
        code = -1 if name == TARGET else self.sources.index(name)
        return np.flatnonzero(self.codes == code)

    def split(self, X: Any) -> tuple[dict[str, Any], Any]:
        """Return the rows of each domain.

        Parameters
        ----------
        X : array-like of n_samples rows

        Returns
        -------
        sources : dict of str -> rows of `X`
            The rows of each source.
        X_target : rows of `X`
            The rows of the target.
        """
        sources = {name: _safe_indexing(X, self.rows(name)) for name in self.sources}
        return sources, _safe_indexing(X, self.rows(TARGET))

    def check_known(self, known_sources: Collection[str], *, estimator_name: str) -> None:
        """Raise ValueError if a source is not among those that ``fit`` has seen.

        Parameters
        ----------
        known_sources : sequence of str
            The names of the sources in ``fit``.
        estimator_name : str
            The name of the estimator in the message.
        """
        unknown = [name for name in self.sources if name not in known_sources]
        if unknown:
            seen = f"seen {list(known_sources)}" if known_sources else "seen no source row"
            raise ValueError(
                f"sample_domain names the source domains {unknown}, but {estimator_name}.fit has "
                f"{seen}; fit with rows of these sources, or leave sample_domain out for target"
                " rows."
            )

    def check_rows(self, minimum: int, *, estimator_name: str) -> None:
        """Raise ValueError if a domain has fewer than `minimum` rows.

        Parameters
        ----------
        minimum : int
        estimator_name : str
            The name of the estimator in the message.
        """
        counts = {name: int(np.sum(self.codes == k)) for k, name in enumerate(self.sources)}
        counts[TARGET] = int(np.sum(self.codes < 0))
        short = {name: count for name, count in counts.items() if count < minimum}
        if short:
            found = ", ".join(f"{name!r} has {count}" for name, count in short.items())
            raise ValueError(
                f"{estimator_name} needs at least {minimum} rows of every domain in sample_domain: "
                f"{found}; add rows, leave that domain out, or correct its name."
            )


def read_sample_domain(
    sample_domain: ArrayLike | None, n_samples: int, *, require_target: bool = True
) -> Domains:
    """Read `sample_domain`, in any of its spellings.

    Parameters
    ----------
    sample_domain : array-like of shape (n_samples,) or None
        ``"target"`` marks a target row, any other string names the source of the row. Signed
        integers are read too: negative is target, positive is the source of that number.
        ``None``: every row is a target row.
    n_samples : int
        The number of rows of `X`, which must be the number of entries.
    require_target : bool, default=True
        Whether to raise an error if no row is a target row.

    Returns
    -------
    domains : Domains

    Raises
    ------
    ValueError
        On a wrong length or shape, zeros, booleans, floats, missing values, a mixture of strings
        and integers, or no target row.

    Examples
    --------
    >>> from sktransfer.base import read_sample_domain
    >>> read_sample_domain([1, -1, 2, 1], 4)
    Domains(sources=('1', '2'), codes=array([ 0, -1,  1,  0]))
    """
    if sample_domain is None:
        return Domains((), np.full(n_samples, -1))
    values = _as_vector(sample_domain)
    if len(values) != n_samples:
        raise ValueError(
            f"sample_domain has {len(values)} entries, but X has {n_samples} rows; "
            "pass one entry a row."
        )
    names, codes = _encode(values)
    if require_target and n_samples and not (codes < 0).any():
        raise ValueError(
            f"sample_domain has no target row, only the sources {list(names)}; {_HOW_TO_NAME}."
        )
    return Domains(names, codes)


def _as_vector(sample_domain):
    """Return `sample_domain` as a 1-D array; a list keeps its elements' own types."""
    if isinstance(sample_domain, str):
        raise ValueError(
            f"sample_domain={sample_domain!r} is one string; pass an array with one entry a row: "
            f"{_HOW_TO_NAME}."
        )
    if isinstance(sample_domain, list | tuple):
        values = np.asarray(sample_domain, dtype=object)
    else:
        values = as_array(sample_domain, name="sample_domain")
    if values.ndim != 1:
        raise ValueError(
            f"sample_domain has shape {values.shape}; pass a one-dimensional array with one entry "
            f"a row: {_HOW_TO_NAME}."
        )
    return values


def _encode(values):
    """Give the sorted source names and the codes of a 1-D array of domain marks."""
    if not _is_present(values).all():
        raise ValueError(f"sample_domain has missing values; {_HOW_TO_NAME}.")
    if values.dtype.kind == "O":
        values = _from_objects(values)
    if values.dtype.kind == "U":
        marks, codes = np.unique(values, return_inverse=True)
        names = [str(mark) for mark in marks]
    elif values.dtype.kind in "iu":
        if (values == 0).any():
            raise ValueError(f"sample_domain has zeros, which name no domain; {_HOW_TO_NAME}.")
        marks, codes = np.unique(values, return_inverse=True)
        names = [TARGET if mark < 0 else str(mark) for mark in marks]
    else:
        raise ValueError(
            f"sample_domain has dtype {values.dtype}, expected strings or signed integers; "
            f"{_HOW_TO_NAME}."
        )
    sources = tuple(sorted(set(names) - {TARGET}))
    misspelt = [name for name in sources if name.strip().casefold() == TARGET]
    if misspelt:
        raise ValueError(
            f"sample_domain names the sources {misspelt}; did you mean {TARGET!r}? {_HOW_TO_NAME}."
        )
    position = {name: k for k, name in enumerate(sources)} | {TARGET: -1}
    return sources, np.array([position[name] for name in names], dtype=np.intp)[codes]


def _from_objects(values):
    """Turn an object array of only strings or only integers into an array of that type."""
    if all(isinstance(value, str) for value in values):
        return values.astype(str)
    if all(
        isinstance(value, Integral) and not isinstance(value, bool | np.bool) for value in values
    ):
        return values.astype(np.int64)
    kinds = sorted({type(value).__name__ for value in values})
    raise ValueError(
        f"sample_domain holds values of type {', '.join(kinds)}, expected only strings or only "
        f"integers; {_HOW_TO_NAME}."
    )


def read_labels(y):
    """Return labels, in any container, as a NumPy array in which missing values stay missing.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)

    Returns
    -------
    labels : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        As :func:`~sktransfer._containers.as_array` returns them.

    Raises
    ------
    ValueError
        If labels are missing values that were turned into text, as in `is_labelled`.
    """
    _refuse_missing_as_text(y)
    return as_array(y)


def is_labelled(y: Any) -> np.ndarray:
    """Return which rows have a label.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        In any container: lists, arrays, Series and data frames of pandas and polars, Arrow arrays.

    Returns
    -------
    mask : ndarray of shape (n_samples,), dtype bool
        False where a label (or any of a row's outputs) is a missing value.

    Raises
    ------
    ValueError
        If labels are missing values that were turned into text: 'nan', 'None' or '<NA>' in an
        array of strings or in pandas. An array of objects may have classes of such names, and an
        array of strings that is narrower than the texts that NumPy makes of numbers a class 'nan'.

    Examples
    --------
    >>> from sktransfer.base import is_labelled
    >>> is_labelled(["a", None, "b"])
    array([ True, False,  True])
    """
    return _is_present(read_labels(y))


def _is_present(values):
    """Return the mask of the rows of an array that hold no missing value."""
    if values.dtype.kind in "fcmM":
        missing = values != values
    elif values.dtype.kind == "O":
        missing = missing_objects(values)
    else:
        missing = np.zeros(values.shape, dtype=bool)
    return ~missing.reshape(len(missing), -1).any(axis=1)


def _refuse_missing_as_text(y):
    present = _texts(y)
    texts = [text for text in MISSING_AS_TEXT if text in present]
    if texts:
        raise ValueError(
            f"y holds the texts {texts}, which NumPy makes of missing values among strings; pass "
            "an object array with None where a row has no label, or stack the domains by "
            "pack_domains (in an object array a class may have such a name)."
        )


def _texts(y):
    """Return the texts among labels of a type that does not say where they come from.

    These are arrays of text and containers of pandas. An array of text narrower than the texts
    that NumPy makes of numbers was made of no number, so that a class in it may be called "nan".
    """
    kind = getattr(getattr(y, "dtype", None), "kind", "O")
    is_array = isinstance(y, np.ndarray)
    if kind not in ("UT" if is_array else "OUT") or not (is_array or hasattr(y, "isna")):
        return set()
    texts = {value for value in as_array(y).ravel().tolist() if isinstance(value, str)}
    narrow = is_array and kind == "U" and y.dtype.itemsize < 4 * _WIDTH_OF_NUMBERS
    return texts - {"nan"} if narrow else texts


def labels_alone(y: Any, mask: np.ndarray, *, discrete: bool) -> np.ndarray:
    """Return the labels of the rows in `mask`, with the dtype that they alone would have.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        In any container, as for `is_labelled`.
    mask : ndarray of shape (n_samples,), dtype bool
        Labelled rows: all of them, or some.
    discrete : bool
        Whether labels are classes. Classes that are whole numbers were only made floating point to
        hold the gaps, and come back as integers; a regression target stays as it is.

    Returns
    -------
    labels : ndarray of shape (n_labelled,) or (n_labelled, n_outputs)

    Examples
    --------
    >>> from sktransfer.base import is_labelled, labels_alone
    >>> y = [1.0, float("nan"), 0.0]
    >>> labels_alone(y, is_labelled(y), discrete=True)
    array([1, 0])
    """
    values = read_labels(y)
    labels = values[np.asarray(mask)]
    if labels.dtype.kind == "O":
        labels = _of_one_type(labels)
    if discrete and labels.dtype.kind == "f" and _are_whole(labels):
        had_gaps = not _is_present(values).all()
        labels = labels.astype(np.int64) if had_gaps else labels
    return labels


def _of_one_type(labels):
    """Return objects of one type as an array of that type, others as they are."""
    flat = labels.ravel().tolist()
    for kind in (str, bool | np.bool, Real):
        if flat and all(isinstance(value, kind) for value in flat):
            return np.asarray(flat).reshape(labels.shape)
    return labels


def _are_whole(numbers):
    return bool((np.isfinite(numbers) & (numbers == np.rint(numbers))).all())


def hide_labels(y, mask):
    """Return a copy of `y`, as an array, whose labels in the rows of `mask` are missing.

    Floating-point labels become NaN there and dates NaT. Any other label becomes None, and the
    array one of objects.
    """
    values, mask = as_array(y), np.asarray(mask)
    if values.dtype.kind not in "fmM":  # before they become objects, which may have any name
        _refuse_missing_as_text(take(y, np.flatnonzero(~mask)))
        values = values.astype(object)
    hidden = values.copy()
    hidden[mask] = {"f": np.nan, "O": None}.get(values.dtype.kind, "NaT")
    return hidden
