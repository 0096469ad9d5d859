"""The base of the aligners whose statistics are sums: rows may come in batches."""

from abc import abstractmethod

from scipy.sparse import issparse
from sklearn.exceptions import NotFittedError

from sktransfer._base import _BaseAligner
from sktransfer._domains import TARGET, read_sample_domain
from sktransfer._kernels.streaming import merged, sums
from sktransfer._magnitude import NUMERICAL_ERRORS, numerical_error
from sktransfer._messages import warn
from sktransfer._sklearn import _fit_context, check_same_namespace, get_namespace_and_device


class _BaseStreamingAligner(_BaseAligner):
    """Learn from sums over the rows of each domain, of all rows at once or of batches.

    A concrete aligner writes `_learn`, which sets the attributes that it names in `_learned`, and
    `_sums_of` and `_merged` if it needs other sums. Sums and maps are arrays of the library of the
    rows, on their device. `fit` keeps no sums. After `partial_fit` there are only sums, and the
    maps are computed from them when they are first asked for.
    """

    __metadata_request__partial_fit = {"sample_domain": True}

    _learned = ("maps_",)

    _sums_of = staticmethod(sums)
    _merged = staticmethod(merged)

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
        """Learn the maps from the sums of each source, by its name, and of the target."""

    def _fit_domains(self, sources, X_target):
        self._forget()
        self._learn_from(
            {name: self._sums_of(X) for name, X in {**sources, TARGET: X_target}.items()}
        )

    def _forget(self):
        for name in ("_sums", *self._learned):
            vars(self).pop(name, None)

    def _learn_from(self, sums):
        self._target_mean = sums[TARGET].mean
        self._learn({name: sums[name] for name in self.source_domains_}, sums[TARGET])

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, *, sample_domain=None):
        """Add a batch of rows to all that `partial_fit` has seen before.

        The domains may come in any order and in batches of any size. The result equals that of
        `fit` on all rows, up to rounding. The maps are computed when they are first asked for.
        `fit` keeps nothing that rows could be added to, so the first `partial_fit` after it starts
        again.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of one domain or of several, float64 or float32.
        y : None
            Ignored; here for API consistency.
        The domain of each row, as in `fit`. A batch may have no target rows. None: every row is a
        target row.
            is a target row.

        Returns
        -------
        self : object
            The aligner.

        Warns
        -----
        UserWarning
            After `fit`, whose result is then discarded.
        """
        seen = dict(vars(self).get("_sums", {}))
        X = self._read_rows(X, reset=not seen)
        domains = read_sample_domain(sample_domain, X.shape[0], require_target=False)
        if not seen and "maps_" in vars(self):
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
        self._forget()
        self._sums = seen
        self.source_domains_ = tuple(sorted(set(seen) - {TARGET}))
        return self

    def __getattr__(self, name):
        """Learn from the sums of `partial_fit` when a result is first asked for."""
        if name in type(self)._learned and "_sums" in vars(self):
            self._catch_up()
        return super().__getattribute__(name)

    def _catch_up(self):
        """Learn from the sums of `partial_fit`; raise an error that names a domain with too few
        rows."""
        if all(name in vars(self) for name in self._learned):
            return
        needed = self._needs.min_domain_rows if self.source_domains_ else self._needs.min_rows
        counts = {TARGET: 0} | {name: part.n_samples for name, part in self._sums.items()}
        short = [f"{count} of {name!r}" for name, count in counts.items() if count < needed]
        if short:
            raise NotFittedError(  # a ValueError, and an AttributeError
                f"{type(self).__name__} needs at least {needed} rows of every domain, but "
                f"partial_fit has seen {', '.join(short)}; pass more rows to partial_fit first."
            )
        try:
            self._learn_from(self._sums)
        except NUMERICAL_ERRORS as error:
            raise numerical_error(error, self) from error

    def transform(self, X, *, sample_domain=None):
        if "_sums" in vars(self):
            self._catch_up()
        if "_target_mean" in vars(self):
            check_same_namespace(X, self, attribute="_target_mean", method="transform")
        return super().transform(X, sample_domain=sample_domain)

    transform.__doc__ = _BaseAligner.transform.__doc__
