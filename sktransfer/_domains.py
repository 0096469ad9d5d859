"""Which rows are source and which are target, and which task a row is of.

:func:`read_sample_domain` and :func:`read_tasks` are the only functions that read
``sample_domain``.
"""

from collections.abc import Collection
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sktransfer._containers import as_array, is_present
from sktransfer._messages import listed
from sktransfer._sklearn import _safe_indexing

TARGET = "target"

_HOW_TO_NAME = (
    f"write {TARGET!r} for a target row and the name of its source for any other "
    "(or a negative integer for a target row and a positive one for a source row)"
)


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
    _check_entries(values, n_samples)
    if not n_samples:
        return Domains((), np.empty(0, dtype=np.intp))
    names, codes = _encode(values)
    if require_target and not (codes < 0).any():
        raise ValueError(
            f"sample_domain has no target row, only the sources {list(names)}; {_HOW_TO_NAME}."
        )
    return Domains(names, codes)


def read_tasks(sample_domain: ArrayLike | None, n_samples: int) -> Domains:
    """Read `sample_domain` as tasks: any hashable value names one, and no target row is needed.

    Parameters
    ----------
    sample_domain : array-like of shape (n_samples,) or None
        ``"target"``, or one negative number, marks a row of the target task. Any other value that
        is hashable is the name of the row's task. ``None``: every row is a target row.
    n_samples : int
        The number of rows of `X`, which must be the number of entries.

    Returns
    -------
    tasks : Domains
        Its `sources` are the names of tasks as they were given, sorted if they have one type.

    Raises
    ------
    ValueError
        On a wrong length or shape, missing values, a value that is not hashable, or several
        different negative numbers.

    Examples
    --------
    >>> from sktransfer._domains import read_tasks
    >>> read_tasks([7, 0, -1, 7], 4)
    Domains(sources=(0, 7), codes=array([ 1,  0, -1,  1]))
    """
    if sample_domain is None:
        return Domains((), np.full(n_samples, -1))
    if isinstance(sample_domain, list | tuple):  # an array of tuples would have two dimensions
        values = np.fromiter(sample_domain, dtype=object, count=len(sample_domain))
    else:
        values = _as_vector(sample_domain)
    _check_entries(values, n_samples)
    marks, codes = _distinct(values)
    negative = sorted(mark for mark in marks if _is_number(mark) and mark < 0)
    if len(negative) > 1:
        raise ValueError(
            f"sample_domain holds the negative numbers {listed(negative)}, and a negative number "
            f"marks a row of the target task; write {TARGET!r} for these rows, or pass the names "
            "of tasks as strings."
        )
    _check_spelling([mark for mark in marks if isinstance(mark, str) and mark != TARGET])
    is_target = [mark in negative or (isinstance(mark, str) and mark == TARGET) for mark in marks]
    names = [mark for mark, target in zip(marks, is_target, strict=True) if not target]
    order = {name: k for k, name in enumerate(_sorted(names))}
    places = [-1 if target else order[mark] for mark, target in zip(marks, is_target, strict=True)]
    return Domains(tuple(order), np.array(places, dtype=np.intp)[codes])


def _distinct(values):
    """Return the distinct values of an array as a list, and the place of each row's in it."""
    if values.dtype.kind in "biufUS":
        marks, codes = np.unique(values, return_inverse=True)
        return marks.tolist(), codes
    places = {}
    try:
        codes = [places.setdefault(value, len(places)) for value in values]
    except TypeError:
        kinds = sorted({type(value).__name__ for value in values})
        raise ValueError(
            f"sample_domain holds values of type {', '.join(kinds)}, which are not all hashable; "
            "name each task by a string, a number or a tuple."
        ) from None
    return list(places), np.array(codes, dtype=np.intp)


def _sorted(names):
    try:
        return sorted(names)
    except TypeError:  # of several types
        return sorted(names, key=lambda name: (type(name).__name__, repr(name)))


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool | np.bool)


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


def _check_entries(values, n_samples):
    """Raise ValueError on a wrong number of entries, or on missing values."""
    if len(values) != n_samples:
        raise ValueError(
            f"sample_domain has {len(values)} entries, but X has {n_samples} rows; "
            "pass one entry a row."
        )
    if not is_present(values).all():
        raise ValueError(f"sample_domain has missing values; {_HOW_TO_NAME}.")


def _check_spelling(sources):
    """Raise ValueError if a name is the target's but for spaces or case."""
    misspelt = [name for name in sources if name.strip().casefold() == TARGET]
    if misspelt:
        raise ValueError(
            f"sample_domain names the sources {misspelt}; did you mean {TARGET!r}? {_HOW_TO_NAME}."
        )


def _encode(values):
    """Give the sorted source names and the codes of a 1-D array of domain marks."""
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
    _check_spelling(sources)
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
