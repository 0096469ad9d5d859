"""The model that a pipeline is without its transfer."""

from inspect import signature

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sktransfer._routing import is_estimator


def without_transfer(estimator):
    """Return an estimator without the steps that map domains; itself if there are none.

    Of a pipeline, the middle steps whose ``fit`` has the parameter ``sample_domain`` are left out,
    and no label is hidden. A last step stays: if every row is a target row it is the plain method
    that it extends. Anything but a pipeline stays as it is.
    """
    if not isinstance(estimator, Pipeline):
        return estimator
    *middle, (name, last) = estimator.steps
    steps = [(each, without_transfer(step)) for each, step in middle if not _maps_domains(step)]
    steps.append((name, without_transfer(last)))
    params = {"steps": steps} | ({"target_labels": "use"} if hides_labels(estimator) else {})
    if len(params) == 1 and [step for _, step in steps] == [step for _, step in estimator.steps]:
        return estimator
    return clone(estimator).set_params(**params)


def hides_labels(estimator):
    """Return whether a pipeline hides the labels of target rows from all of its steps."""
    return getattr(estimator, "target_labels", None) == "ignore"


def with_labels(estimator):
    """Return an estimator that does not hide the labels of target rows."""
    return (
        clone(estimator).set_params(target_labels="use") if hides_labels(estimator) else estimator
    )


def _maps_domains(step):
    """Return whether a middle step takes the domains of rows itself, and is no pipeline."""
    is_mapper = is_estimator(step) and not isinstance(step, Pipeline)
    return is_mapper and "sample_domain" in signature(step.fit).parameters
