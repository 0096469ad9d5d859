"""ShiftDiagnosis: the difference between source and target, and whether it is more than chance."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import MetaEstimatorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.sparsefuncs import mean_variance_axis

from sktransfer._base import _BaseRowsEstimator
from sktransfer._domains import TARGET
from sktransfer._kernels.rows import order_of_rows
from sktransfer._kernels.two_samples import MOST_COLUMNS
from sktransfer._labels import is_labelled, labels_alone, read_classes
from sktransfer._magnitude import has_missing
from sktransfer._messages import warn
from sktransfer._needs import Needs
from sktransfer._random import generator, seeded_clones
from sktransfer._sklearn import HasMethods, Interval
from sktransfer.exceptions import TransferWarning
from sktransfer.transferability._shift_report import ShiftReport
from sktransfer.transferability._shift_tests import Rows, ShiftTests

TINY = 20  # rows of a domain
ALL_BUT_ALL = 0.9  # of the variance of many columns: the principal components are one column


class ShiftDiagnosis(MetaEstimatorMixin, _BaseRowsEstimator):
    """Report which parts of the data differ between source and target rows, and whether by chance.

    Three questions are asked in turn, each by a permutation test that holds its level. Do the rows
    differ? If so, do other class proportions explain it? If not, do other means and scales of the
    columns? With labels of target rows, a fourth test asks whether the source's model holds for
    them. The report also has each column's distance, the class proportions with intervals, and the
    number of source rows that weights would leave.

    It helps before a method is chosen, and if a model that was good becomes worse. It has limits.
    Covariate shift (other rows) and moved scales look alike without target labels, and want
    opposite remedies. A rule of the classes that changed is not seen without target labels. With
    100 rows a domain, other class proportions are often missed. With thousands of rows, any
    difference is found, and only its size says whether it matters. As an automatic choice of a
    method the diagnosis is worse than a vote of several.

    Parameters
    ----------
    estimator : classifier, default=None
        Learns the classes from labelled source rows. It has `predict_proba`, which need not be
        calibrated. None is a logistic regression on standardized columns.
    level : float, default=0.05
        The level of each test. Each end of an interval fails with this probability too.
    n_permutations : int, default=99
        Permutations a test. The smallest p-value is ``1 / (n_permutations + 1)``.
    random_state : int, RandomState instance or None, default=None
        Draws permutations, folds and bootstrap samples, and seeds `estimator`. None draws fresh
        entropy and keeps the seeds that `estimator` has.

    Attributes
    ----------
    report_ : ShiftReport
        All source rows against the target rows; with several sources, its ``sources`` has a report
        for each. In the common report each source is mapped onto the target's means and scales by
        itself.
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    Warns
    -----
    TransferWarning
        If a domain has fewer than 20 rows. Also if one of more than 30 columns has more than 90 %
        of the variance.

    See Also
    --------
    diagnose_shift : The same as a function.
    ShiftDisplay : Draws the report.

    Notes
    -----
    The first test is a ridge regression of the domain on the rows and their squares. All its
    permutations share one factorization. Beyond 30 columns the rows are replaced by 30 principal
    components, in the units of the columns: scale the columns first if their units differ. Class
    proportions are those by which the mean probabilities of target rows are explained [1]_; their
    intervals come from a bootstrap of both domains. They are given only if no difference is seen
    between target rows and source rows drawn in these proportions.

    A missing value (NaN) counts as the mean of its column, and a further column marks it, so that
    missing values alone can be a shift. In sparse rows missing values are refused. Labels that are
    numbers are no classes: the report then says nothing of class proportions.

    References
    ----------
    .. [1] Z. Lipton, Y.-X. Wang and A. Smola, "Detecting and correcting for label shift with black
       box predictors", ICML 2018. https://arxiv.org/abs/1802.03916
    .. [2] D. Lopez-Paz and M. Oquab, "Revisiting classifier two-sample tests", ICLR 2017.
       https://arxiv.org/abs/1610.06545
    .. [3] S. Rabanser, S. Günnemann and Z. Lipton, "Failing loudly: an empirical study of methods
       for detecting dataset shift", NeurIPS 2019. https://arxiv.org/abs/1810.11953

    Examples
    --------
    Half the source rows are ill, and a tenth of the target rows:

    >>> import numpy as np
    >>> from sktransfer import ShiftDiagnosis
    >>> rng = np.random.default_rng(0)
    >>> ill = np.repeat([True, False, True, False], [200, 200, 50, 450])
    >>> X = rng.normal(size=(900, 1)) + 3 * ill[:, None]
    >>> y = np.where(ill, "ill", "well").astype(object)
    >>> y[400:] = None
    >>> sample_domain = ["clinic"] * 400 + ["target"] * 500
    >>> diagnosis = ShiftDiagnosis(random_state=0).fit(X, y, sample_domain=sample_domain)
    >>> diagnosis.report_.family
    'class proportions'
    >>> ill = diagnosis.report_.shares[0]
    >>> ill.low < 0.1 < ill.high
    True
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict_proba"]), None],
        "level": [Interval(Real, 0, 0.5, closed="neither")],
        "n_permutations": [Interval(Integral, 19, None, closed="left")],
        "random_state": ["random_state"],
    }

    _no_onnx = "it describes the rows of fit and answers no others"

    _needs = Needs(
        sparse=True,
        missing=True,
        min_domain_rows=2,
        source_labels=True,
        target_labels=True,
        labels_optional=True,
    )

    def __init__(self, estimator=None, *, level=0.05, n_permutations=99, random_state=None):
        self.estimator = estimator
        self.level = level
        self.n_permutations = n_permutations
        self.random_state = random_state

    def _fit_rows(self, X, y, domains):
        if not domains.sources:
            self.report_ = ShiftReport(
                source=None, n_source=0, n_target=X.shape[0], level=self.level
            )
            return
        self._warn_of_few_rows(domains)
        rows = self._read(X, y, domains)
        self._warn_of_units(rows)
        rng = generator(self.random_state)
        parts = {name: self._sorted(rows, domains.rows(name)) for name in domains.sources}
        groups = {None: list(parts.values())} if len(parts) > 1 else {}
        groups |= {name: [part] for name, part in parts.items()}
        reports = [self._report(rows, name, group, rng) for name, group in groups.items()]
        self.report_ = reports[0].with_sources(reports[1:])

    def _report(self, rows, name, sources, rng):
        classifier = _default_classifier(rows.X) if self.estimator is None else self.estimator
        seed, seed_of_parts = rng.randint(2**31, size=2)
        tests = ShiftTests(
            rows,
            sources,
            level=self.level,
            n_permutations=self.n_permutations,
            clones=seeded_clones(
                classifier,
                5,
                generator=np.random.RandomState(seed_of_parts),
                keep_seeds=self.random_state is None,
            ),
            seed=seed,
        )
        return tests.report(name)

    def _read(self, X, y, domains):
        """Return the `Rows` of the fit."""
        names = list(getattr(self, "feature_names_in_", [f"x{k}" for k in range(X.shape[1])]))
        X = csr_array(X, dtype=np.float64) if issparse(X) else X.astype(np.float64)
        filled, seen = X, X
        if has_missing(X):
            if issparse(X):
                self._refuse_missing()
            filled, seen, marked = _fill(X)
            names += [f"{names[k]} is missing" for k in marked]
        classes, codes = _codes(y, domains)
        target = domains.rows(TARGET)
        target = target[order_of_rows(filled[target])]
        return Rows(filled, seen, names, codes, classes, target)

    @staticmethod
    def _sorted(rows, positions):
        return positions[order_of_rows(rows.X[positions], codes=rows.codes[positions])]

    def _warn_of_few_rows(self, domains):
        counts = {name: len(domains.rows(name)) for name in (*domains.sources, TARGET)}
        fewest = min(counts, key=counts.get)
        if counts[fewest] < TINY:
            warn(
                f"ShiftDiagnosis has {counts[fewest]} rows of {fewest!r}: the tests keep their "
                "level with so few, but miss most shifts. Take a p-value above the level for no "
                f"answer, or add rows, {TINY} at least and some hundreds for class proportions.",
                TransferWarning,
            )

    def _warn_of_units(self, rows):
        if len(rows.names) <= MOST_COLUMNS:
            return
        variances = mean_variance_axis(rows.X, 0)[1] if issparse(rows.X) else rows.X.var(axis=0)
        share = variances.max() / (variances.sum() or 1.0)
        if share > ALL_BUT_ALL:
            warn(
                f"ShiftDiagnosis tests the {MOST_COLUMNS} main principal components of the "
                f"{len(rows.names)} columns of X, but the column "
                f"{rows.names[variances.argmax()]!r} has {share:.1%} of their variance, and hides "
                "shifts of the others; scale the columns first, for example with StandardScaler.",
                TransferWarning,
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "diagnosis"
        return tags


def _default_classifier(X):
    return make_pipeline(StandardScaler(with_mean=not issparse(X)), LogisticRegression())


def _fill(X):
    """Return rows with the means of columns for missing values, those rows with NaN, and marks.

    Both get a column that marks the missing values of each column in `marked`.
    """
    missing = np.isnan(X)
    marked = np.flatnonzero(missing.any(axis=0))
    means = np.nansum(X, axis=0) / np.maximum((~missing).sum(axis=0), 1)
    marks = missing[:, marked].astype(np.float64)
    return np.hstack([np.where(missing, means, X), marks]), np.hstack([X, marks]), marked


def _codes(y, domains):
    """Return the classes of source rows, and the class of each row; -1 if it has none of them."""
    codes = np.full(len(domains.codes), -1)
    labelled = np.zeros(len(codes), dtype=bool) if y is None else is_labelled(y)
    known = labelled & ~domains.is_target
    if not known.any() or type_of_target(labels_alone(y, known, discrete=True)) == "continuous":
        return np.empty(0), codes
    classes, codes[known] = np.unique(read_classes(y, known), return_inverse=True)
    given = np.flatnonzero(labelled & domains.is_target)
    place = {label: k for k, label in enumerate(classes.tolist())}
    codes[given] = [place.get(label, -1) for label in y[given].tolist()]
    return classes, codes
