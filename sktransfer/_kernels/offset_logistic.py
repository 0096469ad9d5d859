"""Logistic regression with an offset for each row, and its approximate leave-one-out predictions.

With m = 1 column the scores are those of the second of two classes; with m > 2 columns there is a
column for each class. `codes` holds 1 for the class of a row and 0 otherwise, in m columns.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.sparse import issparse
from scipy.special import expit, logsumexp, softmax

# The weight of the penalty that keeps weights of sources finite if the rows can be separated.
_CAUTION = 0.2

# The most steps of the choice of weights, each of which fits once and linearizes once.
_MAX_STEPS = 8


def log_loss(scores, codes):
    """Return the logistic loss of each row.

    Parameters
    ----------
    scores, codes : ndarray of shape (n_rows, n_columns)

    Returns
    -------
    loss : ndarray of shape (n_rows,)
    """
    if scores.shape[1] == 1:
        return np.logaddexp(0, scores[:, 0]) - codes[:, 0] * scores[:, 0]
    return logsumexp(scores, axis=1) - np.sum(codes * scores, axis=1)


def probabilities(scores):
    """Return the probability of the class of each column.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_columns)

    Returns
    -------
    probabilities : ndarray of shape (n_rows, n_columns)
    """
    return expit(scores) if scores.shape[1] == 1 else softmax(scores, axis=1)


def fit_with_offset(
    X, codes, offset, sample_weight, *, penalty, fit_intercept, start, tol, max_iter
):
    """Minimize ``sum_i s_i loss_i(X W + b + offset) + penalty / 2 ||W||^2`` by L-BFGS.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_rows, n_features)
    codes, offset : ndarray of shape (n_rows, n_columns)
    sample_weight : ndarray of shape (n_rows,)
    penalty : float
    fit_intercept : bool
    start : ndarray of shape (n_features + 1, n_columns)
        The start. The last row is the intercept.
    tol : float
        The largest entry of the gradient of the mean loss at the end.
    max_iter : int

    Returns
    -------
    coefficients : ndarray of shape (n_features + 1, n_columns)
    n_iter : int
    converged : bool
    """
    shape, total = start.shape, sample_weight.sum()
    shares = (sample_weight / total)[:, None]
    X_transposed = X.T.tocsr() if issparse(X) else X.T

    def objective(flat):
        coefficients = flat.reshape(shape)
        weights = coefficients[:-1]
        scores = X @ weights + coefficients[-1] + offset
        loss = shares[:, 0] @ log_loss(scores, codes)
        loss += penalty / (2 * total) * np.sum(weights**2)
        slopes = shares * (probabilities(scores) - codes)
        gradient = np.empty(shape)
        gradient[:-1] = X_transposed @ slopes + penalty / total * weights
        gradient[-1] = slopes.sum(axis=0) if fit_intercept else 0
        return loss, gradient.ravel()

    found = minimize(
        objective,
        start.ravel(),
        method="L-BFGS-B",
        jac=True,
        options={
            "maxiter": max_iter,
            "gtol": tol,
            "ftol": 64 * np.finfo(float).eps,
            "maxls": 50,
        },
    )
    return found.x.reshape(shape), int(found.nit), found.status != 1


def leave_one_out_scores(X, scores, codes, outputs, sample_weight, *, penalty, fit_intercept):
    """Approximate the scores of each row by a fit without it, and their slopes in the weights.

    One Newton step from the fit on all rows leaves a row out [1]_. With its slope g, its curvature
    a and its leverage q, the score changes by ``g q / (1 - a q)``. With m > 1 columns the curvature
    couples them. It is taken as ``m / (m - 1) p (1 - p)`` for each column, which is exact for equal
    probabilities.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    scores, codes : ndarray of shape (n_rows, n_columns)
        The scores are those of the fit on all rows, with its offset.
    outputs : ndarray of shape (n_sources, n_rows, n_columns)
        The offset is a weighted sum of these.
    sample_weight : ndarray of shape (n_rows,)
    penalty : float
    fit_intercept : bool

    Returns
    -------
    scores : ndarray of shape (n_rows, n_columns)
    slopes : ndarray of shape (n_sources, n_rows, n_columns)
        How they change with the weight of each source.

    References
    ----------
    .. [1] K. Rahnama Rad, A. Maleki, "A scalable estimate of the out-of-sample prediction error via
       approximate leave-one-out cross-validation", JRSS B 82(4), 2020.
       https://arxiv.org/abs/1801.10243
    """
    m = scores.shape[1]
    probability = probabilities(scores)
    curvature = np.maximum(probability * (1 - probability) * (m / (m - 1) if m > 1 else 1), 1e-9)
    curvature *= sample_weight[:, None]
    gradient = sample_weight[:, None] * (probability - codes)
    design = np.column_stack([X, np.ones(len(X))]) if fit_intercept else X
    penalties = np.full(design.shape[1], float(penalty))
    penalties[X.shape[1] :] = 0
    new, slopes = np.empty_like(scores), np.empty_like(outputs)
    for c, a in enumerate(curvature.T):
        hessian = design.T @ (a[:, None] * design) + np.diag(penalties)
        solved = cho_solve(cho_factor(hessian, check_finite=False), design.T, check_finite=False)
        leverage = np.sum(design * solved.T, axis=1)
        rest = np.maximum(1 - a * leverage, 1e-8)
        new[:, c] = scores[:, c] + gradient[:, c] * leverage / rest
        values = outputs[:, :, c].T
        fitted = design @ (solved @ (a[:, None] * values))
        slopes[:, :, c] = ((values - fitted) / rest[:, None]).T
    return new, slopes


def choose_weights(scores, slopes, codes, outputs, sample_weight, *, beta, positive):
    """Return the weights of least leave-one-out log-loss, with scores linear in the weights.

    A penalty, 0.1 times the mean square of ``(beta_k - 1 / n_sources) f_k``, keeps the weights
    finite if the rows can be separated. It counts as a fraction of one row.

    Parameters
    ----------
    scores, codes : ndarray of shape (n_rows, n_columns)
        The scores at the weights `beta`.
    slopes, outputs : ndarray of shape (n_sources, n_rows, n_columns)
    sample_weight : ndarray of shape (n_rows,)
    beta : ndarray of shape (n_sources,)
    positive : bool

    Returns
    -------
    beta : ndarray of shape (n_sources,)
    """
    sizes = _CAUTION * np.mean(np.square(outputs), axis=(1, 2))
    equal = 1 / len(beta)
    constant = scores - np.tensordot(beta, slopes, axes=1)

    def objective(weights):
        now = constant + np.tensordot(weights, slopes, axes=1)
        loss = sample_weight @ log_loss(now, codes) + 0.5 * sizes @ (weights - equal) ** 2
        errors = sample_weight[:, None] * (probabilities(now) - codes)
        gradient = np.tensordot(slopes, errors, axes=([1, 2], [0, 1]))
        return loss, gradient + sizes * (weights - equal)

    bounds = [(0, None) if positive else (None, None)] * len(beta)
    options = {"gtol": 1e-9, "ftol": 1e-15}
    found = minimize(objective, beta, method="L-BFGS-B", jac=True, bounds=bounds, options=options)
    return found.x


def choose_by_leave_one_out(
    X, codes, outputs, sample_weight, *, penalties, beta, positive, fit_intercept, tol, max_iter
):
    """Choose the penalty and the weights of sources by the approximate leave-one-out log-loss.

    For each penalty, the fit and the weights are computed in turn until the weights stay.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    codes : ndarray of shape (n_rows, n_columns)
    outputs : ndarray of shape (n_sources, n_rows, n_columns)
    sample_weight : ndarray of shape (n_rows,)
    penalties : sequence of float
    beta : ndarray of shape (n_sources,) or None
        Given weights; None chooses them.
    positive : bool
    fit_intercept : bool
    tol : float
    max_iter : int

    Returns
    -------
    penalty : float
    beta : ndarray of shape (n_sources,)
    """
    settings = {"fit_intercept": fit_intercept}
    start = np.zeros((X.shape[1] + 1, codes.shape[1]))
    weights = np.full(len(outputs), 1 / len(outputs)) if beta is None else beta
    best = (np.inf, penalties[0], weights)
    for penalty in penalties:
        for _ in range(_MAX_STEPS):
            offset = np.tensordot(weights, outputs, axes=1)
            start, _, _ = fit_with_offset(
                X,
                codes,
                offset,
                sample_weight,
                penalty=penalty,
                start=start,
                tol=tol,
                max_iter=max_iter,
                **settings,
            )
            scores = X @ start[:-1] + start[-1] + offset
            scores, slopes = leave_one_out_scores(
                X, scores, codes, outputs, sample_weight, penalty=penalty, **settings
            )
            error = sample_weight @ log_loss(scores, codes)
            if error < best[0]:
                best = (error, penalty, weights)
            if beta is not None:
                break
            before, weights = (
                weights,
                choose_weights(
                    scores, slopes, codes, outputs, sample_weight, beta=weights, positive=positive
                ),
            )
            if np.abs(weights - before).max() <= 1e-3 * max(1, np.abs(weights).max()):
                break
    return best[1:]


def responses(codes, offset):
    """Return the numbers whose least squares fit is a step of the logistic loss from an offset.

    With the probabilities p of the offset, the loss of ``offset + h`` is at most a constant plus
    ``(z - h)^2 / 8`` for one column and ``(z - h)^2 / 4`` for several, with the responses z [1]_.

    Parameters
    ----------
    codes, offset : ndarray of shape (n_rows, n_columns)

    Returns
    -------
    responses : ndarray of shape (n_rows, n_columns)
        ``4 (codes - p)`` for one column, ``2 (codes - p)`` for several.

    References
    ----------
    .. [1] D. Böhning, "Multinomial logistic regression algorithm", Annals of the Institute of
       Statistical Mathematics 44, 1992. https://doi.org/10.1007/BF00048682
    """
    bound = 4 if offset.shape[1] == 1 else 2
    return bound * (codes - probabilities(offset))


def weights_of_scores(outputs, codes, sample_weight, *, positive):
    """Return the weights of least log-loss of a weighted sum of scores, as `choose_weights`.

    Parameters
    ----------
    outputs : ndarray of shape (n_sources, n_rows, n_columns)
    codes : ndarray of shape (n_rows, n_columns)
    sample_weight : ndarray of shape (n_rows,)
    positive : bool

    Returns
    -------
    beta : ndarray of shape (n_sources,)
    """
    equal = np.full(len(outputs), 1 / len(outputs))
    scores = np.tensordot(equal, outputs, axes=1)
    settings = {"beta": equal, "positive": positive}
    return choose_weights(scores, outputs, codes, outputs, sample_weight, **settings)
