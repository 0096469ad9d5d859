"""The base of the aligners whose maps are learned from sums alone."""

from sktransfer._base import _BaseAligner
from sktransfer._dask import maps_blocks
from sktransfer._domains import TARGET
from sktransfer._sklearn import check_same_namespace
from sktransfer._sums import _FitsBySums


@maps_blocks
class _BaseStreamingAligner(_FitsBySums, _BaseAligner):
    """An aligner whose `fit` learns from sums over the rows of each domain too."""

    _learned = ("maps_",)

    def _fit_domains(self, sources, X_target):
        self._forget()
        self._learn_from(
            {name: self._sums_of(X) for name, X in {**sources, TARGET: X_target}.items()}
        )

    def _learn_from(self, sums):
        self._target_mean = sums[TARGET].mean
        super()._learn_from(sums)

    def transform(self, X, *, sample_domain=None):
        self._check_is_fitted()
        check_same_namespace(X, self, attribute="_target_mean", method="transform")
        return super().transform(X, sample_domain=sample_domain)

    transform.__doc__ = _BaseAligner.transform.__doc__
