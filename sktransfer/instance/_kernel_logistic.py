"""The default classifier between domains: logistic regression on Gaussian kernels."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

N_LANDMARKS = 300


class KernelLogisticRegression(ClassifierMixin, BaseEstimator):
    """Fit a logistic regression on Gaussian kernels to landmarks, with scaled features.

    The features are scaled to variance 1. The width of the kernel is ``sqrt(n_features)``, and the
    landmarks are 300 random rows (Nystroem's method). The log-odds are smooth but not linear.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=None
        Draws the landmarks.
    """

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        """Fit on validated rows, dense or sparse."""
        kernels = Nystroem(
            gamma=0.5 / X.shape[1],
            n_components=min(N_LANDMARKS, X.shape[0]),
            random_state=self.random_state,
        )
        scaler = StandardScaler(with_mean=False)  # no kernel depends on an offset
        self.pipeline_ = make_pipeline(scaler, kernels, LogisticRegression()).fit(X, y)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        """Return the probability of each class."""
        return self.pipeline_.predict_proba(X)

    def predict(self, X):
        """Return the class of each row."""
        return self.pipeline_.predict(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
