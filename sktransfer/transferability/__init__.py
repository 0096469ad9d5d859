"""Whether transfer helps: comparisons with no transfer, guarded estimators, diagnosis of shift."""

from sktransfer.transferability._compare_transfer import compare_transfer
from sktransfer.transferability._comparison import (
    ComparedModel,
    ComparedSource,
    Difference,
    TransferComparison,
)
from sktransfer.transferability._diagnose_shift import diagnose_shift
from sktransfer.transferability._estimate import Estimate
from sktransfer.transferability._guarded_transfer_classifier import GuardedTransferClassifier
from sktransfer.transferability._guarded_transfer_regressor import GuardedTransferRegressor
from sktransfer.transferability._paired_interval import paired_interval
from sktransfer.transferability._proxy_a_distance import proxy_a_distance
from sktransfer.transferability._shift_diagnosis import ShiftDiagnosis
from sktransfer.transferability._shift_report import ClassShare, ColumnShift, ShiftReport
from sktransfer.transferability._transfer_bound import TransferBound, transfer_bound

__all__ = [
    "ClassShare",
    "ColumnShift",
    "ComparedModel",
    "ComparedSource",
    "Difference",
    "Estimate",
    "GuardedTransferClassifier",
    "GuardedTransferRegressor",
    "ShiftDiagnosis",
    "ShiftReport",
    "TransferBound",
    "TransferComparison",
    "compare_transfer",
    "diagnose_shift",
    "paired_interval",
    "proxy_a_distance",
    "transfer_bound",
]
