"""The base estimator of a meta-estimator: requirements, and how it gets weights."""

from sklearn import config_context
from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from sktransfer._magnitude import NUMERICAL_ERRORS, single_precision_error
from sktransfer._sklearn import GroupsConsumerMixin, _routing_enabled


def check_learner(estimator, *, kind="classifier", weighted=True):
    """Raise ValueError if `estimator` is of the other kind, or takes no weights.

    Parameters
    ----------
    estimator : estimator
        The estimator. For a Pipeline the last step is checked, for a search its `estimator`.
    kind : {"classifier", "regressor"}, default="classifier"
    weighted : bool, default=True
        Whether its `fit` must take `sample_weight`.
    """
    innermost = innermost_learner(estimator)
    is_other, other = {
        "classifier": (is_regressor, "regressor"),
        "regressor": (is_classifier, "classifier"),
    }[kind]
    if is_other(innermost):
        raise ValueError(f"estimator={estimator!r} is a {other}; pass a {kind}.")
    if weighted and not has_fit_parameter(innermost, "sample_weight"):
        raise ValueError(
            f"estimator={estimator!r} takes no sample_weight in fit, which is how it learns "
            f"that some rows count more; pass a {kind} that does (of a Pipeline, the last step)."
        )


def innermost_learner(estimator):
    """Return the estimator that uses the weights of rows, inside Pipelines and searches.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    learner : estimator
        The last step of a Pipeline, the `estimator` of a search; otherwise `estimator` itself.
    """
    while isinstance(estimator, Pipeline) or _is_search(estimator):
        is_pipeline = isinstance(estimator, Pipeline)
        estimator = estimator.steps[-1][1] if is_pipeline else estimator.estimator
    return estimator


def needs_groups(estimator):
    """Return whether an estimator is a search whose splitter reads ``groups``."""
    return _is_search(estimator) and isinstance(getattr(estimator, "cv", None), GroupsConsumerMixin)


def _is_search(estimator):
    """Return whether it is a search over parameters, whose `fit` passes its arguments on."""
    return hasattr(estimator, "refit") and hasattr(estimator, "estimator")


def weight_parameter(estimator):
    """Return the name of the fit parameter for the weights of rows.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    name : str
        ``"sample_weight"``. For a Pipeline it is the last step's, as in ``"svc__sample_weight"``,
        for a search that of its `estimator`. If metadata routing is on, the user's requests decide
        which steps get weights.
    """
    if _is_search(estimator) and not _routing_enabled():
        return weight_parameter(estimator.estimator)
    if isinstance(estimator, Pipeline) and not _routing_enabled():
        name, last_step = estimator.steps[-1]
        return f"{name}__{weight_parameter(last_step)}"
    return "sample_weight"


def fit_with_weights(learner, X, y, weights):
    """Fit a learner on weighted rows.

    Metadata routing is as `routing_of_weights` says.

    Parameters
    ----------
    learner : estimator
    X, y : array-like
    weights : ndarray of shape (n_samples,)

    Returns
    -------
    learner : estimator
        The fitted learner.

    Raises
    ------
    ValueError
        As for `fit_learner`.
    """
    with routing_of_weights(learner):
        return fit_learner(learner, X, y, **{weight_parameter(learner): weights})


def routing_of_weights(learner):
    """Return a context in which metadata routing is on only if it is and a part requests weights.

    A composition around the fit may have turned it on for `sample_domain`.
    """
    routing = get_routing_for_object(learner) if _routing_enabled() else None
    requested = routing is not None and bool(routing.consumes("fit", {"sample_weight"}))
    return config_context(enable_metadata_routing=requested)


def fit_learner(learner, X, y, **params):
    """Fit a learner.

    Parameters
    ----------
    learner : estimator
    X, y : array-like
    **params : dict
        Parameters of its `fit`.

    Returns
    -------
    learner : estimator
        The fitted learner.

    Raises
    ------
    ValueError
        If the learner raises an error and X is in float32, too large or too small to be squared.
    """
    try:
        return learner.fit(X, y, **params)
    except (ValueError, *NUMERICAL_ERRORS) as error:
        reason = single_precision_error(error, X, learner)
        if reason is error:
            raise
        raise reason from error
