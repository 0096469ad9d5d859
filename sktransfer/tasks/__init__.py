"""Many tasks at once, and a new one: each value of ``sample_domain`` names a task."""

from sktransfer.tasks._learned_prior_classifier import LearnedPriorClassifier
from sktransfer.tasks._learned_prior_regressor import LearnedPriorRegressor
from sktransfer.tasks._multi_task_feature_classifier import MultiTaskFeatureClassifier
from sktransfer.tasks._multi_task_feature_regressor import MultiTaskFeatureRegressor
from sktransfer.tasks._regularized_multi_task_classifier import RegularizedMultiTaskClassifier
from sktransfer.tasks._regularized_multi_task_regressor import RegularizedMultiTaskRegressor
from sktransfer.tasks._task_graph import TaskGraph

__all__ = [
    "LearnedPriorClassifier",
    "LearnedPriorRegressor",
    "MultiTaskFeatureClassifier",
    "MultiTaskFeatureRegressor",
    "RegularizedMultiTaskClassifier",
    "RegularizedMultiTaskRegressor",
    "TaskGraph",
]
