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
from sktransfer.transferability._feature_scores import (
    gbc_score,
    h_score,
    logme_score,
    nleep_score,
    parc_score,
    transrate_score,
)
from sktransfer.transferability._guarded_transfer_classifier import GuardedTransferClassifier
from sktransfer.transferability._guarded_transfer_regressor import GuardedTransferRegressor
from sktransfer.transferability._output_scores import leep_score, nce_score
from sktransfer.transferability._paired_interval import paired_interval
from sktransfer.transferability._proxy_a_distance import proxy_a_distance
from sktransfer.transferability._rank_backbones import rank_backbones
from sktransfer.transferability._rank_sources import rank_sources
from sktransfer.transferability._ranking import BackboneRanking, RankedCandidate, SourceRanking
from sktransfer.transferability._ridge_probe import RidgeProbe, ridge_probe
from sktransfer.transferability._shift_diagnosis import ShiftDiagnosis
from sktransfer.transferability._shift_report import ClassShare, ColumnShift, ShiftReport
from sktransfer.transferability._temperature_scaled_classifier import TemperatureScaledClassifier
from sktransfer.transferability._transfer_advisor import TransferAdvice, TransferAdvisor
from sktransfer.transferability._transfer_bound import TransferBound, transfer_bound
from sktransfer.transferability._weighted_conformal_classifier import WeightedConformalClassifier
from sktransfer.transferability._weighted_conformal_regressor import WeightedConformalRegressor

__all__ = [
    "BackboneRanking",
    "ClassShare",
    "ColumnShift",
    "ComparedModel",
    "ComparedSource",
    "Difference",
    "Estimate",
    "GuardedTransferClassifier",
    "GuardedTransferRegressor",
    "RankedCandidate",
    "RidgeProbe",
    "ShiftDiagnosis",
    "ShiftReport",
    "SourceRanking",
    "TemperatureScaledClassifier",
    "TransferAdvice",
    "TransferAdvisor",
    "TransferBound",
    "TransferComparison",
    "WeightedConformalClassifier",
    "WeightedConformalRegressor",
    "compare_transfer",
    "diagnose_shift",
    "gbc_score",
    "h_score",
    "leep_score",
    "logme_score",
    "nce_score",
    "nleep_score",
    "paired_interval",
    "parc_score",
    "proxy_a_distance",
    "rank_backbones",
    "rank_sources",
    "ridge_probe",
    "transfer_bound",
    "transrate_score",
]
