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

    Returns
    -------
    few : bool
        Whether it warned.
    """
    names = domains.sources if len(domains.sources) > 1 else ()
    masks = {None: ~domains.is_target}
    masks |= {name: domains.codes == k for k, name in enumerate(names)}
    sizes = {
        name: (np.count_nonzero(rows), effective_sample_size(weights[rows]))
        for name, rows in masks.items()
    }
    return warn_of_sizes(sizes, estimator_name=estimator_name, remedy=remedy)


def warn_of_sizes(sizes, *, estimator_name, remedy):
    """Warn with `TransferWarning` if an effective number of rows is small.

    Parameters
    ----------
    sizes : dict of str or None to (int, float)
        The number of rows and the effective number of each source; None: of all together.
    estimator_name, remedy : str
        As for `warn_of_few_rows`.

    Returns
    -------
    few : bool
        Whether it warned.
    """
    few = [
        f"{size:.3g} of the {n_rows} source rows"
        + ("" if name is None else f" of the source {name!r}")
        for name, (n_rows, size) in sizes.items()
        if size < fewest_rows(n_rows)
    ]
    if few:
        shown = "; ".join(few[:4]) + (f"; and {len(few) - 4} more sources" if len(few) > 4 else "")
        warn(
            f"The weights of {estimator_name} leave few effective rows: {shown[:400]}. A model "
            f"fitted with them follows these rows alone. {remedy}, or use an aligner if the "
            "domains hardly overlap; compare with the model without weights.",
            TransferWarning,
        )
    return bool(few)
