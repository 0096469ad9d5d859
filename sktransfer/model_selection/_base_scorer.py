"""The base of scorers without target labels: the domains of the rows, and hidden labels."""

from abc import ABC, abstractmethod
from inspect import signature

import numpy as np
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.validation import check_consistent_length

from sktransfer._domains import read_sample_domain
from sktransfer._labels import hide_labels, is_labelled
from sktransfer._messages import warn
from sktransfer._sklearn import _num_samples, _safe_indexing, validate_parameter_constraints
from sktransfer.exceptions import TransferWarning


class _BaseDomainScorer(ABC):
    """Score a fitted estimator by source rows with labels and target rows without.

    A concrete scorer writes `_score_rows`, which never sees a label of a target row.
    """

    _parameter_constraints: dict = {}

    # Whether it reads the labels of source rows; otherwise `y` may be None.
    _reads_labels = True

    @abstractmethod
    def _score_rows(self, estimator, X, y, domains):
        """Return the score, a float; greater is better.

        `X` has labelled source rows and target rows, `y` is an array in which the labels of target
        rows are missing, and `domains` is a `Domains`. A scorer that reads no labels may get no
        source row, and None for `y`.
        """

    def __repr__(self):
        parameters = signature(type(self)).parameters
        given = {name: repr(getattr(self, name)) for name in parameters}
        given = [
            f"{n}={value}" for n, value in given.items() if value != repr(parameters[n].default)
        ]
        return f"{type(self).__name__}({', '.join(given)})"

    def __call__(self, estimator, X, y, *, sample_domain=None):
        """Score a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator.
        X : array-like of n_samples rows
            Source rows that the estimator was not fitted on, and target rows.
        y : array-like of shape (n_samples,)
            Labels; those of target rows are not read, and may be missing.
        sample_domain : array-like of shape (n_samples,)
            ``"target"`` for a target row, else the name of the row's source domain (or integers:
            negative target, positive source).

        Returns
        -------
        score : float
            Greater is better.

        Raises
        ------
        ValueError
            If there is no domain, no target row, or no labelled source row.
        """
        name = type(self).__name__
        if sample_domain is None:
            raise ValueError(
                f"{name} reads the domain of each row, but sample_domain is None: pass it. In a "
                "search or a cross-validation, sklearn.set_config(enable_metadata_routing=True) "
                "lets it reach the scorer."
            )
        validate_parameter_constraints(
            self._parameter_constraints,
            {parameter: getattr(self, parameter) for parameter in self._parameter_constraints},
            caller_name=name,
        )
        domains = read_sample_domain(sample_domain, _num_samples(X))
        if not self._reads_labels:
            return float(self._score_rows(estimator, X, None, domains))
        if y is None:
            raise ValueError(f"{name} reads the labels of source rows, but y is None: pass y.")
        check_consistent_length(X, y)
        self._check_source(y, domains)
        return float(self._score_rows(estimator, X, hide_labels(y, domains.is_target), domains))

    def _check_source(self, y, domains):
        """Raise an error if no source row has a label, and warn if some have none."""
        name = type(self).__name__
        labelled = is_labelled(y)[~domains.is_target]
        if not labelled.any():
            raise ValueError(
                f"{name} scores by labelled source rows, but these {len(domains.codes)} rows have "
                "none: pass some. In a search, cv=TransductiveFold(5) does."
            )
        if not labelled.all():
            warn(
                f"{np.sum(~labelled)} of {len(labelled)} source rows have no label, so that "
                f"{name} scores by the others alone. Pass rows with labels; in a search, "
                "cv=TransductiveFold(5) holds only such rows out.",
                TransferWarning,
            )

    def get_metadata_routing(self):
        """Return the request for `sample_domain`, so that searches hand it on.

        Returns
        -------
        routing : MetadataRequest
            The request of scikit-learn's metadata routing.
        """
        request = MetadataRequest(owner=self)
        request.score.add_request(param="sample_domain", alias=True)
        return request


class _BaseTargetScorer(_BaseDomainScorer):
    """Score a fitted estimator by target rows alone.

    A concrete scorer writes `_score_target`.
    """

    _reads_labels = False

    @abstractmethod
    def _score_target(self, estimator, X):
        """Return the score of an estimator on target rows, a float; greater is better."""

    def _score_rows(self, estimator, X, y, domains):
        return self._score_target(estimator, _safe_indexing(X, np.flatnonzero(domains.is_target)))
