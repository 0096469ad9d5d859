"""Leave-one-out residuals of ridge regression in closed form, and weights chosen by them."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import nnls
from scipy.sparse import issparse

# A row whose leverage is nearer to 1 than this determines its own prediction: it says nothing.
_OWN = 1e-8


@dataclass(frozen=True)
class RowSpace:
    """The weighted rows ``sqrt(s_i) (x_i - mean)``, as left singular vectors and squared values.

    Parameters
    ----------
    vectors : ndarray of shape (n_rows, rank)
    squares : ndarray of shape (rank,)
        Positive.
    root_weight : ndarray of shape (n_rows,)
        The square roots of the weights s.
    constant : ndarray of shape (n_rows,)
        The unit vector of the intercept; zeros without one.
    """

    vectors: np.ndarray
    squares: np.ndarray
    root_weight: np.ndarray
    constant: np.ndarray

    @property
    def scale(self):
        """The mean of the positive squares; 0 if there is none."""
        return float(self.squares.mean()) if len(self.squares) else 0.0


def row_space(X, sample_weight, *, fit_intercept):
    """Decompose weighted rows, by a matrix of the smaller of their two sizes.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_rows, n_features), dtype float64
    sample_weight : ndarray of shape (n_rows,)
    fit_intercept : bool

    Returns
    -------
    space : RowSpace
    """
    root = np.sqrt(sample_weight)
    constant = root / np.linalg.norm(root) if fit_intercept else np.zeros_like(root)
    weighted = (root != 1).any()
    if issparse(X):
        rows = X.multiply(root[:, None]).tocsr()
    else:
        rows = root[:, None] * X if weighted else X
    means = constant @ rows
    if not issparse(rows):
        rows, means = rows - constant[:, None] * means, np.zeros_like(means)
    if X.shape[0] <= X.shape[1]:
        gram = _dense(rows @ rows.T)
        # Centered rows would not be sparse, but their products can be centered.
        squares, vectors = _positive_part(_centered(gram, constant) if issparse(rows) else gram)
        return RowSpace(vectors, squares, root, constant)
    squares, axes = _positive_part(_dense(rows.T @ rows) - np.outer(means, means))
    axes /= np.sqrt(squares)
    vectors = np.asarray(rows @ axes)
    if means.any():
        vectors -= np.outer(constant, means @ axes)
    return RowSpace(vectors, squares, root, constant)


def kernel_space(gram, sample_weight):
    """Decompose weighted rows by their kernel matrix, with an intercept, as `row_space`.

    Parameters
    ----------
    gram : ndarray of shape (n_rows, n_rows)
    sample_weight : ndarray of shape (n_rows,)

    Returns
    -------
    space : RowSpace
    """
    root = np.sqrt(sample_weight)
    constant = root / np.linalg.norm(root)
    squares, vectors = _positive_part(_centered(np.outer(root, root) * gram, constant))
    return RowSpace(vectors, squares, root, constant)


def _centered(gram, constant):
    gram = gram - np.outer(constant, constant @ gram)
    return gram - np.outer(gram @ constant, constant)


def _positive_part(gram):
    """Return the positive eigenvalues of a Gram matrix and their eigenvectors."""
    values, vectors = eigh(gram, overwrite_a=True, check_finite=False)
    kept = values > len(values) * np.finfo(float).eps * max(values[-1], 0)
    return values[kept], vectors[:, kept]


def _dense(matrix):
    return matrix.toarray() if issparse(matrix) else matrix


def leave_one_out_residuals(space, values, *, alpha):
    """Return the errors of ridge regression on each row, fitted without that row.

    With the projection matrix H of the fit on all rows they are ``(v - H v)_i / (1 - h_ii)``,
    exactly [1]_. They are linear in `values`.

    Parameters
    ----------
    space : RowSpace
    values : ndarray of shape (n_rows, n_columns)
        Numbers to predict, a fit for each column.
    alpha : float
        The strength of the penalty.

    Returns
    -------
    residuals : ndarray of shape (n_rows, n_columns)
        Times the square roots of the weights; 0 for a row that determines its own prediction.
    decided : ndarray of shape (n_rows,), dtype bool
        The rows of which that is not so.

    References
    ----------
    .. [1] R. D. Cook, S. Weisberg, "Residuals and Influence in Regression", 1982.
    """
    weighted = space.root_weight[:, None] * values
    with np.errstate(divide="ignore", invalid="ignore"):
        shrinkage = space.squares / (space.squares + alpha)
    fitted = space.vectors @ (shrinkage[:, None] * (space.vectors.T @ weighted))
    fitted += np.outer(space.constant, space.constant @ weighted)
    leverage = np.einsum("ij,ij,j->i", space.vectors, space.vectors, shrinkage)
    leverage += space.constant**2
    decided = 1 - leverage > _OWN
    residuals = np.zeros_like(weighted)
    residuals[decided] = (weighted - fitted)[decided] / (1 - leverage[decided, None])
    return residuals, decided


def combination(target, parts, *, positive):
    """Return weights of nearly least squares, ``argmin_b ||target - sum_k b_k part_k||^2 + p(b)``.

    The penalty p keeps few numbers from deciding: it is the negative logarithm of a normal prior.
    Its mean is equal weights that sum to 1, and the sum of the weights varies by 1/2 about it. The
    noise of `target` is the residual of zero weights or of equal ones, the smaller of both.

    Parameters
    ----------
    target : ndarray of shape (n,)
    parts : ndarray of shape (n_parts, n)
    positive : bool
        Whether weights must not be negative.

    Returns
    -------
    weights : ndarray of shape (n_parts,)
    """
    n_parts = len(parts)
    noise = min(np.mean(target**2), np.mean((target - parts.mean(axis=0)) ** 2))
    pull = np.sqrt(4 * n_parts * noise)
    design = np.vstack([parts.T, pull * np.eye(n_parts)])
    target = np.concatenate([target, np.full(n_parts, pull / n_parts)])
    return nnls(design, target)[0] if positive else np.linalg.lstsq(design, target, rcond=None)[0]


def choose_by_leave_one_out(space, y, outputs, *, alphas, beta, positive):
    """Choose the penalty and the weights of sources by the leave-one-out error on these rows.

    For each penalty the error is a quadratic function of the weights [1]_, because leave-one-out
    residuals are linear in the values. `combination` chooses the weights, and the pair of least
    error is returned.

    Parameters
    ----------
    space : RowSpace
    y : ndarray of shape (n_rows, n_columns)
    outputs : ndarray of shape (n_sources, n_rows, n_columns)
        The outputs of each source on these rows.
    alphas : sequence of float
    beta : ndarray of shape (n_sources,) or None
        Given weights; None chooses them.
    positive : bool
        Whether chosen weights must not be negative.

    Returns
    -------
    alpha : float
    beta : ndarray of shape (n_sources,)
    n_decided : int
        The number of rows that the choice rests on. If it is 0, nothing was chosen: `alpha` is the
        first, and `beta` None if it was not given.

    References
    ----------
    .. [1] T. Tommasi, F. Orabona, B. Caputo, "Safety in Numbers: Learning Categories from Few
       Examples with Multi Model Knowledge Transfer", CVPR 2010.
    """
    n_columns = y.shape[1]
    stacked = np.hstack([y, *outputs])
    best = (np.inf, alphas[0], beta, 0)
    for alpha in alphas:
        residuals, decided = leave_one_out_residuals(space, stacked, alpha=alpha)
        if not decided.any():
            continue
        blocks = residuals.reshape(len(y), -1, n_columns).transpose(1, 0, 2)
        blocks = blocks[:, decided]
        target, parts = blocks[0].ravel(), blocks[1:].reshape(len(outputs), -1)
        weights = combination(target, parts, positive=positive) if beta is None else beta
        error = np.sum((target - weights @ parts) ** 2)
        error /= np.sum(space.root_weight[decided] ** 2)
        if error < best[0]:
            best = (error, alpha, weights, int(decided.sum()))
    return best[1:]
