"""Every private scikit-learn name that the package uses: imports, and attributes of Pipeline.

A release of scikit-learn that moves one of them breaks this file and no other. `PROTOCOL` has the
names with an underscore that scikit-learn lets estimators set, or call on themselves.
"""

from sklearn.base import _fit_context
from sklearn.callback._callback_support import callback_management_context
from sklearn.linear_model._base import LinearClassifierMixin, LinearModel
from sklearn.model_selection._split import GroupsConsumerMixin
from sklearn.pipeline import Pipeline, _final_estimator_has, _name_estimators
from sklearn.utils import _safe_indexing
from sklearn.utils._array_api import check_same_namespace, get_namespace_and_device
from sklearn.utils._metadata_requests import COMPOSITE_METHODS, _routing_enabled
from sklearn.utils._missing import is_pandas_na
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils._tags import get_tags
from sklearn.utils._user_interface import _print_elapsed_time
from sklearn.utils.multiclass import _ovr_decision_function
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _check_sample_weight,
    _num_samples,
)
from sklearn.utils.validation import _check_method_params as index_method_params

PROTOCOL = {"_init_callback_context", "_n_features_out", "_parameter_constraints"}

__all__ = [
    "COMPOSITE_METHODS",
    "PROTOCOL",
    "GroupsConsumerMixin",
    "HasMethods",
    "Interval",
    "LinearClassifierMixin",
    "LinearModel",
    "StrOptions",
    "_check_feature_names",
    "_check_n_features",
    "_check_sample_weight",
    "_final_estimator_has",
    "_fit_context",
    "_name_estimators",
    "_num_samples",
    "_ovr_decision_function",
    "_print_elapsed_time",
    "_routing_enabled",
    "_safe_indexing",
    "callback_management_context",
    "can_fit_transform",
    "can_transform",
    "check_same_namespace",
    "get_namespace_and_device",
    "get_tags",
    "index_method_params",
    "is_pandas_na",
    "last_step",
    "method_params",
    "params_of_step",
    "step_message",
    "validate_parameter_constraints",
    "validate_steps",
]

# Whether a pipeline has these methods, for `available_if`.
can_fit_transform, can_transform = Pipeline._can_fit_transform, Pipeline._can_transform


def validate_steps(pipeline):
    """Raise scikit-learn's errors if the steps of a pipeline do not go together."""
    pipeline._validate_steps()


def last_step(pipeline):
    """Return the last step of a pipeline, "passthrough" for None and without steps."""
    return pipeline._final_estimator if pipeline.steps else "passthrough"


def step_message(pipeline, index):
    """Return the message about the time of a step; None if the pipeline is not verbose."""
    return pipeline._log_message(index)


def method_params(pipeline, method, params):
    """Return the parameters of a call of a method of a pipeline by the names of its steps."""
    return pipeline._check_method_params(method=method, props=params)


def params_of_step(pipeline, index, routed, params):
    """Return the parameters of one step, with those in `transform_input` mapped up to it."""
    name, _ = pipeline.steps[index]
    return pipeline._get_metadata_for_step(
        step_idx=index, step_params=routed[name], all_params=params
    )
