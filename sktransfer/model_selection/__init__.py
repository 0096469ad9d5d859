"""Splitters for scarce or missing target labels."""

from sktransfer.model_selection._repeated_target_fold import RepeatedTargetFold
from sktransfer.model_selection._target_fold import TargetFold

__all__ = ["RepeatedTargetFold", "TargetFold"]
