"""The base of regularized multi-task regression and classification."""

from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS, pairwise_kernels

from sktransfer._kernels.multi_task import (
    DualTasks,
    PrimalTasks,
    choose_strengths,
    linear_scores,
    rows_by_task,
    task_products,
)
from sktransfer._magnitude import check_result
from sktransfer._needs import Needs
from sktransfer._onnx import kernel_refusal
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.tasks._base_tasks import _BaseTasks


class _BaseRegularizedMultiTask(_BaseTasks):
    """Fits a common function and a deviation for each task by penalized least squares."""

    _needs = Needs(
        sparse=True,
        source_labels=True,
        target_labels=True,
        any_task=True,
        unlabelled_rows="dropped",
    )

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "offset": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "relatedness": [Interval(Real, 0, 1, closed="both"), StrOptions({"auto"})],
        "kernel": [StrOptions(set(PAIRWISE_KERNEL_FUNCTIONS)), callable],
        "kernel_params": [dict, None],
        "fit_intercept": ["boolean"],
    }

    def __init__(
        self,
        *,
        alpha="auto",
        relatedness="auto",
        offset="auto",
        kernel="linear",
        kernel_params=None,
        fit_intercept=True,
    ):
        self.alpha = alpha
        self.relatedness = relatedness
        self.offset = offset
        self.kernel = kernel
        self.kernel_params = kernel_params
        self.fit_intercept = fit_intercept

    def _learn(self, rows):
        if self.kernel == "linear" and self.kernel_params:
            raise ValueError(
                "kernel='linear' takes no arguments, but kernel_params="
                f"{self.kernel_params!r}; pass None, or the kernel that these are for."
            )
        weight, intercept = rows.sample_weight, self.fit_intercept
        shares = weight / weight.sum()
        self._mean_number = shares @ rows.numbers if intercept else np.zeros(rows.numbers.shape[1])
        numbers = rows.numbers - self._mean_number
        self._fitted_rows = self.common_coef_ = self.coef_ = None
        self.common_intercept_ = self.intercept_ = None  # unless the kernel is linear
        n_rows, n_features = rows.X.shape
        small = rows.n_tasks * (n_features + 1) ** 2 <= n_rows**2
        if self.kernel == "linear" and small:
            self._solve_primal(rows, numbers, shares)
        else:
            self._solve_dual(rows, numbers, shares)

    def _choose(self, tasks, scale, n_tasks):
        """Return the penalty, the relatedness and the constant of offsets, given or chosen.

        One task has the relatedness 1 and no offset.
        """
        given = [None if value == "auto" else value for value in (self.alpha, self.relatedness)]
        given.append(None if self.offset == "auto" else self.offset)
        if n_tasks == 1:
            given[1:] = 1.0, 0.0
        if not self.fit_intercept:
            given[2] = 0.0
        if not scale > 0:  # rows do not differ, so that only offsets are left
            scale = 1.0
        chosen = choose_strengths(
            tasks.criterion, scale=scale, alpha=given[0], relatedness=given[1], constant=given[2]
        )
        self.alpha_, self.relatedness_, self.offset_ = chosen
        return chosen

    def _solve_primal(self, rows, numbers, shares):
        X = rows.X.toarray() if issparse(rows.X) else rows.X
        mean = shares @ X if self.fit_intercept else np.zeros(X.shape[1])
        X, weight = X - mean, rows.sample_weight
        scale = float(shares @ np.sum(X**2, axis=1))
        columns = np.column_stack([X, np.ones(len(X))]) if self.fit_intercept else X
        products = task_products(columns, rows.codes, numbers, weight, n_tasks=rows.n_tasks)
        tasks = PrimalTasks(*products, weight @ numbers**2, float(weight.sum()), self.fit_intercept)
        common, every = tasks.solve(*self._choose(tasks, scale, rows.n_tasks))
        coefficients = np.concatenate([every, common[None]])
        offsets = np.zeros((len(coefficients), numbers.shape[1]))
        if self.fit_intercept:
            offsets, coefficients = coefficients[:, -1], coefficients[:, :-1]
        self._keep_linear(coefficients, offsets, mean)

    def _solve_dual(self, rows, numbers, shares):
        gram = self._kernel_of(rows.X, rows.X)
        check_result(gram, rows.X, self)
        means = gram @ shares if self.fit_intercept else np.zeros(len(gram))
        grand = shares @ means
        gram = gram - means - means[:, None] + grand
        tasks = DualTasks(gram, rows.codes, numbers, rows.sample_weight, self.fit_intercept)
        chosen = self._choose(tasks, float(shares @ np.diag(gram)), rows.n_tasks)
        self._dual_coef, intercept = tasks.solve(*chosen)
        self._mean_number = self._mean_number + intercept
        self._offsets = np.zeros((rows.n_tasks + 1, numbers.shape[1]))
        np.add.at(self._offsets, rows.codes, self.offset_ * self._dual_coef)
        # The mean of the rows in the space of the kernel, to be subtracted from new rows.
        self._shares = shares if self.fit_intercept else np.zeros(len(shares))
        self._fitted_rows, self._fitted_codes = rows.X, rows.codes
        self._row_means, self._grand_mean = means, grand
        if self.kernel == "linear":
            self._read_coefficients(rows)

    def _read_coefficients(self, rows):
        """Keep the coefficients of a linear function instead of its rows."""
        mean = self._shares @ rows.X
        common = np.asarray(rows.X.T @ self._dual_coef) - np.outer(mean, self._dual_coef.sum(0))
        every = np.repeat(self.relatedness_ * common[None], rows.n_tasks + 1, axis=0)
        for task, places in rows_by_task(rows.codes):
            weights = (1 - self.relatedness_) * self._dual_coef[places]
            own = np.asarray(rows.X[places].T @ weights) - np.outer(mean, weights.sum(0))
            every[task] += own
        self._fitted_rows = None
        self._keep_linear(every, self._offsets, mean)

    def _keep_linear(self, coefficients, offsets, mean):
        """Keep the coefficients of all tasks and, last, the common ones."""
        intercepts = offsets - mean @ coefficients + self._mean_number
        self._every = coefficients, intercepts
        if coefficients.shape[2] == 1:
            coefficients, intercepts = coefficients[:, :, 0], intercepts[:, 0]
        else:
            coefficients = coefficients.transpose(0, 2, 1)
        self.coef_, self.common_coef_ = coefficients[:-1], coefficients[-1]
        self.intercept_, self.common_intercept_ = intercepts[:-1], intercepts[-1]

    def _kernel_of(self, X, Z):
        params = self.kernel_params or {}
        return np.asarray(pairwise_kernels(X, Z, metric=self.kernel, **params), dtype=np.float64)

    @property
    def _no_onnx(self):
        return None if self._fitted_rows is None else kernel_refusal(self.kernel)

    def _write_outputs(self, graph, task):
        if self._fitted_rows is None:
            return graph.affine(*(each[task] for each in self._every))
        shares = np.where(self._fitted_codes == task, 1.0, self.relatedness_)
        weights = shares[:, None] * self._dual_coef
        offset = (self._grand_mean - self._row_means) @ weights
        offset = offset + self._mean_number + self._offsets[task]
        weights = weights - np.outer(self._shares, weights.sum(axis=0))
        kernel = graph.kernel(self._fitted_rows, self.kernel, **(self.kernel_params or {}))
        return graph.affine(weights, offset, rows=kernel)

    def _outputs(self, X, codes):
        if self._fitted_rows is None:
            return linear_scores(X, codes, *self._every)
        cross = self._kernel_of(X, self._fitted_rows)
        means = cross @ self._shares
        cross -= means[:, None] - self._grand_mean + self._row_means
        outputs = self._mean_number + self._offsets[codes]
        outputs = outputs + self.relatedness_ * cross @ self._dual_coef
        for task, places in rows_by_task(codes):
            same = np.flatnonzero(self._fitted_codes == task)
            own = cross[np.ix_(places, same)] @ self._dual_coef[same]
            outputs[places] += (1 - self.relatedness_) * own
        return outputs
