"""AdaptiveGaussianProcessRegressor: a Gaussian process that learns how related tasks are."""

from numbers import Real

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from sklearn.base import clone
from sklearn.gaussian_process.kernels import Kernel
from sklearn.utils.validation import check_is_fitted

from sktransfer._domains import TARGET
from sktransfer._kernels.related_gaussian import factorize, task_covariance
from sktransfer._messages import shown, warn
from sktransfer._needs import Needs
from sktransfer._rows import named_columns
from sktransfer._sklearn import Interval, StrOptions, _safe_indexing
from sktransfer.exceptions import TransferWarning
from sktransfer.parameter._base_source_transfer import TargetRows, _BaseSourceTransfer
from sktransfer.parameter._gaussian_process_onnx import kernel_refusal, write_kernel
from sktransfer.parameter._labels_of_sources import _ReadsNumbers
from sktransfer.parameter._related_rows import (
    FEWEST_ROWS,
    LARGEST,
    RelatedRows,
    default_kernel,
)
from sktransfer.parameter._sources import SourceModel

# Starts of the search for relatedness: a maximum may be on either side of 0.
_STARTS = (0.8, 0.0)

# Chosen noise is between these shares of the variance of the labels.
_LEAST_NOISE, _MOST_NOISE = 1e-6, 10.0

# An interval of relatedness that is wider than this, half of its range, says next to nothing.
_WIDE = 1.0


