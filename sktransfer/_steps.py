"""What one step of a transfer pipeline is fitted with, and how it is fitted."""

import sys
from dataclasses import dataclass
from inspect import signature

import numpy as np
from scipy.sparse import issparse
from sklearn import config_context
from sklearn.base import TransformerMixin, is_classifier, is_regressor
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import check_consistent_length

from sktransfer._containers import as_array
from sktransfer._domains import hide_labels, is_labelled, labels_alone, read_sample_domain
from sktransfer._packing import concatenate, kind_of
from sktransfer._sklearn import (
    _num_samples,
    _print_elapsed_time,
    _routing_enabled,
    _safe_indexing,
    get_tags,
    index_method_params,
)


@dataclass(frozen=True)
class TrainingRows:
    """What a pipeline knows about its training rows.

    `labelled` is the mask of the rows whose labels the steps may see, None without `y`;
    `sample_domain` is as the user gave it, and may be None.
    """

    labelled: np.ndarray | None
    hidden: np.ndarray | None
    sample_domain: object

    def for_step(self, step, y, *, discrete):
        """Give what one step is fitted with: the labels, and the rows (None: all of them)."""
        if y is None:
            return StepRows(None, None, self.sample_domain)
        if not _requires_labels(step):
            seen = y if self.hidden is None else hide_labels(y, self.hidden)
            return StepRows(seen, None, self.sample_domain)
        if not self.labelled.any():
            raise ValueError(
                f"{type(step).__name__} needs labels, but no row has one that it may see; pass y "
                "with the labels that there are (missing values elsewhere)."
            )
        labels = labels_alone(y, self.labelled, discrete=discrete)
        rows = None if self.labelled.all() else np.flatnonzero(self.labelled)
        return StepRows(labels, rows, self.sample_domain)


@dataclass(frozen=True)
class StepRows:
    """What one step is fitted with: labels `y` of the rows `indices` (None: all rows)."""

    y: object
    indices: np.ndarray | None
    sample_domain: object


def read_rows(X, y, sample_domain, *, target_labels):
    """Read what the steps may see of the training rows, and refuse what does not fit together."""
    domains = read_sample_domain(sample_domain, _num_samples(X))
    if sample_domain is not None:
        sample_domain = as_array(sample_domain)  # some containers cannot be indexed by rows
    if y is not None:
        check_consistent_length(X, y)
    labelled = None if y is None else is_labelled(y)
    if target_labels != "ignore":
        return TrainingRows(labelled, None, sample_domain)
    if not domains.sources:
        raise ValueError(
            "target_labels='ignore' would hide the label of every row, since sample_domain names "
            "no source; pass sample_domain with source rows, or target_labels='use'."
        )
    if labelled is not None:
        labelled = labelled & ~domains.is_target
    return TrainingRows(labelled, domains.is_target, sample_domain)


# Where what scikit-learn composes of transformers keeps them: (name, transformer, ...).
_PARTS = ("steps", "transformers", "transformer_list")


def _requires_labels(step):
    """Tell whether a step learns from labels: predictors do, and whatever its tags say so of."""
    if not hasattr(step, "__sklearn_tags__") or _reads_unlabelled_rows(step):
        return False
    if is_classifier(step) or is_regressor(step) or get_tags(step).target_tags.required:
        return True
    parts = [part for name in _PARTS for _, part, *_ in getattr(step, name, ())]
    return _selects_by_labels(step) or any(map(_requires_labels, parts))


def _selects_by_labels(step):
    """Tell a feature selector that reads labels: its tags do not say so, because it need not."""
    selection = sys.modules.get("sklearn.feature_selection")  # without it there is no selector
    return (
        selection is not None
        and isinstance(step, selection.SelectorMixin)
        and not isinstance(step, selection.VarianceThreshold)
    )


def _reads_unlabelled_rows(step):
    """Tell a step, or a search over one, that makes use of rows without a label by itself."""
    if hasattr(step, "refit"):
        return _reads_unlabelled_rows(step.estimator)
    return getattr(step, "_reads_unlabelled_rows", False)


