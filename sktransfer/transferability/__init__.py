"""Whether to transfer at all: comparisons with no transfer, and estimators that are guarded."""

from sktransfer.transferability._compare_transfer import compare_transfer
from sktransfer.transferability._comparison import (
    ComparedModel,
    ComparedSource,
    Difference,
    TransferComparison,
)
from sktransfer.transferability._guarded_transfer_classifier import GuardedTransferClassifier
from sktransfer.transferability._guarded_transfer_regressor import GuardedTransferRegressor
from sktransfer.transferability._paired_interval import paired_interval

__all__ = [
    "ComparedModel",
    "ComparedSource",
    "Difference",
    "GuardedTransferClassifier",
    "GuardedTransferRegressor",
    "TransferComparison",
    "compare_transfer",
    "paired_interval",
]
