"""The methods of `ZeroShotClassifier`: their solutions and their scores of classes."""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from sktransfer._kernels.offset_logistic import fit_with_offset
from sktransfer._kernels.prototypes import unit_rows
from sktransfer._kernels.zero_shot import (
    attribute_scores,
    autoencoder_solver,
    compatibility_solver,
    decoded_scores,
    mixture_scores,
)

# Penalties to choose from, relative to the mean eigenvalue. The first of equally good ones is
# taken: those near 1.
WIDE = (1.0, 10.0, 0.1, 100.0, 0.01, 1000.0, 0.001)
NARROW = (1.0, 0.1, 0.01)


class Learned(NamedTuple):
    """The coefficients of a method, and the centered descriptions of the seen classes.

    `coef` has a row for each feature, and a column for each attribute, or for each seen class.
    """

    coef: np.ndarray
    intercept: np.ndarray
    descriptions: np.ndarray


class Compatibility:
    """ESZSL, with weights times half the number of classes, so that scores keep their scale."""

    grid = tuple(
        sorted(((a, b) for a in WIDE for b in WIDE), key=lambda pair: np.abs(np.log(pair)).sum())
    )

    def __init__(self, X, codes, S):
        self._solve, self._S = compatibility_solver(X, codes, S), S
        self._units = len(X) / X.shape[1], len(S) / S.shape[1]

    def learn(self, alpha, description_alpha):
        """Return the solution for these penalties."""
        rows, classes = self._units
        coef = self._solve(alpha * rows, description_alpha * classes) * len(self._S) / 2
        return Learned(coef, np.zeros(coef.shape[1]), self._S)

    @staticmethod
    def scores(learned, X, S_new):
        """Return the score of each row for each description."""
        return X @ learned.coef @ S_new.T

    @staticmethod
    def write_scores(graph, learned, rows, S_new):
        """Write the nodes of `scores`."""
        return graph.add("MatMul", rows, learned.coef @ S_new.T)


class Autoencoder:
    """SAE, by decoded descriptions."""

    grid = tuple((alpha, 1.0) for alpha in WIDE)

    def __init__(self, X, codes, S):
        self._solve, self._S = autoencoder_solver(X, codes, S), S

    def learn(self, alpha, description_alpha):
        """Return the solution for this weight of the encoder."""
        coef = self._solve(alpha)
        return Learned(coef, np.zeros(coef.shape[1]), self._S)

    @staticmethod
    def scores(learned, X, S_new):
        """Return the score of each row for each description."""
        return decoded_scores(X, learned.coef, S_new)

    @staticmethod
    def write_scores(graph, learned, rows, S_new):
        """Write the nodes of `scores`."""
        decoded = unit_rows(S_new @ learned.coef.T)
        return graph.add("MatMul", graph.unit_rows(rows), decoded.T)


class _Logistic:
    grid = tuple((alpha, 1.0) for alpha in NARROW)

    def __init__(self, X, codes, S):
        self._X, self._codes, self._S = X, codes, S
        self._start = None

    def learn(self, alpha, description_alpha):
        """Return the solution for this penalty, started at the last one."""
        truth = self._truth()
        if self._start is None:
            self._start = np.zeros((self._X.shape[1] + 1, truth.shape[1]))
        penalty = alpha * len(self._X) / self._X.shape[1]
        blocks = [
            fit_with_offset(
                self._X,
                truth[:, block],
                np.zeros((len(truth), block.stop - block.start)),
                np.ones(len(truth)),
                penalty=penalty,
                fit_intercept=True,
                start=self._start[:, block],
                tol=1e-5,
                max_iter=200,
            )[0]
            for block in self._blocks(truth.shape[1])
        ]
        self._start = np.concatenate(blocks, axis=1)
        return Learned(self._start[:-1], self._start[-1], self._S)


class Attributes(_Logistic):
    """DAP: a logistic model for each attribute."""

    def _truth(self):
        return (self._S > 0).astype(float)[self._codes]

    def _blocks(self, n_columns):
        return [slice(column, column + 1) for column in range(n_columns)]

    @staticmethod
    def scores(learned, X, S_new):
        """Return the score of each row for each description."""
        logits = X @ learned.coef + learned.intercept
        return attribute_scores(logits, (learned.descriptions > 0).mean(axis=0), S_new)

    @staticmethod
    def write_scores(graph, learned, rows, S_new):
        """Write the nodes of `scores`."""
        share = (learned.descriptions > 0).mean(axis=0)
        varies = (share > 0) & (share < 1)
        has, share = (S_new[:, varies] > 0).astype(float), share[varies]
        coef, intercept = learned.coef[:, varies], learned.intercept[varies]
        logits = graph.affine(coef, intercept, rows=rows)
        yes = graph.add("MatMul", graph.log_expit(logits), has.T)
        no = graph.add("MatMul", graph.log_expit(graph.add("Neg", logits)), (1 - has).T)
        constant = np.log(share) @ has.T + np.log1p(-share) @ (1 - has).T
        return graph.add("Sub", graph.add("Add", yes, no), constant)


class Mixture(_Logistic):
    """ConSE: a softmax model of the seen classes."""

    def _truth(self):
        return np.eye(len(self._S))[self._codes]

    def _blocks(self, n_columns):
        return [slice(0, n_columns)]

    @staticmethod
    def scores(learned, X, S_new):
        """Return the score of each row for each description."""
        probabilities = softmax(X @ learned.coef + learned.intercept, axis=1)
        return mixture_scores(probabilities, learned.descriptions, S_new)

    @staticmethod
    def write_scores(graph, learned, rows, S_new):
        """Write the nodes of `scores`."""
        chances = graph.add("Softmax", graph.affine(learned.coef, learned.intercept, rows=rows))
        mixed = graph.unit_rows(graph.add("MatMul", chances, learned.descriptions))
        return graph.add("MatMul", mixed, unit_rows(S_new).T)


METHODS = {"eszsl": Compatibility, "sae": Autoencoder, "dap": Attributes, "conse": Mixture}
