"""The likelihood of rows of related tasks, as a function to be maximized."""

import numpy as np
from scipy.optimize import minimize
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from sklearn.metrics.pairwise import euclidean_distances

from sktransfer._kernels.related_gaussian import log_likelihood

# A relatedness that is chosen is between the negative of this and this.
LARGEST = 0.9999

# Half the 95 % quantile of the chi-squared distribution of one degree of freedom.
_DROP = 1.92

# Fewer target rows than this lie near any function by chance: they say nothing about relatedness.
FEWEST_ROWS = 3


class RelatedRows:
    """The likelihood as a function of a vector: kernel, relatedness, logarithms of noise."""

    def __init__(self, X, y, tasks, weight, outputs, likelihood):
        self.X, self.y, self.tasks, self.weight, self.outputs = X, y, tasks, weight, outputs
        self.n_target = int(np.sum(tasks == tasks.max()))
        self.n_apart = int(np.sum(tasks < tasks.max())) if likelihood == "conditional" else 0

    def split(self, kernel, values):
        """Return the parameters of the kernel, the relatedness, and the noise."""
        n_tasks, n_parameters = self.tasks.max() + 1, len(kernel.theta)
        return values[:n_parameters], values[n_parameters:-n_tasks], np.exp(values[-n_tasks:])

    def __call__(self, kernel, values, *, with_gradient=True):
        """Return the log-likelihood and its gradient."""
        theta, relatedness, noise = self.split(kernel, values)
        if with_gradient:
            gram, slopes = kernel.clone_with_theta(theta)(self.X, eval_gradient=True)
        else:
            gram = kernel.clone_with_theta(theta)(self.X)
            slopes = np.zeros((*gram.shape, len(theta)))

        def of(rows):
            return log_likelihood(
                gram[rows, rows],
                slopes[rows, rows],
                self.y[rows],
                self.tasks[rows],
                noise,
                self.weight[rows],
                self.outputs[:, rows],
                relatedness,
                with_gradient=with_gradient,
            )

        value, gradient = of(slice(None))
        if self.n_apart and np.isfinite(value):
            apart, apart_gradient = of(slice(self.n_apart))
            value, gradient = value - apart, gradient - apart_gradient
        return value, gradient

    def maximize(self, kernel, values, free, limits):
        """Return the largest log-likelihood found from some values, and its place."""
        if not free.any():
            return self(kernel, values, with_gradient=False)[0], values

        def objective(changed):
            now = values.copy()
            now[free] = changed
            value, gradient = self(kernel, now)
            if not np.isfinite(value):
                return 1e25, np.zeros(len(changed))
            return -value, -gradient[free]

        bounds = [limit for limit, is_free in zip(limits, free, strict=True) if is_free]
        start = np.clip(values[free], *np.transpose(bounds))
        found = minimize(objective, start, method="L-BFGS-B", jac=True, bounds=bounds)
        best = values.copy()
        best[free] = found.x
        return -float(found.fun), best

    def intervals(self, kernel, values, n_sources):
        """Return the intervals of relatedness whose log-likelihood is near the largest."""
        if self.n_target < FEWEST_ROWS:
            return np.tile([-1.0, 1.0], (n_sources, 1))
        largest = self(kernel, values, with_gradient=False)[0]
        grid, found = np.linspace(-LARGEST, LARGEST, 41), []
        for place in len(kernel.theta) + np.arange(n_sources):
            near = [values[place]]
            for value in grid:
                moved = values.copy()
                moved[place] = value
                if self(kernel, moved, with_gradient=False)[0] > largest - _DROP:
                    near.append(value)
            found.append((min(near), max(near)))
        return np.array(found)


def default_kernel(X):
    """Return a constant times RBF, on the scale of the rows."""
    rows = np.unique(X, axis=0)
    some = rows[:: max(1, len(rows) // 500)]
    distances = euclidean_distances(some)[np.triu_indices(len(some), 1)]
    distances = distances[distances > 0]
    scale = float(np.median(distances)) if len(distances) else 1.0
    return ConstantKernel(1.0, (1e-3, 1e3)) * RBF(scale, (scale / 100, scale * 100))
