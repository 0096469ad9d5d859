"""Made-up domains whose ratio of densities is known."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import norm


@dataclass(frozen=True)
class Gaussians:
    """A standard Gaussian as source, and one with this mean and deviation in each feature."""

    n_features: int
    mean: float
    deviation: float

    def draw(self, n_rows, rng):
        """Give `n_rows` rows of the source and as many of the target."""
        X_source, X_target = rng.normal(size=(2, n_rows, self.n_features))
        return X_source, self.mean + self.deviation * X_target

    def ratio(self, X):
        """Give the density of the target over that of the source."""
        logarithms = norm.logpdf(X, self.mean, self.deviation) - norm.logpdf(X)
        return np.exp(logarithms.sum(axis=1))


@dataclass(frozen=True)
class Shift:
    """A problem under covariate shift: Gaussians for both domains, and a rule for the labels."""

    name: str
    n_rows: int
    source: tuple
    target: tuple
    label: Callable

    def draw(self, seed):
        """Give rows, labels of the source; of the target's unlabelled rows; and of a test."""
        rng = np.random.default_rng(seed)
        X = [
            rng.normal(*parameters, size=(n_rows, len(parameters[0])))
            for parameters, n_rows in (
                (self.source, self.n_rows),
                (self.target, self.n_rows),
                (self.target, 1000),
            )
        ]
        return tuple((rows, self.label(rows, rng)) for rows in X)

    def ratio(self, X):
        """Give the density of the target over that of the source."""
        both = (
            norm.logpdf(X, *parameters).sum(axis=1) for parameters in (self.target, self.source)
        )
        return np.exp(np.subtract(*both))


def _noisy_sinc(X, rng):
    return np.sinc(X[:, 0]) + rng.normal(0, 0.25, size=len(X))


def _curved_classes(X, rng):
    return (rng.uniform(size=len(X)) < expit(4 * (X[:, 1] - X[:, 0] ** 2 / 2))).astype(int)


def _straight_classes(X, rng):
    return (rng.uniform(size=len(X)) < expit(4 * (X[:, 1] - X[:, 0]))).astype(int)


SINC = Shift("sinc", 150, ([1.0], [0.5]), ([2.0], [0.25]), _noisy_sinc)
NEAR, FAR = ([0.0, 0.5], [1.0, 1.0]), ([1.25, 1.0], [0.5, 0.5])
CLASSES = (
    Shift("curved border", 300, NEAR, FAR, _curved_classes),
    Shift("straight border", 300, NEAR, FAR, _straight_classes),
    Shift(
        "curved, 8 features more",
        300,
        ([*NEAR[0], *[0.0] * 8], [1.0] * 10),
        ([*FAR[0], *[0.4] * 8], [0.5, 0.5, *[0.8] * 8]),
        _curved_classes,
    ),
)
