"""A warning if weights leave few effective rows of the source."""

import numpy as np

from sktransfer._kernels.density_ratio import effective_sample_size
from sktransfer._messages import warn
from sktransfer.exceptions import TransferWarning

FEWEST = 10  # effective rows
LEAST_SHARE = 0.05  # of the source rows


def fewest_rows(n_rows):
    """Return the minimum effective number of rows for weights that can be trusted.

    10 rows, or 5 % if that is more; a quarter of the rows if there are fewer than 40.
    """
    return min(max(FEWEST, LEAST_SHARE * n_rows), n_rows / 4)


def warn_of_few_rows(weights, domains, *, estimator_name, remedy):
    """Warn with `TransferWarning` if few rows of the source take nearly all the weight.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,), dtype float64
        Weights of target rows are not used; rows of weight 0 count as rows.
    domains : Domains
        The sources are judged together and, if there are several, one by one.
    estimator_name : str
    remedy : str
        A phrase: an action that spreads the weights of this method.
    """
    names = domains.sources if len(domains.sources) > 1 else ()
    groups = {"": ~domains.is_target}
    groups |= {f" of the source {name!r}": domains.codes == k for k, name in enumerate(names)}
    few = []
    for words, rows in groups.items():
        n_rows = np.count_nonzero(rows)
        size = effective_sample_size(weights[rows])
        if size < fewest_rows(n_rows):
            few.append(f"{size:.3g} of the {n_rows} source rows{words}")
    if few:
        shown = "; ".join(few[:4]) + (f"; and {len(few) - 4} more sources" if len(few) > 4 else "")
        warn(
            f"The weights of {estimator_name} leave few effective rows: {shown[:400]}. A model "
            f"fitted with them follows these rows alone. {remedy}, or use an aligner if the "
            "domains hardly overlap; compare with the model without weights.",
            TransferWarning,
        )
