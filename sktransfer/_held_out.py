"""Find source rows that a cross-validation holds out and then scores as target rows.

A scorer calls ``predict(X_test)`` without domains. One fit cannot know these rows, but in the fits
of the other folds they were source rows. The clones of a pipeline share a record of that.
"""

import numpy as np

# Rows that are recorded at most; more would cost time and memory.
_MOST_ROWS = 50_000

# Rows that are looked up first: most calls have new rows, and pay for these few alone.
_FEW_ROWS = 50


class RowRecord:
    """The domain of each row in the fits of a pipeline and its clones; it is not pickled.

    Attributes
    ----------
    marks : dict of int -> int
        The hash of a row -> the position of its source, -1 for a target row.
    fits : dict of int -> int
        The hash of a row -> the fits that had it, a bit for each.
    """

    def __init__(self):
        self.forget()

    def __reduce__(self):
        return RowRecord, ()

    def forget(self):
        self.sources, self.marks, self.fits, self.n_fits = (), {}, {}, 0

    def add_fit(self, X, domains):
        """Record the rows of a fit; return its number, None if they cannot be told apart.

        A row of another domain than before shows that these are other data: the record starts
        again.
        """
        keys = _keys(X)
        if keys is None:
            return None
        marks = {}
        for key, code in zip(keys, domains.codes.tolist()):
            marks[key] = min(code, marks.get(key, code))  # a target row, if it is one anywhere
        other_data = any(self.marks.get(key, code) != code for key, code in marks.items())
        if domains.sources != self.sources or other_data or len(self.marks) > _MOST_ROWS:
            self.forget()
        self.sources = domains.sources
        number, self.n_fits = self.n_fits, self.n_fits + 1
        self.marks |= marks
        for key in marks:
            self.fits[key] = self.fits.get(key, 0) | 1 << number
        return number

    def count_held_out(self, X, number):
        """Count the source rows of other fits, if no row of `X` was in the fit of that number.

        The answer is 0 if none of some 50 evenly spaced rows is such a row.
        """
        if self.n_fits < 2 or number is None:
            return 0
        for every in (False, True):
            keys = _keys(X, every=every)
            if keys is None or any(self.fits.get(key, 0) >> number & 1 for key in keys):
                return 0
            found = sum(self.marks.get(key, -1) >= 0 for key in keys)
            if not found:
                return 0
        return found


def _keys(X, *, every=True):
    """Return a hash of each row, or of some, of a matrix of numbers; None for anything else."""
    values = X.to_numpy() if hasattr(X, "to_numpy") else X
    is_matrix = isinstance(values, np.ndarray) and values.ndim == 2 and values.dtype.kind in "fiub"
    if not is_matrix or len(values) > _MOST_ROWS:
        return None
    some = values if every else values[:: max(1, len(values) // _FEW_ROWS)]
    return [hash(row.tobytes()) for row in np.ascontiguousarray(some)]
