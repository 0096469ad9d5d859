"""Splitters and scorers for scarce or missing target labels."""

from sktransfer.model_selection._repeated_target_fold import RepeatedTargetFold
from sktransfer.model_selection._reverse_validation import ReverseValidation
from sktransfer.model_selection._target_fold import TargetFold
from sktransfer.model_selection._transductive_fold import TransductiveFold

__all__ = ["RepeatedTargetFold", "ReverseValidation", "TargetFold", "TransductiveFold"]
