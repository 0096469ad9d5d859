"""diagnose_shift: the report of a ShiftDiagnosis in one call."""

from typing import Any

from numpy.typing import ArrayLike

from sktransfer.transferability._shift_diagnosis import ShiftDiagnosis
from sktransfer.transferability._shift_report import ShiftReport


def diagnose_shift(
    X: Any,
    y: Any = None,
    *,
    sample_domain: ArrayLike,
    level: float = 0.05,
    random_state: Any = None,
) -> ShiftReport:
    """Report which parts of the data differ between source and target rows, and whether by chance.

    It is `ShiftDiagnosis` as a function; its page says when to trust the answer and when not.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows of all domains.
    y : array-like of shape (n_samples,), default=None
        Labels; a missing value if a row has none. Those of target rows are read for one test only:
        whether the source's model holds.
    sample_domain : array-like of shape (n_samples,)
        ``"target"`` for a target row, else the name of the row's source.
    level : float, default=0.05
        The level of each test.
    random_state : int, RandomState instance or None, default=None
        Draws permutations, folds and bootstrap samples.

    Returns
    -------
    report : ShiftReport

    Warns
    -----
    TransferWarning
        If a domain has fewer than 20 rows.

    See Also
    --------
    ShiftDiagnosis : The estimator, with more parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import diagnose_shift
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2))
    >>> X[200:, 1] += 2
    >>> sample_domain = ["lab"] * 200 + ["target"] * 100
    >>> report = diagnose_shift(X, sample_domain=sample_domain, random_state=0)
    >>> report.family
    'rows or scales'
    >>> [column.name for column in report.columns if column.moved]
    ['x1']
    """
    diagnosis = ShiftDiagnosis(level=level, random_state=random_state)
    return diagnosis.fit(X, y, sample_domain=sample_domain).report_
