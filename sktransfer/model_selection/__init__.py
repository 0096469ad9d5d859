"""Splitters for data of several domains."""

from sktransfer.model_selection._target_fold import TargetFold

__all__ = ["TargetFold"]
