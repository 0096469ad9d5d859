"""The base of the linear classifiers that start from source models."""

import numpy as np

from sktransfer.parameter._labels_of_sources import _ReadsClasses


class _PredictsByScores(_ReadsClasses):
    """Predicts the class of the largest score; with two classes there is one score."""

    def _codes(self, labels, *, classes, low):
        """Return 1 for the class of a row and `low` for others, a column a class (one of two)."""
        codes = np.where(labels[:, None] == classes, 1.0, low)
        return codes[:, 1:] if len(classes) == 2 else codes

    def _columns_with_rows(self, labels, n_columns):
        """Return the columns of the classes of labels; None if these are fewer than two."""
        seen = np.isin(self.classes_, labels)
        if seen.sum() < 2:
            return None
        return np.arange(n_columns) if seen.all() else np.flatnonzero(seen)

    def _keep(self, coefficients, intercepts):
        self.coef_, self.intercept_ = coefficients.T, intercepts

    def decision_function(self, X):
        """Return the scores of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            In the order of `classes_`. With two classes, the score of the second.
        """
        scores = self._outputs(X)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The class of the largest score.
        """
        return self._best_class(self.decision_function(X))
