"""Scores against labels that held gaps."""

from sklearn.base import is_classifier

from sktransfer._labels import read_truth


class _ScoresLabelsAlone:
    """Scores rows whose labels come out of an array of objects that held missing values.

    Must precede ``ClassifierMixin`` or ``RegressorMixin``, whose `score` this is.
    """

    def score(self, X, y, sample_weight=None):
        """Give the accuracy of a classifier, or the coefficient of determination of a regressor.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.
        y : array-like of shape (n_samples,)
            Their true labels, one for each row. They may be objects, as labels with gaps are in
            training: here they are read with the dtype that they alone would have.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts. None is equally.

        Returns
        -------
        score : float
            :func:`~sklearn.metrics.accuracy_score` or :func:`~sklearn.metrics.r2_score`.

        Raises
        ------
        ValueError
            When a row has no label.
        """
        y = read_truth(y, discrete=is_classifier(self))
        return super().score(X, y, sample_weight=sample_weight)
