"""Instance transfer: which source rows to trust."""

from sktransfer.instance._tradaboost_classifier import TrAdaBoostClassifier

__all__ = ["TrAdaBoostClassifier"]
