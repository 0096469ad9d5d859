"""The rows and labels that an estimator takes, stated as data.

The base in `_base` checks them, a transfer pipeline asks for them, and the guide prints them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Needs:
    """The rows that `fit` of an estimator takes, and the labels that it reads.

    A class states them in the attribute ``_needs``. It is a property if they depend on parameters.

    Parameters
    ----------
    sparse : bool, default=False
        Whether rows may be sparse. The method gets them in CSR format.
    dense_because : str, default=""
        The reason why sparse rows are refused, for the error: "it subtracts means".
    missing : bool, default=False
        Whether rows may have missing values (NaN).
    array_api : bool, default=False
        Whether rows may be arrays of another library than NumPy if ``array_api_dispatch`` is on.
    squares : bool, default=True
        Whether the method squares `X`. Values whose squares overflow or vanish are then refused.
    returns_squares : bool, default=False
        Whether the result has the square of the unit of `X`.
    min_features : int, default=1
        Fewest features.
    min_rows : int, default=1
        Fewest rows if there is no source.
    min_domain_rows : int, default=1
        Fewest rows of each domain if there is a source. For a weighter, all sources together are
        one domain.
    source_labels : bool, default=False
        Whether labels of source rows are read. The method gets None without it.
    target_labels : bool, default=False
        Whether labels of target rows are read. Without it they are missing in the method.
    labels_optional : bool, default=False
        Whether the method also works if `y` is None. It then gets None.
    every_source : bool, default=False
        Whether each source must have a labelled row.
    any_task : bool, default=False
        Whether any hashable value of ``sample_domain`` names a task, and no target row is needed.
        `predict` then takes ``sample_domain`` too.
    unlabelled_rows : {"used", "dropped", "refused"}, default="used"
        How rows without a label are treated. A transfer pipeline passes only labelled rows to a
        predictor that refuses the others.
    order_matters : bool, default=False
        Whether the order of the rows changes the result, as it does if minibatches are drawn.

    Examples
    --------
    >>> from sktransfer.base import BaseAligner, Needs
    >>> class CovarianceAligner(BaseAligner):
    ...     _needs = Needs(min_domain_rows=2, dense_because="it subtracts means")
    """

    sparse: bool = False
    dense_because: str = ""
    missing: bool = False
    array_api: bool = False
    squares: bool = True
    returns_squares: bool = False
    min_features: int = 1
    min_rows: int = 1
    min_domain_rows: int = 1
    source_labels: bool = False
    target_labels: bool = False
    labels_optional: bool = False
    every_source: bool = False
    any_task: bool = False
    unlabelled_rows: str = "used"
    order_matters: bool = False


def needs_of(estimator):
    """Return the `Needs` that an estimator states, None if it states none."""
    needs = getattr(estimator, "_needs", None)
    return needs if isinstance(needs, Needs) else None
