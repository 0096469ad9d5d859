"""Every private scikit-learn name that the package leans on, in one place.

A release of scikit-learn that moves one of them breaks this file and no other.
"""

from sklearn.base import _fit_context
from sklearn.callback._callback_support import callback_management_context
from sklearn.model_selection._split import GroupsConsumerMixin
from sklearn.pipeline import _final_estimator_has, _name_estimators
from sklearn.utils import _safe_indexing
from sklearn.utils._array_api import check_same_namespace, get_namespace_and_device
from sklearn.utils._metadata_requests import COMPOSITE_METHODS, _routing_enabled
from sklearn.utils._missing import is_pandas_na
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils._tags import get_tags
from sklearn.utils._user_interface import _print_elapsed_time
from sklearn.utils.validation import _check_method_params as index_method_params
from sklearn.utils.validation import _check_sample_weight, _num_samples

__all__ = [
    "COMPOSITE_METHODS",
    "GroupsConsumerMixin",
    "HasMethods",
    "Interval",
    "StrOptions",
    "_check_sample_weight",
    "_final_estimator_has",
    "_fit_context",
    "_name_estimators",
    "_num_samples",
    "_print_elapsed_time",
    "_routing_enabled",
    "_safe_indexing",
    "callback_management_context",
    "check_same_namespace",
    "get_namespace_and_device",
    "get_tags",
    "index_method_params",
    "is_pandas_na",
]
