"""Collective matrix factorization: matrices whose rows are the same entities, fitted together.

Matrix ``d`` has the linear predictor ``eta = o_d + U V_d^T + b 1^T + 1 c_d^T`` [1]_. The factors of
an entity and its bias are one row of an array with ``k + 1`` columns, the bias last. Entities with
features ``F`` have the prior mean ``F B``. The objective is::

    sum_d w_d sum_cells (n A(eta) - s eta + a) + ridge / 2 sum_sides (|P - F B|^2 + |B|^2)

A cell of a matrix was seen ``n`` times, and its values add up to ``s``. ``A`` is the potential of
the loss, and ``a`` makes the loss 0 if ``eta`` predicts each value.

References
----------
.. [1] A. Singh, G. Gordon, "Relational Learning via Collective Matrix Factorization", KDD 2008.
   https://doi.org/10.1145/1401890.1401969
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import expit, logit, xlogy

_CHUNK = 2048  # entities whose systems are solved together
_LARGEST_EXPONENT = 500.0  # of exp in a line search; its square is still a number


class Loss(NamedTuple):
    """A loss ``A(eta) - x eta``: its potential, the derivative of it, and the inverse of that."""

    potential: Callable
    mean: Callable
    link: Callable
    lowest: Callable


def _exp(eta):
    return np.exp(np.minimum(eta, _LARGEST_EXPONENT))


LOSSES = {
    "squared": Loss(lambda eta: eta**2 / 2, lambda eta: eta, lambda x: x, lambda x: -(x**2) / 2),
    "logistic": Loss(lambda eta: np.logaddexp(0, eta), expit, logit, lambda x: 0 * x),
    "poisson": Loss(_exp, _exp, np.log, lambda x: x - xlogy(x, x)),
}


class Relation(NamedTuple):
    """A matrix by its cells: their places, number of values and sums of values.

    `columns` counts the columns of this matrix alone; `constant` is the sum of ``a`` of all values.
    """

    rows: np.ndarray
    columns: np.ndarray
    counts: np.ndarray
    sums: np.ndarray
    shape: tuple[int, int]
    weight: float
    offset: float
    constant: float


class Side(NamedTuple):
    """Entities: their factors and bias, their features, and the coefficients of the prior mean."""

    factors: np.ndarray
    features: np.ndarray
    coef: np.ndarray


def collect(rows, columns, values, shape, *, loss, weight, offset):
    """Return the `Relation` of values at `rows` and `columns`; cells may repeat."""
    places, cells = np.unique(rows * shape[1] + columns, return_inverse=True)
    counts = np.bincount(cells, minlength=len(places)).astype(np.float64)
    sums = np.bincount(cells, weights=values, minlength=len(places))
    constant = -LOSSES[loss].lowest(values).sum()
    return Relation(*np.divmod(places, shape[1]), counts, sums, shape, weight, offset, constant)


def linear_predictor(rows, columns):
    """Return ``U V^T + b + c`` of pairs: two arrays of factors and biases, one row per pair."""
    return np.sum(rows[:, :-1] * columns[:, :-1], axis=1) + rows[:, -1] + columns[:, -1]


def _predict(relation, shared, own):
    return relation.offset + linear_predictor(shared[relation.rows], own[relation.columns])


def _data_loss(relation, eta, loss):
    terms = relation.counts * LOSSES[loss].potential(eta) - relation.sums * eta
    return relation.weight * (terms.sum() + relation.constant)


def objective(relations, sides, *, loss, ridge):
    """Return the objective; `sides` are the shared entities, then the columns of each matrix."""
    shared, *own = (side.factors for side in sides)
    data = sum(
        _data_loss(relation, _predict(relation, shared, factors), loss)
        for relation, factors in zip(relations, own, strict=True)
    )
    penalty = sum(
        np.sum((side.factors - side.features @ side.coef) ** 2) + np.sum(side.coef**2)
        for side in sides
    )
    return data + ridge / 2 * penalty


def start(n_shared, relations, features, *, n_components, generator):
    """Return sides before the first step: columns have normal factors, all else is 0.

    The first matrix gets the same numbers whatever matrices follow.
    """
    sides = []
    for n_entities, columns in zip(
        [n_shared, *(relation.shape[1] for relation in relations)], features, strict=True
    ):
        factors = np.zeros((n_entities, n_components + 1))
        if sides and n_components:
            factors[:, :-1] = generator.normal(size=(n_entities, n_components)) / n_components**0.5
        sides.append(Side(factors, columns, np.zeros((columns.shape[1], n_components + 1))))
    return sides


def alternate(relations, sides, *, ridge, max_iter, tol):
    """Minimize the objective of the squared loss by alternating least squares.

    Each step minimizes over the entities of one side exactly, so that the objective never rises.

    Returns
    -------
    sides : list of Side
    curve : list of float
        The objective after each iteration.
    converged : bool
        Whether an iteration lowered the objective by less than `tol` of it.
    """
    matrices = [
        tuple(
            csr_array((data, (relation.rows, relation.columns)), shape=relation.shape)
            for data in (relation.counts, relation.sums - relation.offset * relation.counts)
        )
        for relation in relations
    ]
    turned = [tuple(each.T.tocsr() for each in pair) for pair in matrices]
    weights = [relation.weight for relation in relations]
    curve = []
    for _ in range(max_iter):
        own = [side.factors for side in sides[1:]]
        parts = [(*pair, *rest) for pair, *rest in zip(matrices, own, weights, strict=True)]
        shared = _best_side(parts, sides[0], ridge=ridge)
        sides = [shared] + [
            _best_side([(*pair, shared.factors, weight)], side, ridge=ridge)
            for pair, side, weight in zip(turned, sides[1:], weights, strict=True)
        ]
        curve.append(float(objective(relations, sides, loss="squared", ridge=ridge)))
        if len(curve) > 1 and curve[-2] - curve[-1] <= tol * curve[-2]:
            return sides, curve, True
    return sides, curve, False


def _best_side(parts, side, *, ridge):
    """Return the best factors of a side, and then the best coefficients of its features."""
    prior = side.features @ side.coef
    factors = least_squares_factors(parts, prior, ridge=ridge)
    if not side.features.shape[1]:
        return side._replace(factors=factors)
    seen = np.any([np.diff(counts.indptr) > 0 for counts, *_ in parts], axis=0)
    features = side.features[seen]
    gram = features.T @ features + np.eye(features.shape[1])
    coef = np.linalg.solve(gram, features.T @ factors[seen])
    factors[~seen] = side.features[~seen] @ coef
    return side._replace(factors=factors, coef=coef)


def least_squares_factors(parts, prior, *, ridge):
    """Return the factors and biases of entities that minimize the squared loss and its penalty.

    Parameters
    ----------
    parts : list of tuples (counts, sums, other, weight)
        For each matrix, sparse arrays of shape (n_entities, n_others) of the counts and sums of
        its cells, the factors of the others, and the weight of the matrix.
    prior : ndarray of shape (n_entities, n_components + 1)
        The means to which factors are shrunk.
    ridge : float
        The strength of the penalty.

    Returns
    -------
    factors : ndarray of shape (n_entities, n_components + 1)
    """
    size = prior.shape[1]
    designs, products = [], []
    for _, _, other, _ in parts:
        design = other.copy()
        design[:, -1] = 1
        designs.append(design)
        products.append((design[:, :, None] * design[:, None, :]).reshape(len(design), -1))
    factors = np.empty_like(prior)
    for first in range(0, len(prior), _CHUNK):
        chunk = slice(first, first + _CHUNK)
        right = ridge * prior[chunk]
        left = np.tile(ridge * np.eye(size), (len(right), 1, 1))
        for (counts, sums, other, weight), design, product in zip(
            parts, designs, products, strict=True
        ):
            left += weight * (counts[chunk] @ product).reshape(left.shape)
            biases = other[:, -1:] * design
            right += weight * (sums[chunk] @ design - counts[chunk] @ biases)
        factors[chunk] = np.linalg.solve(left, right[:, :, None])[:, :, 0]
    return factors


def descend(relations, sides, *, loss, ridge, max_iter, tol):
    """Minimize the objective of any loss by L-BFGS.

    Returns
    -------
    sides, curve, converged
        As `alternate` does.
    """
    shapes = [shape for side in sides for shape in (side.factors.shape, side.coef.shape)]
    ends = np.cumsum([rows * columns for rows, columns in shapes])[:-1]
    last, curve = [0.0], []

    def unpack(vector):
        arrays = [
            part.reshape(shape) for part, shape in zip(np.split(vector, ends), shapes, strict=True)
        ]
        return [
            side._replace(factors=deviation + side.features @ coef, coef=coef)
            for side, deviation, coef in zip(sides, arrays[::2], arrays[1::2], strict=True)
        ]

    def evaluate(vector):
        value, gradient = value_and_gradient(relations, unpack(vector), loss=loss, ridge=ridge)
        last[0] = float(value)
        return value, np.concatenate([part.ravel() for pair in gradient for part in pair])

    deviations = [side.factors - side.features @ side.coef for side in sides]
    begin = [
        part.ravel()
        for deviation, side in zip(deviations, sides, strict=True)
        for part in (deviation, side.coef)
    ]
    found = minimize(
        evaluate,
        np.concatenate(begin),
        jac=True,
        method="L-BFGS-B",
        callback=lambda _: curve.append(last[0]),
        options={"maxiter": max_iter, "maxfun": 10 * max_iter, "ftol": tol, "gtol": 0.0},
    )
    return unpack(found.x), curve or [float(found.fun)], found.status == 0


def value_and_gradient(relations, sides, *, loss, ridge):
    """Return the objective and its gradient.

    Returns
    -------
    value : float
    gradient : list of tuples (deviation, coef)
        For each side the derivatives by the deviations of factors from their prior means, and by
        the coefficients of the features.
    """
    shared = sides[0].factors
    slopes = [np.zeros_like(side.factors) for side in sides]
    for k, relation in enumerate(relations, start=1):
        own = sides[k].factors
        eta = _predict(relation, shared, own)
        residual = relation.counts * LOSSES[loss].mean(eta) - relation.sums
        places = relation.rows, relation.columns
        residual = csr_array((relation.weight * residual, places), shape=relation.shape)
        slopes[0] += residual @ _with_one(own)
        slopes[k] += residual.T @ _with_one(shared)
    gradient = [
        (
            slope + ridge * (side.factors - side.features @ side.coef),
            side.features.T @ slope + ridge * side.coef,
        )
        for side, slope in zip(sides, slopes, strict=True)
    ]
    return objective(relations, sides, loss=loss, ridge=ridge), gradient


def _with_one(factors):
    design = factors.copy()
    design[:, -1] = 1
    return design
