"""The data that one step of a transfer pipeline is fitted with, and its fit."""

import sys
from dataclasses import dataclass
from inspect import Parameter, signature

import numpy as np
from scipy.sparse import issparse
from sklearn.base import TransformerMixin, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_consistent_length

from sktransfer._containers import as_array
from sktransfer._domains import Domains, read_sample_domain, read_tasks
from sktransfer._labels import has_label, hide_labels, is_labelled, labels_alone
from sktransfer._messages import shown
from sktransfer._needs import needs_of
from sktransfer._packing import concatenate, kind_of
from sktransfer._routing import call, parts_of, takes_domain
from sktransfer._sklearn import (
    _num_samples,
    _print_elapsed_time,
    _safe_indexing,
    get_tags,
    index_method_params,
)


@dataclass(frozen=True)
class TrainingRows:
    """The pipeline's knowledge of its training rows.

    `labelled` is the mask of the rows whose labels the steps may see, None without `y`. A step that
    takes gaps in some of several columns also gets the rows with a label in any of them.
    `sample_domain` is that of the user, and may be None; `domains` is its form after reading.
    """

    labelled: np.ndarray | None
    hidden: np.ndarray | None
    sample_domain: object
    domains: Domains

    def for_step(self, step, y, *, discrete):
        """Return the labels and the rows that one step is fitted with (None: all rows)."""
        if y is None:
            return StepRows(None, None, self.sample_domain)
        if not _requires_labels(step):
            seen = y if self.hidden is None else hide_labels(y, self.hidden)
            return StepRows(seen, None, self.sample_domain)
        labelled = self.labelled
        if getattr(step, "_takes_gaps", False):
            labelled = has_label(y) if self.hidden is None else has_label(y) & ~self.hidden
        if not labelled.any():
            raise ValueError(
                f"{type(step).__name__} needs labels, but no row has one that it may see; pass y "
                "with the labels that there are (missing values elsewhere)."
            )
        labels = labels_alone(y, labelled, discrete=discrete)
        rows = None if labelled.all() else np.flatnonzero(labelled)
        return StepRows(labels, rows, self.sample_domain)


@dataclass(frozen=True)
class StepRows:
    """The data that one step is fitted with: labels `y` of the rows `indices` (None: all rows)."""

    y: object
    indices: np.ndarray | None
    sample_domain: object


def read_domains(sample_domain, n_samples, *, last_step):
    """Read the domain of each row as the last step of a pipeline reads it."""
    if _takes_any_task(last_step):
        return read_tasks(sample_domain, n_samples)
    return read_sample_domain(sample_domain, n_samples, require_target=False)


def _takes_any_task(step):
    needs = needs_of(step)
    return needs is not None and needs.any_task


def read_rows(X, y, sample_domain, *, target_labels, last_step):
    """Read the training rows that the steps may see, and refuse inconsistent ones."""
    is_given = sample_domain is not None
    domains = read_domains(sample_domain, _num_samples(X) if is_given else 0, last_step=last_step)
    # Some containers cannot be indexed by rows. A list can, and may hold tuples that name tasks.
    if is_given and not (_takes_any_task(last_step) and isinstance(sample_domain, list)):
        sample_domain = as_array(sample_domain)
    labelled = None if y is None else is_labelled(y)
    if is_given:
        without_target = len(domains.codes) and not domains.is_target.any()
        if without_target and not _takes_any_task(last_step):
            raise ValueError(
                f"sample_domain has no target row, only the sources {shown(domains.sources)}, so "
                "there is nothing to transfer to. If a splitter chose these rows, use TargetFold; "
                "learning_curve takes the first rows, so put target rows first in X, or loop over "
                "splits of the target rows as the guide on domains shows."
            )
        if y is not None:
            check_consistent_length(X, y)
    if target_labels != "ignore":
        return TrainingRows(labelled, None, sample_domain, domains)
    if not domains.sources:
        raise ValueError(
            "target_labels='ignore' would hide the label of every row, since sample_domain names "
            "no source; pass sample_domain with source rows, or target_labels='use'."
        )
    if labelled is not None:
        labelled = labelled & ~domains.is_target
    return TrainingRows(labelled, domains.is_target, sample_domain, domains)


def _requires_labels(step):
    """Tell whether a step learns from labels, itself or by one of its parts.

    A part that predicts says nothing by itself: IterativeImputer predicts features.
    """
    if isinstance(step, FrozenEstimator) or not hasattr(step, "__sklearn_tags__"):
        return False
    if _reads_unlabelled_rows(step):
        return False
    if _predicts(step) or get_tags(step).target_tags.required or _selects_by_labels(step):
        return True
    y = signature(step.fit).parameters.get("y")
    if y is not None and y.default is Parameter.empty:
        return True
    return any(_requires_labels(part) for part in parts_of(step) if not _predicts(part))


def _predicts(step):
    return hasattr(step, "__sklearn_tags__") and (is_classifier(step) or is_regressor(step))


def _selects_by_labels(step):
    """Tell a feature selector that reads labels: its tags do not say so, because it need not."""
    selection = sys.modules.get("sklearn.feature_selection")  # without it there is no selector
    return (
        selection is not None
        and isinstance(step, selection.SelectorMixin)
        and not isinstance(step, selection.VarianceThreshold)
    )


def _reads_unlabelled_rows(step):
    """Tell a step that makes use of rows without a label by itself.

    A search and a plain pipeline hand all labels on: they do if a part of them does, and if no
    other part needs labels.
    """
    needs = needs_of(step)
    if needs is not None:
        return needs.unlabelled_rows != "refused"
    if not isinstance(step, Pipeline) and not (
        hasattr(step, "refit") and hasattr(step, "estimator")
    ):
        return False
    parts = list(parts_of(step))
    return any(map(_reads_unlabelled_rows, parts)) and not any(map(_requires_labels, parts))


def fit_step(step, X, rows, params):
    """Fit one step on its rows."""
    fit_params = params["fit"] | {"sample_domain": rows.sample_domain}
    if rows.indices is not None:
        X = X.tocsr() if issparse(X) else X
        fit_params = index_method_params(X, fit_params, indices=rows.indices)
        X = _safe_indexing(X, rows.indices)
    return call(step.fit, X, rows.y, **fit_params)


def fit_and_predict(step, X, rows, params):
    """Fit a last step on its rows and return its ``fit_predict`` for all rows."""
    if rows.indices is None:
        options = {"sample_domain": rows.sample_domain} | params["fit_predict"]
        return call(step.fit_predict, X, rows.y, **options)
    fit_step(step, X, rows, params)
    return call(step.predict, X, sample_domain=rows.sample_domain)


def fit_and_transform(step, X, rows, params):
    """Fit one step on its rows and map all rows; return the mapped rows and the step.

    Uses the step's own ``fit_transform`` if it defines one: that of a TargetEncoder encodes a row
    without its own label, which ``transform`` cannot do.
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
