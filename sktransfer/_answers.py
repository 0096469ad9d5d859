"""The methods by which a fitted transfer pipeline answers, with or without the rows' domains."""

from sklearn.base import is_classifier, is_regressor
from sklearn.utils.metaestimators import available_if

from sktransfer._dask import transform_blocks
from sktransfer._held_out import RowRecord
from sktransfer._labels import read_truth
from sktransfer._lazy import is_dask, refuse_lazy
from sktransfer._messages import warn
from sktransfer._routing import call
from sktransfer._sklearn import _final_estimator_has, _num_samples, can_transform, last_step
from sktransfer._steps import read_domains
from sktransfer.exceptions import TransferWarning


class AnswersByDomain:
    """Give a subclass of Pipeline methods that take `sample_domain`."""

    def __sklearn_clone__(self):
        """Return a clone with the same record of rows, as the folds of a cross-validation do."""
        self._record = getattr(self, "_record", None) or RowRecord()
        copied = super().__sklearn_clone__()
        copied._record = self._record
        return copied

    def _note_rows(self, X, domains):
        """Record the rows of a fit, if it is that of a clone on rows of sources."""
        has_record = hasattr(self, "_record") and bool(domains.sources)
        self._fit_number = self._record.add_fit(X, domains) if has_record else None

    def _warn_of_held_out_sources(self, X):
        number = getattr(self, "_fit_number", None)
        found = self._record.count_held_out(X, number) if number is not None else 0
        if found:
            warn(
                f"{found} of these {_num_samples(X)} rows, which count as target rows here, are "
                "source rows in other fits of this pipeline, so an ordinary splitter holds source "
                "rows out and the score is wrong. Pass cv=TargetFold(5) and groups=sample_domain.",
                TransferWarning,
            )

    def _call(self, method, X, args, sample_domain, params):
        """Call a method of the fitted pipeline on rows of the domains `sample_domain`."""
        refuse_lazy(type(self).__name__, X=X, sample_domain=sample_domain)
        if sample_domain is None and method != "transform":
            self._warn_of_held_out_sources(X)
        if sample_domain is None:
            return getattr(super(), method)(X, *args, **params)
        read_domains(sample_domain, _num_samples(X), last_step=last_step(self))
        for _, step in self.steps[:-1]:
            if step is not None and step != "passthrough":
                X = call(step.transform, X, sample_domain=sample_domain)
        last = last_step(self)
        if last == "passthrough":
            return X
        return call(getattr(last, method), X, *args, sample_domain=sample_domain, **params)

    @available_if(can_transform)
    def transform(self, X, *, sample_domain=None, **params):
        """Map rows by every step; without `sample_domain` they are target rows.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Rows of any domain that `fit` has seen. An array or a data frame of Dask is mapped
            lazily.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.
        **params : dict of str -> object
            As in :meth:`sklearn.pipeline.Pipeline.transform`.

        Returns
        -------
        X_mapped : ndarray of shape (n_samples, n_features_out)
            The mapped rows.
        """
        if is_dask(X):
            return transform_blocks(self, X, sample_domain)
        return self._call("transform", X, (), sample_domain, params)

    @available_if(_final_estimator_has("predict"))
    def predict(self, X, *, sample_domain=None, **params):
        """Map rows by the middle steps and predict with the last.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Rows of any domain that `fit` has seen; without `sample_domain`, target rows.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.
        **params : dict of str -> object
            As in :meth:`sklearn.pipeline.Pipeline.predict`.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            The predictions.
        """
        return self._call("predict", X, (), sample_domain, params)

    @available_if(_final_estimator_has("predict_proba"))
    def predict_proba(self, X, *, sample_domain=None, **params):
        """Map rows by the middle steps and predict class probabilities with the last.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Rows of any domain that `fit` has seen; without `sample_domain`, target rows.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.
        **params : dict of str -> object
            As in :meth:`sklearn.pipeline.Pipeline.predict_proba`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        return self._call("predict_proba", X, (), sample_domain, params)

    @available_if(_final_estimator_has("predict_log_proba"))
    def predict_log_proba(self, X, *, sample_domain=None, **params):
        """Map rows by the middle steps and predict log-probabilities with the last.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Rows of any domain that `fit` has seen; without `sample_domain`, target rows.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.
        **params : dict of str -> object
            As in :meth:`sklearn.pipeline.Pipeline.predict_log_proba`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        return self._call("predict_log_proba", X, (), sample_domain, params)

    @available_if(_final_estimator_has("decision_function"))
    def decision_function(self, X, *, sample_domain=None, **params):
        """Map rows by the middle steps and give the last one's decision function.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Rows of any domain that `fit` has seen; without `sample_domain`, target rows.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.
        **params : dict of str -> object
            As in :meth:`sklearn.pipeline.Pipeline.decision_function`.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The decision function.
        """
        return self._call("decision_function", X, (), sample_domain, params)

    @available_if(_final_estimator_has("score"))
    def score(self, X, y=None, sample_weight=None, *, sample_domain=None, **params):
        """Map rows by the middle steps and score with the last.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Rows of any domain that `fit` has seen; without `sample_domain`, target rows.
        y : array-like of shape (n_samples,), default=None
            Their true labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, if the last step's ``score`` takes them.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.
        **params : dict of str -> object
            As in :meth:`sklearn.pipeline.Pipeline.score`.

        Returns
        -------
        score : float
            The last step's score.
        """
        if sample_weight is not None:
            params = params | {"sample_weight": sample_weight}
        if y is not None and (is_classifier(self) or is_regressor(self)):
            y = read_truth(y, discrete=is_classifier(self))
        return self._call("score", X, (y,), sample_domain, params)
