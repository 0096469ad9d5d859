"""The number of components that there are, if more are asked for."""

from inspect import signature

import numpy as np

from sktransfer._messages import warn


def store_n_components(estimator, n_kept):
    """Store `n_components_`, and warn if the user asked for more than there are columns.

    The default is an upper bound for few columns too, and gives no warning.
    """
    estimator.n_components_ = n_kept
    asked, n_features = estimator.n_components, getattr(estimator, "n_features_in_", np.inf)
    default = signature(type(estimator)).parameters["n_components"].default
    if asked > max(n_kept, n_features) and asked != default:
        warn(
            f"n_components={asked!r} of {type(estimator).__name__} is clipped to {n_kept}: X has "
            f"{n_features} columns; choose at most {n_kept}.",
            UserWarning,
        )
