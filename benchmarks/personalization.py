"""Personalization: a model for a new user from few rows, and a prior learned from 10 000 users.

Users are made, so that the best prior is known. Each has a linear rule of five columns and an
intercept; rules differ much in two directions and little in others. The prior and the pooled model
are fitted on ten rows of each of the 10 000 users, and tested on 300 others.

The mixed model is that of statsmodels, if it is installed, with random slopes, fitted on 300 of the
users, since its time grows fast.
"""

import time

import numpy as np
from sklearn.linear_model import RidgeCV

from benchmarks._runner import Table
from sktransfer import LearnedPriorRegressor

ALPHAS = np.geomspace(1e-3, 1e4, 15)
COUNTS = (1, 2, 5, 10, 20, 50)
N_FEATURES, N_ROWS, NOISE = 5, 10, 1.0
MIXED_USERS = 300


def draw_users(n_users, rng, truth):
    """Return the rules of users, with the intercept last."""
    return rng.multivariate_normal(*truth, size=n_users)


def draw_rows(rules, n_rows, rng):
    """Return rows, noisy labels and users."""
    user = np.repeat(np.arange(len(rules)), n_rows)
    X = rng.normal(size=(len(user), N_FEATURES))
    y = np.sum(X * rules[user, :-1], axis=1) + rules[user, -1]
    return X, y + NOISE * rng.normal(size=len(user)), user


def draw_truth(rng):
    """Return the mean and the covariance of rules: two directions, and little in all others."""
    axes = rng.normal(size=(2, N_FEATURES + 1))
    return rng.normal(size=N_FEATURES + 1), axes.T @ axes / 2 + 0.05 * np.eye(N_FEATURES + 1)


def posterior_rule(mean, covariance, noise, X, y):
    """Return the posterior mean of a rule under a normal prior."""
    Z = np.column_stack([X, np.ones(len(X))])
    gain = covariance @ Z.T @ np.linalg.inv(Z @ covariance @ Z.T + noise * np.eye(len(Z)))
    return mean + gain @ (y - Z @ mean)


def rule_of(model):
    """Return the coefficients and the intercept of a linear model."""
    return np.append(np.ravel(model.coef_), model.intercept_)


def fit_mixed(X, y, user):
    """Return the prior of a mixed model of statsmodels; None without the library."""
    try:
        from statsmodels.regression.mixed_linear_model import MixedLM
    except ImportError:
        return None
    rows = user < MIXED_USERS
    Z = np.column_stack([X[rows], np.ones(rows.sum())])
    fitted = MixedLM(y[rows], Z, user[rows], exog_re=Z).fit(method="lbfgs")
    return np.asarray(fitted.fe_params), np.asarray(fitted.cov_re), fitted.scale


def fit_all(X, y, user):
    """Return the fitted models of all users, by name, and the CPU seconds of each."""
    models, seconds = {}, {}
    for name, fit in {
        "pooled": lambda: RidgeCV(ALPHAS).fit(X, y),
        "mixed model": lambda: fit_mixed(X, y, user),
        "adapted": lambda: LearnedPriorRegressor().fit(X, y, sample_domain=user),
    }.items():
        start = time.process_time()
        models[name] = fit()
        seconds[name] = time.process_time() - start
    return models, seconds


def offset_share(model, X, y, user):
    """Return the variance of users' offsets from the pooled model, in units of its noise."""
    residuals = y - model.predict(X)
    counts = np.bincount(user)
    means = np.bincount(user, residuals) / counts
    noise = np.sum((residuals - means[user]) ** 2) / (len(residuals) - len(counts))
    return max(np.var(means) - noise / counts.mean(), 0.0) / noise


def rules_for_user(models, share, truth, X, y):
    """Return the rule that each method finds for one user."""
    pooled = rule_of(models["pooled"])
    offset = np.sum(y - models["pooled"].predict(X)) * share / (1 + share * len(y))
    adapted = models["adapted"].adapt(X, y)
    rules = {
        "pooled, all users alike": pooled,
        "pooled, and an offset of the user": pooled + np.append(np.zeros(N_FEATURES), offset),
        "the user alone": np.append(np.zeros(N_FEATURES), y.mean()),
    }
    if len(y) > 1:
        rules["the user alone"] = rule_of(RidgeCV(ALPHAS).fit(X, y))
    if models["mixed model"] is not None:
        rules["mixed model of statsmodels"] = posterior_rule(*models["mixed model"], X, y)
    rules["LearnedPriorRegressor.adapt"] = np.append(adapted.coef_[0], adapted.intercept_[0])
    rules["with the true prior"] = posterior_rule(*truth, NOISE**2, X, y)
    return rules


def run(data_home, *, quick=False):
    """Make a table of errors and one of times.

    Parameters
    ----------
    data_home : str or None
        Not used.
    quick : bool, default=False
        Fewer users.

    Returns
    -------
    tables : list of Table
    """
    rng = np.random.default_rng(0)
    truth = draw_truth(rng)
    rows = draw_rows(draw_users(400 if quick else 10_000, rng, truth), N_ROWS, rng)
    models, seconds = fit_all(*rows)
    share = offset_share(models["pooled"], *rows)
    errors, times = {}, []
    for rule in draw_users(20 if quick else 300, rng, truth):
        X, y, _ = draw_rows(rule[None], max(COUNTS), rng)
        for n_rows in COUNTS:
            some = X[:n_rows], y[:n_rows]
            for name, found in rules_for_user(models, share, truth, *some).items():
                squares = errors.setdefault(name, {}).setdefault(n_rows, [])
                squares.append(np.sum((found - rule) ** 2))  # columns are normal
        start = time.perf_counter()
        models["adapted"].adapt(X[:10], y[:10])
        times.append(1000 * (time.perf_counter() - start))
    table = [
        [name, *(np.sqrt(np.mean(found[n])) for n in COUNTS)] for name, found in errors.items()
    ]
    title = "Root mean squared error of predictions for new users; the noise is 1"
    columns = ["labelled rows of the user", *map(str, COUNTS)]
    spent = [["fit of pooled ridge regression, CPU seconds", seconds["pooled"]]]
    if models["mixed model"] is not None:
        spent.append([f"fit of the mixed model on {MIXED_USERS} users", seconds["mixed model"]])
    spent.append(["fit of LearnedPriorRegressor on all users", seconds["adapted"]])
    spent.append(["adapt to 10 rows, milliseconds (median)", np.median(times)])
    return [Table(title, columns, table), Table("Time", ["", "time"], spent)]
