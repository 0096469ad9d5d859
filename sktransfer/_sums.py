"""The base of the estimators whose statistics are sums: rows in batches, in parts, in blocks."""

from abc import abstractmethod
from copy import copy

from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sktransfer._dask import reduce_blocks
from sktransfer._domains import TARGET, read_sample_domain
from sktransfer._kernels.streaming import merged, sums
from sktransfer._magnitude import NUMERICAL_ERRORS, numerical_error
from sktransfer._messages import listed, warn
from sktransfer._sklearn import _fit_context, get_namespace_and_device

_OF_COLUMNS = ("n_features_in_", "feature_names_in_")


class _FitsBySums:
    """Learn from sums over the rows of each domain, of all rows at once, of batches or of parts.

    A concrete class writes `_learn`, which sets the attributes that it names in `_learned`, and
    `_sums_of` and `_merged` if it needs other sums. Sums and maps are arrays of the library of the
    rows, on their device. `fit` keeps no sums. After `partial_fit` there are only sums, and the
    attributes are computed from them when they are first asked for.
    """

    __metadata_request__partial_fit = {"sample_domain": True}

    _fits_blocks = True

    _learned = ()

    # Known before the sums: their inputs.
    _given = ()

    _merged = staticmethod(merged)

    def _sums_of(self, X):
        """Return the sums of the rows `X` of one domain, one row at least."""
        return sums(X)

    @staticmethod
    def _take(X, rows):
        """Return the selected rows, as a view if they are contiguous: nothing here writes to
        them."""
        if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
            return X[int(rows[0]) : int(rows[-1]) + 1, :]
        if issparse(X):
            return X[rows]
        xp, _, device = get_namespace_and_device(X)
        return xp.take(X, xp.asarray(rows, device=device), axis=0)

    @abstractmethod
    def _learn(self, sources, target):
        """Learn from the sums of each source, by its name, and of the target."""

    def _check_by_sums(self, method):
        """Raise ValueError if the parameters make this fit no fit by sums."""

    def _forget(self):
        for name in ("_sums", *self._learned):
            vars(self).pop(name, None)

    def _learn_from(self, sums):
        self._learn({name: sums[name] for name in self.source_domains_}, sums[TARGET])

    def _fit_blocks(self, X, y, sample_domain):
        self._check_by_sums("fit of a lazy collection")
        part = clone(self)
        self._copy_to(part, self._given)
        found = reduce_blocks(_part_of, type(self).merge, X, sample_domain, estimator=part)
        for name in _OF_COLUMNS:
            vars(self).pop(name, None)
        found._copy_to(self, _OF_COLUMNS)
        sums = found._sums
        self.source_domains_ = found.source_domains_
        needed = self._needs.min_domain_rows if self.source_domains_ else self._needs.min_rows
        short = self._short(sums, needed)
        if short:
            raise ValueError(
                f"{type(self).__name__} needs at least {needed} rows of every domain in "
                f"sample_domain, but X has {short}; add rows, leave that domain out, or correct its"
                " name."
            )
        self._forget()
        try:
            self._learn_from(sums)
        except NUMERICAL_ERRORS as error:
            raise numerical_error(error, self) from error

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, *, sample_domain=None):
        """Add a batch of rows to all that `partial_fit` has seen before.

        The domains may come in any order and in batches of any size, also of no row. The result
        equals that of `fit` on all rows, up to rounding. It is computed when it is first asked
        for. `fit` keeps nothing that rows could be added to, so the first `partial_fit` after it
        starts again.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of one domain or of several, float64 or float32.
        y : None
            Ignored; here for API consistency.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`. A batch may have no target rows. None: every row
            is a target row.

        Returns
        -------
        self : object
            The estimator.

        Warns
        -----
        UserWarning
            After `fit`, whose result is then discarded.
        """
        self._check_by_sums("partial_fit")
        begun = "_sums" in vars(self)
        seen = dict(self._sums) if begun else {}
        X = self._read_rows(X, reset=not begun, ensure_min_samples=0)
        domains = read_sample_domain(sample_domain, X.shape[0], require_target=False)
        if not begun and any(name in vars(self) for name in self._learned):
            warn(
                f"{type(self).__name__}.partial_fit continues only what partial_fit began: what fit"
                " has learned is forgotten, and this batch is the first; pass the rows of fit to "
                "partial_fit as well if they are to count.",
                UserWarning,
            )
        for name in (*domains.sources, TARGET):
            rows = self._take(X, domains.rows(name))
            if rows.shape[0]:
                batch = self._sums_of(rows)
                seen[name] = self._merged(seen[name], batch) if name in seen else batch
        self._set_sums(seen)
        return self

    def merge(self, other):
        """Return an estimator that has seen the rows of both.

        Parts of the rows may be read by different processes or machines, each by `partial_fit` of
        an estimator of its own. Merged in any order, as by ``functools.reduce(CORALAligner.merge,
        parts)``, they give the result of `fit` on all rows, up to rounding. A part may have no row
        at all, or rows of some of the domains only.

        Parameters
        ----------
        other : estimator of the same class
            With the same parameters and columns. Both must have been fitted by `partial_fit` or
            `merge`, because `fit` keeps no sums.

        Returns
        -------
        merged : estimator of the same class
            A new estimator, which `partial_fit` and `merge` may continue. Neither of the two is
            changed.

        Raises
        ------
        TypeError
            If `other` is of another class.
        ValueError
            If its parameters or columns are others, or if one of the two has no sums.
        """
        self._check_part(other)
        found = clone(self)
        self._copy_to(found, (*_OF_COLUMNS, *self._given))
        together = dict(self._sums)
        for name, part in other._sums.items():
            together[name] = self._merged(together[name], part) if name in together else part
        found._set_sums(together)
        return found

    def _copy_to(self, other, names):
        vars(other).update({name: vars(self)[name] for name in names if name in vars(self)})

    def _set_sums(self, sums):
        self._forget()
        self._sums = sums
        self.source_domains_ = tuple(sorted(set(sums) - {TARGET}))

    def _check_part(self, other):
        """Raise an error if `other` cannot be merged with this estimator."""
        kind = type(self).__name__
        if type(other) is not type(self):
            raise TypeError(
                f"{kind}.merge takes another {kind}, but other is of type {type(other).__name__}; "
                f"fit each part by {kind}.partial_fit."
            )
        without = [
            name for name, part in (("self", self), ("other", other)) if "_sums" not in vars(part)
        ]
        if without:
            raise ValueError(
                f"{kind}.merge adds sums over rows, and there are none in {' and '.join(without)}; "
                "fit each part by partial_fit, because fit keeps no sums."
            )
        mine, theirs = self.get_params(), other.get_params()
        differ = [name for name in mine if not _same(mine[name], theirs[name])]
        if differ:
            found = ", ".join(f"{name}={mine[name]!r} and {theirs[name]!r}" for name in differ)
            raise ValueError(
                f"{kind}.merge takes parts of the same parameters, but these have {found}; fit each"
                " part with the parameters of the first."
            )
        columns = [
            list(getattr(part, "feature_names_in_", range(part.n_features_in_)))
            for part in (self, other)
        ]
        if columns[0] != columns[1]:
            found = " and ".join(listed(each, limit=150) for each in columns)
            raise ValueError(
                f"{kind}.merge takes parts of the same columns, but these have {found}; select the "
                "same columns in the same order in each part."
            )

    def __getattr__(self, name):
        """Learn from the sums of `partial_fit` when a result is first asked for."""
        if name in type(self)._learned and "_sums" in vars(self):
            self._catch_up()
        return super().__getattribute__(name)

    def _check_is_fitted(self):
        super()._check_is_fitted()
        if "_sums" in vars(self):
            self._catch_up()

    def _catch_up(self):
        """Learn from the sums of `partial_fit`; raise an error that names a domain with too few
        rows."""
        if all(name in vars(self) for name in self._learned):
            return
        needed = self._needs.min_domain_rows if self.source_domains_ else self._needs.min_rows
        short = self._short(self._sums, needed)
        if short:
            raise NotFittedError(  # a ValueError, and an AttributeError
                f"{type(self).__name__} needs at least {needed} rows of every domain, but "
                f"partial_fit has seen {short}; pass more rows to partial_fit first."
            )
        try:
            self._learn_from(self._sums)
        except NUMERICAL_ERRORS as error:
            raise numerical_error(error, self) from error

    @staticmethod
    def _short(sums, needed):
        """Return the domains of fewer rows than `needed` as text."""
        counts = {TARGET: 0} | {name: part.n_samples for name, part in sums.items()}
        return ", ".join(f"{count} of {name!r}" for name, count in counts.items() if count < needed)


def _part_of(estimator, X, sample_domain):
    """Return an estimator that has seen the rows `X`, on a worker."""
    return copy(estimator).partial_fit(X, sample_domain=sample_domain)


def _same(first, second):
    """Tell whether two values of a parameter are equal."""
    if first is second:
        return True
    try:
        return type(first) is type(second) and bool(first == second)
    except ValueError:  # arrays
        return repr(first) == repr(second)
