"""The base of multi-task feature regression and classification."""

from numbers import Integral, Real

import numpy as np

from sktransfer._kernels.multi_task import linear_scores, task_products
from sktransfer._kernels.multi_task_features import shared_features
from sktransfer._kernels.rows import order_of_rows
from sktransfer._messages import warn
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.exceptions import TransferWarning
from sktransfer.tasks._base_tasks import _BaseTasks

# The strengths that are tried, in units of the mean square of a row times the number of tasks.
_RELATIVE_ALPHAS = np.geomspace(1e-4, 1e4, 13)
_N_FOLDS = 5


class _BaseMultiTaskFeature(_BaseTasks):
    """Fits ridge regressions of all tasks in one learned metric of coefficients."""

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, *, alpha="auto", fit_intercept=True, max_iter=1000, tol=1e-5):
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol

    def _learn(self, rows):
        weight, X, numbers = rows.sample_weight, rows.X, rows.numbers
        shares = weight / weight.sum()
        mean, level = np.zeros(X.shape[1]), np.zeros(numbers.shape[1])
        if self.fit_intercept:
            mean, level = shares @ X, shares @ numbers
        X, numbers = X - mean, numbers - level
        scale = float(shares @ np.sum(X**2, axis=1))
        constant = np.sqrt(scale / X.shape[1]) if scale > 0 else 1.0
        if self.fit_intercept:
            X = np.column_stack([X, np.full(len(X), constant)])
        self.alpha_ = self.alpha
        if self.alpha == "auto":
            self.alpha_ = self._choose(X, rows, numbers, (scale or 1.0) * rows.n_tasks)
        products = task_products(X, rows.codes, numbers, weight, n_tasks=rows.n_tasks)
        found = shared_features(
            *products, weight @ numbers**2, alpha=self.alpha_, tol=self.tol, max_iter=self.max_iter
        )
        if not found.converged:
            warn(
                f"{type(self).__name__} did not reach tol={self.tol!r} in {self.max_iter} steps; "
                "increase max_iter or tol.",
                TransferWarning,
            )
        self.objectives_, self.n_iter_ = found.objectives, len(found.objectives)
        n_features = rows.X.shape[1]
        self.metric_ = found.metric[:n_features, :n_features]
        self._keep(found.coefficients, rows, mean, level, constant)

    def _keep(self, coefficients, rows, mean, level, constant):
        """Keep the coefficients of all tasks, and their means last."""
        known = np.zeros(rows.n_tasks, dtype=bool)
        known[rows.codes] = True
        common = coefficients[known].mean(axis=0)
        coefficients[~known] = common
        coefficients = np.concatenate([coefficients, common[None]])
        offsets = level + np.zeros((len(coefficients), 1))
        if self.fit_intercept:
            offsets = offsets + constant * coefficients[:, -1]
            coefficients = coefficients[:, :-1]
        intercepts = offsets - mean @ coefficients
        self._every = coefficients, intercepts
        if coefficients.shape[2] == 1:
            coefficients, intercepts = coefficients[:, :, 0], intercepts[:, 0]
        else:
            coefficients = coefficients.transpose(0, 2, 1)
        self.coef_, self.intercept_ = coefficients[:-1], intercepts[:-1]

    def _choose(self, X, rows, numbers, unit):
        """Return the strength of least squared error in cross-validation within tasks."""
        folds = _folds(X, rows.codes)
        alphas = unit * _RELATIVE_ALPHAS
        errors = np.zeros(len(alphas))
        for fold in range(_N_FOLDS):
            test = folds == fold
            if not test.any() or test.all():
                continue
            parts = X[~test], rows.codes[~test], numbers[~test], rows.sample_weight[~test]
            products = task_products(*parts, n_tasks=rows.n_tasks)
            squares, metric = parts[3] @ parts[2] ** 2, None
            none = np.zeros((rows.n_tasks, numbers.shape[1]))
            for k in range(len(alphas))[::-1]:
                found = shared_features(
                    *products, squares, alpha=alphas[k], start=metric, tol=1e-3, max_iter=100
                )
                metric = found.metric
                scores = linear_scores(X[test], rows.codes[test], found.coefficients, none)
                misses = np.sum((scores - numbers[test]) ** 2, axis=1)
                errors[k] += rows.sample_weight[test] @ misses
        return float(alphas[errors.argmin()])

    def _outputs(self, X, codes):
        return linear_scores(X, codes, *self._every)

    def _write_outputs(self, graph, task):
        return graph.affine(*(each[task] for each in self._every))


def _folds(X, codes):
    """Return the fold of each row: equal rows of a task are in one, whatever their order."""
    order = order_of_rows(np.column_stack([codes, X]))
    ordered = np.column_stack([codes, X])[order]
    is_new = np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)]
    folds = np.empty(len(codes), dtype=int)
    folds[order] = (np.cumsum(is_new) - 1) % _N_FOLDS
    return folds
