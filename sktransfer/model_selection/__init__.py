"""Splitters and scorers for scarce or missing target labels."""

from sktransfer.model_selection._average_thresholded_confidence import AverageThresholdedConfidence
from sktransfer.model_selection._batch_nuclear_norm import BatchNuclearNorm
from sktransfer.model_selection._class_ami import ClassAMI
from sktransfer.model_selection._deep_embedded_validation import DeepEmbeddedValidation
from sktransfer.model_selection._difference_of_confidences import DifferenceOfConfidences
from sktransfer.model_selection._domain_classifier_error import DomainClassifierError
from sktransfer.model_selection._importance_weighted_validation import ImportanceWeightedValidation
from sktransfer.model_selection._mixed_sample_validation import MixedSampleValidation
from sktransfer.model_selection._prediction_entropy import PredictionEntropy
from sktransfer.model_selection._repeated_target_fold import RepeatedTargetFold
from sktransfer.model_selection._reverse_validation import ReverseValidation
from sktransfer.model_selection._select_by_agreement import select_by_agreement
from sktransfer.model_selection._soft_neighborhood_density import SoftNeighborhoodDensity
from sktransfer.model_selection._target_fold import TargetFold
from sktransfer.model_selection._transductive_fold import TransductiveFold

__all__ = [
    "AverageThresholdedConfidence",
    "BatchNuclearNorm",
    "ClassAMI",
    "DeepEmbeddedValidation",
    "DifferenceOfConfidences",
    "DomainClassifierError",
    "ImportanceWeightedValidation",
    "MixedSampleValidation",
    "PredictionEntropy",
    "RepeatedTargetFold",
    "ReverseValidation",
    "SoftNeighborhoodDensity",
    "TargetFold",
    "TransductiveFold",
    "select_by_agreement",
]
