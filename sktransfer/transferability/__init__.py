"""Whether to transfer at all: comparisons with no transfer, and estimators that are guarded."""

from sktransfer.transferability._guarded_transfer_classifier import GuardedTransferClassifier
from sktransfer.transferability._guarded_transfer_regressor import GuardedTransferRegressor
from sktransfer.transferability._paired_interval import paired_interval

__all__ = ["GuardedTransferClassifier", "GuardedTransferRegressor", "paired_interval"]
