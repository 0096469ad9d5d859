"""Ridge regression of several related tasks: a common function, and a deviation for each task.

T. Evgeniou, M. Pontil, "Regularized multi-task learning", KDD 2004,
https://doi.org/10.1145/1014052.1014067. With a kernel k of rows, that of a row x of the task s and
a row z of the task t is

``K((x, s), (z, t)) = r k(x, z) + [s = t] ((1 - r) k(x, z) + c)``

with the relatedness r from 0 to 1 and a constant c, which gives each task an offset. A common
intercept is not penalized. It is the posterior mean of a Gaussian process, whose marginal
likelihood chooses the strengths. `PrimalTasks` computes it by a matrix for each task, of the size
of the features, and `DualTasks` by one of the size of the rows. Both give equal numbers.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import expit

# Starts and limits of the search for strengths: the logarithms of the penalty and of the constant,
# in units of the scale of the kernel, and the logit of the relatedness.
_STARTS = (np.linspace(-12.0, 12.0, 5), np.array([-3.0, 0.0, 3.0]), np.array([-8.0, -2.0, 2.0]))
_LIMITS = ((-14.0, 14.0), (-6.0, 6.0), (-12.0, 8.0))

# The ends of the relatedness are tried if the optimum within is nearer to them than this.
_NEAR_END = 0.1

# The share of the squares of the numbers to predict that is always taken as noise.
_LEAST_NOISE = 1e-10


@dataclass(frozen=True)
class PrimalTasks:
    """The products of weighted rows of each task.

    Parameters
    ----------
    grams : ndarray of shape (n_tasks, n_columns, n_columns)
        ``X_t^T S_t X_t``. With an intercept the last column of rows is 1.
    moments : ndarray of shape (n_tasks, n_columns, n_outputs)
        ``X_t^T S_t Y_t``.
    squares : ndarray of shape (n_outputs,)
        ``sum_i s_i y_i^2``.
    weight : float
        ``sum_i s_i``.
    intercept : bool
    """

    grams: np.ndarray
    moments: np.ndarray
    squares: np.ndarray
    weight: float
    intercept: bool

    @cached_property
    def _spectra(self):
        """Eigenvalues and vectors of the products, and ones and moments along these."""
        end = self.grams.shape[1] - self.intercept
        values, vectors = np.linalg.eigh(self.grams[:, :end, :end])
        turned = vectors.transpose(0, 2, 1)
        ones = turned @ self.grams[:, :end, end:]
        return np.maximum(values, 0), vectors, ones, turned @ self.moments[:, :end]

    def _through(self, along, last, *, spread, free):
        """Return ``Z^T C_t^-1 M`` of each task, for rows Z with a last column of ones.

        M is given by its products with the eigenvectors and with ones. C_t is the covariance of
        the deviations, ``1 + spread X X^T + free 1 1^T``. The second result is ``1^T B_t^-1 M``
        without the last term.
        """
        values, vectors, ones, _ = self._spectra
        shrunk = 1 / (1 + spread * values)[:, :, None]
        found = vectors @ (shrunk * along)
        if not self.intercept:
            return found, last
        last = last - spread * ones.transpose(0, 2, 1) @ (shrunk * along)
        total = self._totals(spread)
        pull = vectors @ (shrunk * ones)
        found = found - free / (1 + free * total) * pull * last
        return np.concatenate([found, last / (1 + free * total)], axis=1), last

    def _totals(self, spread):
        """Return ``1^T B_t^-1 1`` of each task, (n_tasks, 1, 1)."""
        values, _, ones, _ = self._spectra
        shares = spread / (1 + spread * values)[:, :, None]
        return self.grams[:, -1:, -1:] - np.sum(shares * ones**2, axis=1, keepdims=True)

    def _system(self, alpha, relatedness, constant):
        """Return the factor of the equations of the common function, and their right side.

        Unknowns are in units of their prior standard deviation, 1 for the intercept.
        """
        values, vectors, ones, along = self._spectra
        spread, free = (1 - relatedness) / alpha, constant / alpha
        n_features = values.shape[1]
        rooted = vectors * np.sqrt(values / (1 + spread * values))[:, None]
        rooted = rooted.transpose(1, 0, 2).reshape(n_features, -1)
        system = np.zeros(self.grams.shape[1:])
        system[:n_features, :n_features] = rooted @ rooted.T
        right = self._through(along, self.moments[:, n_features:], spread=spread, free=free)[0]
        if self.intercept:
            total = self._totals(spread)
            by_ones, _ = self._through(ones, self.grams[:, -1:, -1:], spread=spread, free=free)
            pulls = by_ones[:, :-1, 0] * (1 + free * total[:, :, 0])
            shares = (free / (1 + free * total))[:, :, 0]
            system[:-1, :-1] -= (shares * pulls).T @ pulls
            system[-1] = system[:, -1] = by_ones[:, :, 0].sum(axis=0)
        scales = np.full(len(system), np.sqrt(relatedness / alpha))
        scales[n_features:] = 1
        system *= np.outer(scales, scales)
        system[np.arange(n_features), np.arange(n_features)] += 1
        return cholesky(system, lower=True), scales[:, None] * right.sum(axis=0), scales

    def criterion(self, alpha, relatedness, constant):
        """Return -2 times the log marginal likelihood, up to a constant; less is better."""
        values, _, ones, along = self._spectra
        spread, free = (1 - relatedness) / alpha, constant / alpha
        factor, right, _ = self._system(alpha, relatedness, constant)
        explained = np.sum(solve_triangular(factor, right, lower=True) ** 2, axis=0)
        shares = spread / (1 + spread * values)[:, :, None]
        explained += np.sum(shares * along**2, axis=(0, 1))
        complexity = np.log1p(spread * values).sum() + 2 * np.log(np.diag(factor)).sum()
        if self.intercept:
            total = self._totals(spread)
            last = self.moments[:, -1:] - np.sum(shares * ones * along, axis=1, keepdims=True)
            explained += np.sum(free / (1 + free * total) * last**2, axis=(0, 1))
            complexity += np.log1p(free * total).sum()
        return _deviance(self.squares, explained, complexity, self.weight - self.intercept)

    def solve(self, alpha, relatedness, constant):
        """Return common coefficients, (n_columns, n_outputs), and those of all tasks.

        The latter, (n_tasks, n_columns, n_outputs), include the common ones. With an intercept the
        last row has the intercepts.
        """
        _, vectors, _, _ = self._spectra
        factor, right, scales = self._system(alpha, relatedness, constant)
        common = scales[:, None] * cho_solve((factor, True), right)
        spread, free = (1 - relatedness) / alpha, constant / alpha
        rest = self.moments - self.grams @ common
        end = len(common) - self.intercept
        along = vectors.transpose(0, 2, 1) @ rest[:, :end]
        own, _ = self._through(along, rest[:, end:], spread=spread, free=free)
        own[:, :end] *= spread
        own[:, end:] *= free
        return common, common + own


@dataclass(frozen=True)
class DualTasks:
    """The kernel matrix of weighted rows of all tasks.

    Parameters
    ----------
    gram : ndarray of shape (n_rows, n_rows)
        The kernel k of rows.
    codes : ndarray of shape (n_rows,)
        The task of each row.
    numbers : ndarray of shape (n_rows, n_outputs)
        To be predicted.
    sample_weight : ndarray of shape (n_rows,)
    intercept : bool
    """

    gram: np.ndarray
    codes: np.ndarray
    numbers: np.ndarray
    sample_weight: np.ndarray
    intercept: bool

    @cached_property
    def _parts(self):
        """The kernels of functions, of functions within a task and of offsets, all weighted."""
        root = np.sqrt(self.sample_weight)
        same = np.where(self.codes[:, None] == self.codes, np.outer(root, root), 0.0)
        return np.outer(root, root) * self.gram, same * self.gram, same

    def _factor(self, alpha, relatedness, constant):
        """Return the factor of the covariance, and the numbers and the intercept through it."""
        common, own, same = self._parts
        covariance = relatedness / alpha * common
        covariance += (1 - relatedness) / alpha * own
        if constant:
            covariance += constant / alpha * same
        covariance[np.diag_indices_from(covariance)] += 1
        factor = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        root = np.sqrt(self.sample_weight)[:, None]
        sides = np.hstack([root * self.numbers, root]) if self.intercept else root * self.numbers
        both = solve_triangular(factor, sides, lower=True)
        n_outputs = self.numbers.shape[1]
        return factor, both[:, :n_outputs], both[:, n_outputs:]

    def criterion(self, alpha, relatedness, constant):
        """Return -2 times the log marginal likelihood, up to a constant; less is better."""
        factor, numbers, ones = self._factor(alpha, relatedness, constant)
        squares = self.sample_weight @ self.numbers**2
        residual = np.sum(numbers**2, axis=0)
        complexity = 2 * np.log(np.diag(factor)).sum()
        if self.intercept:
            total = np.sum(ones**2)
            residual = residual - (ones.T @ numbers)[0] ** 2 / total
            complexity += np.log(total)
        n_free = self.sample_weight.sum() - self.intercept
        return _deviance(squares, squares - residual, complexity, n_free)

    def solve(self, alpha, relatedness, constant):
        """Return the coefficient of each row, (n_rows, n_outputs), and the common intercept.

        The function of the task t is ``b + sum_i K((x, t), (x_i, t_i)) a_i``.
        """
        factor, numbers, ones = self._factor(alpha, relatedness, constant)
        intercept = np.zeros(numbers.shape[1])
        if self.intercept:
            intercept = (ones.T @ numbers)[0] / np.sum(ones**2)
            numbers = numbers - ones * intercept
        rows = solve_triangular(factor, numbers, lower=True, trans="T")
        return np.sqrt(self.sample_weight)[:, None] * rows / alpha, intercept


def _deviance(squares, explained, complexity, n_free):
    """Return -2 log marginal likelihood with the best noise of each output."""
    noise = np.maximum(squares - explained, _LEAST_NOISE * squares)
    return float(np.sum(n_free * np.log(noise[squares > 0]) + complexity))


def choose_strengths(criterion, *, scale, alpha=None, relatedness=None, constant=None):
    """Return the penalty, the relatedness and the constant of the least criterion.

    Parameters
    ----------
    criterion : callable
        Of these three, as that of `PrimalTasks`.
    scale : float
        The unit of the penalty and of the constant: the mean of ``k(x, x)``.
    alpha, relatedness, constant : float or None
        Given strengths. None: chosen.

    Returns
    -------
    alpha, relatedness, constant : float
    """
    given = alpha, relatedness, constant
    if None not in given:
        return given
    least, best = _least(criterion, scale, given)
    if relatedness is None and not _NEAR_END < best[1] < 1 - _NEAR_END:
        end = (best[0], float(round(best[1])), best[2])
        if None in (alpha, constant):
            least, best = min(
                (least, best), _least(criterion, scale, (alpha, end[1], constant), near=best)
            )
        elif criterion(*end) < least:
            best = end
    return best


def _least(criterion, scale, given, near=None):
    """Return the least criterion and its strengths, by the simplex method from the best start."""
    free = [k for k in range(3) if given[k] is None]

    def strengths(point):
        found = list(given)
        for k, value in zip(free, point, strict=True):
            found[k] = float(expit(value) if k == 1 else scale * np.exp(value))
        return tuple(found)

    def deviance(point):
        try:
            return criterion(*strengths(point))
        except LinAlgError:  # the penalty is too weak for rows that depend on each other
            return np.inf

    if near is None:
        starts = np.stack(np.meshgrid(*(_STARTS[k] for k in free)), axis=-1).reshape(-1, len(free))
    else:
        starts = np.array([[np.log(near[k] / scale) for k in free]])
    found = [(deviance(start), tuple(start)) for start in starts]
    least, start = min(found)
    simplex = np.vstack([start, start + np.eye(len(free))])
    options = {
        "xatol": 0.02,
        "fatol": 1e-3,
        "maxfev": 60 * len(free),
        "initial_simplex": simplex,
    }
    bounds = [_LIMITS[k] for k in free]
    refined = minimize(deviance, start, method="Nelder-Mead", bounds=bounds, options=options)
    least, start = min((least, start), (float(refined.fun), tuple(refined.x)))
    return least, strengths(start)


def task_products(X, codes, numbers, sample_weight, *, n_tasks):
    """Return the products of weighted rows of each task, ``X_t^T S_t X_t`` and ``X_t^T S_t Y_t``.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
    codes : ndarray of shape (n_rows,), dtype int
        The task of each row. A task may have no row.
    numbers : ndarray of shape (n_rows, n_outputs)
    sample_weight : ndarray of shape (n_rows,)
    n_tasks : int

    Returns
    -------
    grams : ndarray of shape (n_tasks, n_columns, n_columns)
    moments : ndarray of shape (n_tasks, n_columns, n_outputs)
    """
    grams = np.zeros((n_tasks, X.shape[1], X.shape[1]))
    moments = np.zeros((n_tasks, X.shape[1], numbers.shape[1]))
    for task, rows in rows_by_task(codes):
        weighted = sample_weight[rows, None] * X[rows]
        grams[task] = weighted.T @ X[rows]
        moments[task] = weighted.T @ numbers[rows]
    return grams, moments


def rows_by_task(codes):
    """Yield each task that has rows, and the indices of these in their order."""
    order = np.argsort(codes, kind="stable")
    tasks, starts = np.unique(codes[order], return_index=True)
    yield from zip(tasks.tolist(), np.split(order, starts[1:]), strict=True)


def linear_scores(X, codes, coefficients, intercepts):
    """Return the values of the linear function of each row's task.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_rows, n_features)
    codes : ndarray of shape (n_rows,), dtype int
    coefficients : ndarray of shape (n_tasks, n_features, n_outputs)
    intercepts : ndarray of shape (n_tasks, n_outputs)

    Returns
    -------
    scores : ndarray of shape (n_rows, n_outputs)
    """
    scores = np.empty((len(codes), intercepts.shape[1]))
    for task, rows in rows_by_task(codes):
        scores[rows] = X[rows] @ coefficients[task] + intercepts[task]
    return scores
