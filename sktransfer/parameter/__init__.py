"""Parameter transfer: start from a fitted model, and stay near it."""

from sktransfer.parameter._adaptive_gaussian_process_regressor import (
    AdaptiveGaussianProcessRegressor,
)
from sktransfer.parameter._adaptive_svc import AdaptiveSVC
from sktransfer.parameter._adaptive_svr import AdaptiveSVR
from sktransfer.parameter._transfer_forest_classifier import TransferForestClassifier
from sktransfer.parameter._transfer_forest_regressor import TransferForestRegressor
from sktransfer.parameter._transfer_logistic_regression import TransferLogisticRegression
from sktransfer.parameter._transfer_ridge import TransferRidge
from sktransfer.parameter._transfer_ridge_classifier import TransferRidgeClassifier
from sktransfer.parameter._transfer_stacking_classifier import TransferStackingClassifier
from sktransfer.parameter._transfer_stacking_regressor import TransferStackingRegressor

__all__ = [
    "AdaptiveGaussianProcessRegressor",
    "AdaptiveSVC",
    "AdaptiveSVR",
    "TransferForestClassifier",
    "TransferForestRegressor",
    "TransferLogisticRegression",
    "TransferRidge",
    "TransferRidgeClassifier",
    "TransferStackingClassifier",
    "TransferStackingRegressor",
]