def takes_domain(method):
    """Tell whether a method of a step takes `sample_domain`, itself or for one of its parts."""
    if "sample_domain" in signature(method).parameters:
        return True
    owner = getattr(method, "__self__", None)  # a search or another meta-estimator passes it on
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature(method).parameters.values())
    if not takes_any or not hasattr(owner, "get_metadata_routing"):
        return False
    return bool(get_routing_for_object(owner).consumes(method.__name__, {"sample_domain"}))


def call(method, *args, sample_domain=None, **params):
    """Call a method of a step, with the domains of the rows where it takes them.

    Most of what scikit-learn composes of estimators (a ColumnTransformer, a vote, a plain Pipeline)
    hands `sample_domain` to its parts under metadata routing alone, which is then on for this call.
    """
    if sample_domain is None or not takes_domain(method):
        return method(*args, **params)
    by_itself = "sample_domain" in signature(method).parameters or _routing_enabled()
    if by_itself or not _hands_on_under_routing_alone(method.__self__):
        return method(*args, sample_domain=sample_domain, **params)
    with config_context(enable_metadata_routing=True):
        return method(*args, sample_domain=sample_domain, **params)


def _hands_on_under_routing_alone(owner):
    """A composition, or a search over one; others pass on what their ``fit`` is given."""
    if hasattr(owner, "refit"):
        return _hands_on_under_routing_alone(owner.estimator)
    return any(hasattr(owner, name) for name in (*_PARTS, "estimators"))


def fit_step(step, X, rows, params):
    """Fit one step on its rows."""
    fit_params = params["fit"] | {"sample_domain": rows.sample_domain}
    if rows.indices is not None:
        X = X.tocsr() if issparse(X) else X
        fit_params = index_method_params(X, fit_params, indices=rows.indices)
        X = _safe_indexing(X, rows.indices)
    return call(step.fit, X, rows.y, **fit_params)


def fit_and_transform(step, X, rows, params):
    """Fit one step on its rows and map all rows; give the mapped rows and the step.

    By its ``fit_transform`` where it has one of its own: that of a TargetEncoder gives a row a code
    that its own label had no part in, which ``transform`` cannot.
    """
    domain = rows.sample_domain
    is_told = domain is not None and (takes_domain(step.fit) or takes_domain(step.transform))
    at_once = hasattr(step, "fit_transform") and (not is_told or takes_domain(step.fit_transform))
    if at_once and rows.indices is None:
        return _fit_transform(step, X, rows, params), step
    if at_once and getattr(type(step), "fit_transform", None) is not TransformerMixin.fit_transform:
        return _fit_transform_some(step, X, rows, params), step
    if hasattr(step, "fit_transform"):
        params = params | {"fit": params["fit"] or params["fit_transform"]}
    fitted = fit_step(step, X, rows, params)
    return _transform(fitted, X, domain, params), fitted


def _fit_transform(step, X, rows, params):
    options = {"sample_domain": rows.sample_domain} | params["fit_transform"]
    return call(step.fit_transform, X, rows.y, **options)


def _fit_transform_some(step, X, rows, params):
    """Fit on some rows, map these at once and the others after that, and restore the order."""
    X = X.tocsr() if issparse(X) else X
    left = np.setdiff1d(np.arange(_num_samples(X)), rows.indices)
    whole = {"sample_domain": rows.sample_domain, **params["fit_transform"]}
    some = index_method_params(X, whole, indices=rows.indices)
    mapped = call(step.fit_transform, _safe_indexing(X, rows.indices), rows.y, **some)
    domain = _safe_indexing(rows.sample_domain, left) if rows.sample_domain is not None else None
    others = _transform(step, _safe_indexing(X, left), domain, params)
    order = np.argsort(np.concatenate([rows.indices, left]))
    return _safe_indexing(concatenate(kind_of(mapped), [mapped, others]), order)


def _transform(step, X, domain, params):
    return call(step.transform, X, **params["transform"] | {"sample_domain": domain})


def fit_transform_step(step, X, rows, *, params, message, caller, context):
    """Fit a middle step and map all rows (a function of its own, so that `memory` can cache it)."""
    with context.propagate_callback_context(step), _print_elapsed_time("Pipeline", message):
        context.call_on_fit_task_begin(estimator=caller, X=X, y=rows.y)
        Xt, fitted = fit_and_transform(step, X, rows, params)
        context.call_on_fit_task_end(estimator=caller, X=Xt, y=rows.y)
    return Xt, fitted