class AdaptiveGaussianProcessRegressor(_ReadsNumbers, _BaseSourceTransfer):
    """Fit a Gaussian process to target rows and sources, with a number for their relatedness.

    The functions of the target and of a source have the covariance ``l k(x, x')``, where l is the
    relatedness of the source [1]_. With l = 1 the rows of both are those of one function. With
    l = 0 the source has no effect, and with l < 0 it says the opposite. The numbers l, the noise of
    each domain and the parameters of the kernel are those of the largest likelihood. Without a
    source it is :class:`~sklearn.gaussian_process.GaussianProcessRegressor` with noise.

    It helps if target rows are few, and a smooth function explains them. The prediction has a
    standard deviation, which shows the regions in which the source is not enough. It hurts if
    target rows are so few that the likelihood contains nothing about relatedness; a warning then
    gives an interval. It also hurts if source and target differ by an offset or a gain alone, for
    which :class:`TransferRidge` needs fewer rows.

    Parameters
    ----------
    source : regressor or list of regressors, default=None
        Fitted source models, for the same columns. They are called, never fitted again, and clones
        of this estimator share them. A model counts as a function that is known everywhere.
    kernel : kernel of scikit-learn, default=None
        The covariance of a function, without noise. None is a constant times RBF, whose length
        starts at the median distance of the rows.
    relatedness : float, array-like of shape (n_sources,) or "auto", default="auto"
        The number l of each source, from -1 to 1. "auto" chooses them. With fewer than three target
        rows, which lie near any function by chance, it takes all rows as those of one function.
    noise : float or "auto", default="auto"
        The variance of the noise, the same in each domain. "auto" chooses one for each domain.
    likelihood : {"joint", "conditional"}, default="joint"
        The objective of the choice: "joint" the likelihood of all rows, "conditional" that of
        target rows given source rows, as in the paper. With a handful of target rows the latter is
        not enough to learn a kernel.
    normalize_y : bool, default=True
        Whether the numbers of all rows are centered and scaled, together.

    Attributes
    ----------
    relatedness_ : ndarray of shape (n_sources,)
        Of the models in `source`, then of the source domains, by name.
    relatedness_interval_ : ndarray of shape (n_sources, 2)
        The values whose log-likelihood is less than 1.92 below the largest, other parameters fixed;
        -1 and 1 if there are fewer than three target rows.
    kernel_ : kernel
        With the chosen parameters, for numbers that are normalized.
    noise_ : ndarray of shape (n_domains,)
        The variance of the noise of each source domain, by name, and of the target.
    log_likelihood_ : float
        The value that was maximized, for numbers that are normalized.
    sources_ : list of regressors
        The models in `source`.
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    Warns
    -----
    TransferWarning
        If a chosen relatedness is at its boundary, or its interval is wider than 1.

    See Also
    --------
    AdaptiveSVR : A correction by a kernel, with weights chosen by leave-one-out.
    TransferRidge : A factor and a linear correction.

    Notes
    -----
    The paper writes ``l = 2 (1 / (1 + a))^b - 1`` with the parameters a and b of a Gamma prior of
    the dissimilarity. The likelihood depends on l alone, which is chosen here. Each source may be
    related to the target by a number of its own, and two of them are then related by the product.
    Several sources, fitted models and the joint likelihood are ours. A model with the function f is
    the limit of many source rows without noise: the target has the mean ``l f(x)`` and the
    covariance ``(1 - l^2) k(x, x')``.

    A weight of 2 is the same as a row twice. All rows are in one matrix, so that some thousand rows
    fit into memory.

    References
    ----------
    .. [1] B. Cao, S. J. Pan, Y. Zhang, D.-Y. Yeung, Q. Yang, "Adaptive Transfer Learning", AAAI
       2010. https://ojs.aaai.org/index.php/AAAI/article/view/7682

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import AdaptiveGaussianProcessRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-3, 3, size=(68, 1))
    >>> sample_domain = np.repeat(["lab", "target"], [60, 8])
    >>> y = np.sin(3 * X[:, 0]) + np.where(sample_domain == "target", 0.5 * np.cos(X[:, 0]), 0)
    >>> X_new = np.linspace(-3, 3, 200)[:, None]
    >>> y_new = np.sin(3 * X_new[:, 0]) + 0.5 * np.cos(X_new[:, 0])
    >>> alone = AdaptiveGaussianProcessRegressor().fit(X[60:], y[60:])
    >>> model = AdaptiveGaussianProcessRegressor().fit(X, y, sample_domain=sample_domain)
    >>> round(alone.score(X_new, y_new), 2), round(model.score(X_new, y_new), 2)
    (0.8, 1.0)
    >>> model.relatedness_.round(2)
    array([1.])
    >>> y_mean, y_std = model.predict(X_new[:2], return_std=True)
    >>> y_std.round(2)
    array([0.05, 0.05])
    """

    _needs = Needs(
        dense_because="its kernels compare dense rows",
        source_labels=True,
        target_labels=True,
        every_source=True,
        unlabelled_rows="dropped",
    )

    _parameter_constraints: dict = {
        **_BaseSourceTransfer._parameter_constraints,
        "kernel": [Kernel, None],
        "relatedness": [StrOptions({"auto"}), Interval(Real, -1, 1, closed="both"), "array-like"],
        "noise": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "likelihood": [StrOptions({"conditional", "joint"})],
        "normalize_y": ["boolean"],
    }

    def __init__(
        self,
        source=None,
        *,
        kernel=None,
        relatedness="auto",
        noise="auto",
        likelihood="joint",
        normalize_y=True,
    ):
        self.source = source
        self.kernel = kernel
        self.relatedness = relatedness
        self.noise = noise
        self.likelihood = likelihood
        self.normalize_y = normalize_y

    def _learn_domains(self, rows_of, names, given, classes):
        parts = [_counted(rows_of(name)) for name in (*names, TARGET)]
        self.sources_, target = given, parts[-1]
        self._functions = [SourceModel(model, None) for model in given]
        self._X = np.concatenate([part.X for part in parts])
        self._tasks = np.repeat(np.arange(len(parts)), [len(part.labels) for part in parts])
        outputs = np.zeros((len(given), len(self._X)))
        for part, task in zip(parts, range(len(parts)), strict=True):
            for k, function in enumerate(self._functions):
                outputs[k, self._tasks == task] = function.outputs(part.X, part.given_X)[:, 0]
        labels = np.concatenate([part.labels for part in parts]).astype(np.float64)
        weight = np.concatenate([part.weights for part in parts])
        self._normalize(labels, outputs[:, -len(target.labels) :], weight)
        y, outputs = (labels - self._center) / self._scale, (outputs - self._center) / self._scale
        problem = RelatedRows(self._X, y, self._tasks, weight, outputs, self.likelihood)
        self._choose(problem, [*(f"source[{k}]" for k in range(len(given))), *names])
        mixing, self._covariance, _ = task_covariance(self.relatedness_, len(given))
        noise = self.noise_ / self._scale**2
        gram = self.kernel_(self._X)
        self._factor = factorize(gram, self._covariance, self._tasks, noise, weight)
        rest = y - np.sum(mixing[self._tasks] * outputs.T, axis=1)
        self._mixing = mixing[-1]
        self._alpha = cho_solve((self._factor, True), rest, check_finite=False)

    def _normalize(self, labels, outputs, weight):
        """Store the center and the scale of the numbers of all rows, and of known functions."""
        self._center, self._scale = 0.0, 1.0
        if self.normalize_y:
            counts = np.concatenate([weight, *[weight[-outputs.shape[1] :]] * len(outputs)])
            numbers = np.concatenate([labels, outputs.ravel()])
            self._center = float(np.average(numbers, weights=counts))
            spread = np.sqrt(np.average((numbers - self._center) ** 2, weights=counts))
            self._scale = float(spread) if spread > 0 else 1.0

    def _given_relatedness(self, n_sources):
        """Return the relatedness that the user gave, None if it is to be chosen."""
        if isinstance(self.relatedness, str):
            return None
        given = np.asarray(self.relatedness, dtype=np.float64)
        given = np.full(n_sources, float(given)) if given.ndim == 0 else given
        if given.shape != (n_sources,) or not (np.abs(given) <= 1).all():
            raise ValueError(
                f"relatedness={shown(self.relatedness)} has the shape {given.shape}, but there are "
                f"{n_sources} sources; pass a number from -1 to 1 for each, a single one, or "
                "'auto'."
            )
        return given

    def _choose(self, problem, names):
        """Store the kernel, the relatedness and the noise of largest likelihood."""
        n_sources, n_tasks = len(names), self._tasks.max() + 1
        kernel = default_kernel(self._X) if self.kernel is None else clone(self.kernel)
        given, few = self._given_relatedness(n_sources), problem.n_target < FEWEST_ROWS
        taken = np.full(n_sources, LARGEST) if given is None and few else given
        center = np.average(problem.y, weights=problem.weight)
        variance = np.average((problem.y - center) ** 2, weights=problem.weight) or 1.0
        bounds = np.log(np.array([_LEAST_NOISE, _MOST_NOISE]) * variance)
        noise = np.full(n_tasks, np.log(0.1 * variance))
        if not isinstance(self.noise, str):
            noise = np.full(n_tasks, np.log(self.noise / self._scale**2))
        free = np.concatenate(
            [
                np.ones(len(kernel.theta), dtype=bool),
                np.full(n_sources, taken is None),
                np.full(n_tasks, isinstance(self.noise, str)),
            ]
        )
        limits = [*kernel.bounds, *[(-LARGEST, LARGEST)] * n_sources, *[tuple(bounds)] * n_tasks]
        starts = [np.full(n_sources, start) for start in _STARTS] if taken is None else [taken]
        starts = starts if n_sources else starts[:1]
        best = None
        for start in starts:
            values = np.concatenate([kernel.theta, start, noise])
            found = problem.maximize(kernel, values, free, limits)
            best = found if best is None or found[0] > best[0] else best
        self.log_likelihood_, values = best
        theta, self.relatedness_, noise = problem.split(kernel, values)
        self.kernel_, self.noise_ = kernel.clone_with_theta(theta), noise * self._scale**2
        self.relatedness_interval_ = np.column_stack([self.relatedness_, self.relatedness_])
        if given is None and n_sources:
            self.relatedness_interval_ = problem.intervals(kernel, values, n_sources)
            self._warn_of_sources(names)

    def _warn_of_sources(self, names):
        """Warn if relatedness is at its boundary or says next to nothing."""
        for name, value, (low, high) in zip(
            names, self.relatedness_, self.relatedness_interval_, strict=True
        ):
            if high - low > _WIDE:
                warn(
                    f"The relatedness of the source {name!r} is taken as {value:.2f}, but may be "
                    f"anything from {low:.2f} to {high:.2f}, because target rows are too few or "
                    "too noisy; label more target rows, or pass relatedness.",
                    TransferWarning,
                )
            elif abs(value) > 0.999:
                warn(
                    f"The relatedness of the source {name!r} is at its boundary, {value:.4f}: its "
                    "rows count as target rows. Label more target rows, or pass relatedness, if "
                    "the domains are known to differ.",
                    TransferWarning,
                )

    @property
    def _no_onnx(self):
        refusals = (function.onnx_refusal() for function in self._functions)
        return kernel_refusal(self.kernel_) or next(filter(None, refusals), None)

    def _write_onnx(self, graph):
        alpha = self._scale * self._covariance[-1][self._tasks] * self._alpha
        across = write_kernel(graph, self.kernel_, self._X)
        parts = [graph.affine(alpha[:, None], self._center, rows=across)]
        for weight, function in zip(self._mixing, self._functions, strict=True):
            said = graph.add("Sub", function.write_onnx(graph), np.float64(self._center))
            parts.append(graph.add("Mul", said, weight))
        return graph.sum(parts)

    def predict(self, X, return_std=False, return_cov=False):
        """Predict the number of each row, without noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Target rows.
        return_std : bool, default=False
            Whether to return the standard deviation of each number as well.
        return_cov : bool, default=False
            Whether to return their covariance instead.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The mean.
        y_std : ndarray of shape (n_samples,)
            With `return_std`: of the function. The variance of a new label is larger by
            ``noise_[-1]``.
        y_cov : ndarray of shape (n_samples, n_samples)
            With `return_cov`.
        """
        check_is_fitted(self)
        if return_std and return_cov:
            raise ValueError(
                "return_std=True and return_cov=True cannot be combined; the standard deviations "
                "are the square roots of the diagonal of the covariance."
            )
        rows = self._read_rows(X, reset=False)
        own, given_X = self._covariance[-1], named_columns(X, rows)
        across = self.kernel_(rows, self._X) * own[self._tasks]
        y = across @ self._alpha
        for weight, function in zip(self._mixing, self._functions, strict=True):
            y += weight * (function.outputs(rows, given_X)[:, 0] - self._center) / self._scale
        y = self._center + self._scale * y
        if not (return_std or return_cov):
            return y
        solved = solve_triangular(self._factor, across.T, lower=True, check_finite=False)
        if return_cov:
            return y, self._scale**2 * (own[-1] * self.kernel_(rows) - solved.T @ solved)
        variance = own[-1] * self.kernel_.diag(rows) - np.sum(solved**2, axis=0)
        return y, self._scale * np.sqrt(np.maximum(variance, 0))


def _counted(rows):
    """Return the rows in an order of their own, equal ones as one row with the sum of weights."""
    rows = rows.in_order()
    equal = (rows.X[1:] == rows.X[:-1]).all(axis=1) & (rows.labels[1:] == rows.labels[:-1])
    first = np.flatnonzero(np.append(True, ~equal))
    given_X, weight = _safe_indexing(rows.given_X, first), np.add.reduceat(rows.weights, first)
    return TargetRows(rows.X[first], given_X, rows.labels[first], weight)
