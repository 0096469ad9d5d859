"""Multinomial logistic regression near a model that is given."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax


def pulled_softmax(X, codes, coef, intercept, *, C, tol=1e-6, max_iter=500):
    """Minimise ``C sum_i loss_i + ||W - W_0||^2 / 2``, with the intercepts in ``W``.

    With two classes only the difference of their coefficients counts, so that the penalty is that
    of the usual binary model: ``||w - w_0||^2 / 2`` for ``w = W_1 - W_0``.

    Parameters
    ----------
    X : {ndarray, sparse array} of shape (n_rows, n_features)
    codes : ndarray of shape (n_rows,), dtype int
        The class of each row, from 0 to n_classes - 1.
    coef : ndarray of shape (n_classes, n_features)
    intercept : ndarray of shape (n_classes,)
        ``W_0``, that of the given model.
    C : float
        Inverse strength of the pull.
    tol : float
        Of the largest gradient, over `C`.
    max_iter : int

    Returns
    -------
    coef : ndarray of shape (n_classes, n_features)
    intercept : ndarray of shape (n_classes,)
    """
    n_classes, rows = len(intercept), np.arange(len(codes))
    start = np.column_stack([coef, intercept])
    strength = (2.0 if n_classes == 2 else 1.0) / C
    truth = np.zeros((len(codes), n_classes))
    truth[rows, codes] = 1

    def objective(flat):
        moved = flat.reshape(start.shape)
        W = start + moved
        Z = X @ W[:, :-1].T + W[:, -1]
        error = softmax(Z, axis=1) - truth
        gradient = np.column_stack([(X.T @ error).T, error.sum(axis=0)]) + strength * moved
        loss = -log_softmax(Z, axis=1)[rows, codes].sum()
        return loss + strength / 2 * (moved**2).sum(), gradient.ravel()

    options = {"maxiter": max_iter, "gtol": tol, "ftol": 0.0}
    zeros = np.zeros(start.size)
    found = minimize(objective, zeros, jac=True, method="L-BFGS-B", options=options)
    W = start + found.x.reshape(start.shape)
    return W[:, :-1], W[:, -1]


def recalibration(logits, codes, *, strength=1.0):
    """Fit one scale and a shift for each class to the logits of a given model.

    Minimize ``sum_i loss_i + strength ((a - 1)^2 + ||b||^2) / 2`` for ``softmax(a z + b)``. The
    scale may be negative: it turns a model that is wrong on most rows around.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_classes)
        ``z``, of mean 0 over the classes of a row.
    codes : ndarray of shape (n_rows,), dtype int
    strength : float

    Returns
    -------
    scale : float
    shifts : ndarray of shape (n_classes,)
    """
    rows = np.arange(len(codes))
    truth = np.zeros(logits.shape)
    truth[rows, codes] = 1

    def objective(parameters):
        scale, shifts = 1 + parameters[0], parameters[1:]
        Z = scale * logits + shifts
        error = softmax(Z, axis=1) - truth
        gradient = np.r_[(error * logits).sum(), error.sum(axis=0)] + strength * parameters
        loss = -log_softmax(Z, axis=1)[rows, codes].sum()
        return loss + strength / 2 * (parameters**2).sum(), gradient

    zeros = np.zeros(1 + logits.shape[1])
    found = minimize(objective, zeros, jac=True, method="L-BFGS-B", options={"gtol": 1e-8})
    return 1 + found.x[0], found.x[1:]
