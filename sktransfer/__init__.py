"""Transfer learning that lives inside scikit-learn.

The public names are imported from their modules when they are first used, so that
``import sktransfer`` costs nothing that is not needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME_OF = {
    "AdaptedNetworkClassifier": "sktransfer.deep",
    "AdaptedNetworkRegressor": "sktransfer.deep",
    "AdaptiveGaussianProcessRegressor": "sktransfer.parameter",
    "AdaptiveSVC": "sktransfer.parameter",
    "AdaptiveSVR": "sktransfer.parameter",
    "AverageThresholdedConfidence": "sktransfer.model_selection",
    "BatchNuclearNorm": "sktransfer.model_selection",
    "ClassAMI": "sktransfer.model_selection",
    "CORALAligner": "sktransfer.feature",
    "ClassPriorClassifier": "sktransfer.few_shot",
    "ColumnBridge": "sktransfer.feature",
    "CombatAligner": "sktransfer.feature",
    "CodebookTransfer": "sktransfer.relational",
    "CollectiveFactorization": "sktransfer.relational",
    "CompareTransferDisplay": "sktransfer.plotting",
    "DeepEmbeddedValidation": "sktransfer.model_selection",
    "DenoisingEncoder": "sktransfer.feature",
    "DifferenceOfConfidences": "sktransfer.model_selection",
    "DirectStandardization": "sktransfer.feature",
    "DiscriminatorWeighter": "sktransfer.instance",
    "DomainAugmenter": "sktransfer.feature",
    "DomainClassifierError": "sktransfer.model_selection",
    "FineTuneClassifier": "sktransfer.deep",
    "FineTuneRegressor": "sktransfer.deep",
    "FreezeDepthDisplay": "sktransfer.plotting",
    "GaussianWeighter": "sktransfer.instance",
    "GuardedTransferClassifier": "sktransfer.transferability",
    "GuardedTransferDisplay": "sktransfer.plotting",
    "GuardedTransferRegressor": "sktransfer.transferability",
    "GeodesicFlowAligner": "sktransfer.feature",
    "ImportanceWeightedValidation": "sktransfer.model_selection",
    "KLIEPWeighter": "sktransfer.instance",
    "KMMWeighter": "sktransfer.instance",
    "LearnedPriorClassifier": "sktransfer.tasks",
    "LearnedPriorRegressor": "sktransfer.tasks",
    "LabelShiftWeighter": "sktransfer.instance",
    "JointDistributionAligner": "sktransfer.feature",
    "MixedSampleValidation": "sktransfer.model_selection",
    "MomentAligner": "sktransfer.feature",
    "MultiTaskFeatureClassifier": "sktransfer.tasks",
    "MultiTaskFeatureRegressor": "sktransfer.tasks",
    "MultiSourceTrAdaBoostClassifier": "sktransfer.instance",
    "MultiViewTrAdaBoostClassifier": "sktransfer.instance",
    "NearestNeighborWeighter": "sktransfer.instance",
    "OptimalTransportAligner": "sktransfer.feature",
    "PredictionEntropy": "sktransfer.model_selection",
    "PretrainedAudioExtractor": "sktransfer.deep",
    "PretrainedFeatureExtractor": "sktransfer.deep",
    "PretrainedTextExtractor": "sktransfer.deep",
    "PrototypeClassifier": "sktransfer.few_shot",
    "RegularizedMultiTaskClassifier": "sktransfer.tasks",
    "RegularizedMultiTaskRegressor": "sktransfer.tasks",
    "RelationMapper": "sktransfer.relational",
    "RepeatedTargetFold": "sktransfer.model_selection",
    "ReverseValidation": "sktransfer.model_selection",
    "SelfTaughtClustering": "sktransfer.cluster",
    "SelfTaughtEncoder": "sktransfer.feature",
    "ShiftDiagnosis": "sktransfer.transferability",
    "ShiftDisplay": "sktransfer.plotting",
    "SoftNeighborhoodDensity": "sktransfer.model_selection",
    "StructuralEncoder": "sktransfer.feature",
    "SubspaceAligner": "sktransfer.feature",
    "TargetFold": "sktransfer.model_selection",
    "TaskGraph": "sktransfer.tasks",
    "TaskGraphDisplay": "sktransfer.plotting",
    "TaskTrAdaBoostClassifier": "sktransfer.instance",
    "TrAdaBoostClassifier": "sktransfer.instance",
    "TrAdaBoostRegressor": "sktransfer.instance",
    "TwoStageTrAdaBoostRegressor": "sktransfer.instance",
    "TemperatureScaledClassifier": "sktransfer.transferability",
    "TransductiveFold": "sktransfer.model_selection",
    "TransductivePrototypeClassifier": "sktransfer.few_shot",
    "TransferAdvisor": "sktransfer.transferability",
    "TransferComponentAligner": "sktransfer.feature",
    "TransferForestClassifier": "sktransfer.parameter",
    "TransferForestRegressor": "sktransfer.parameter",
    "TransferPipeline": "sktransfer.pipeline",
    "TransferLogisticRegression": "sktransfer.parameter",
    "TransferRidge": "sktransfer.parameter",
    "TransferRidgeClassifier": "sktransfer.parameter",
    "TransferStackingClassifier": "sktransfer.parameter",
    "TransferStackingRegressor": "sktransfer.parameter",
    "TransferWarning": "sktransfer.exceptions",
    "TransferredDiscriminantAnalysis": "sktransfer.cluster",
    "TransferJointAligner": "sktransfer.feature",
    "ULSIFWeighter": "sktransfer.instance",
    "WeightedConformalClassifier": "sktransfer.transferability",
    "WeightedConformalRegressor": "sktransfer.transferability",
    "WeightedTransferClassifier": "sktransfer.instance",
    "WeightedTransferRegressor": "sktransfer.instance",
    "ZeroShotClassifier": "sktransfer.few_shot",
    "diagnose_shift": "sktransfer.transferability",
    "load_features": "sktransfer.deep",
    "make_transfer_pipeline": "sktransfer.pipeline",
    "pack_domains": "sktransfer._packing",
    "compare_transfer": "sktransfer.transferability",
    "paired_interval": "sktransfer.transferability",
    "proxy_a_distance": "sktransfer.transferability",
    "rank_backbones": "sktransfer.transferability",
    "rank_sources": "sktransfer.transferability",
    "ridge_probe": "sktransfer.transferability",
    "select_by_agreement": "sktransfer.model_selection",
    "store_features": "sktransfer.deep",
    "to_onnx": "sktransfer._to_onnx",
    "transfer_bound": "sktransfer.transferability",
    "trusted_types": "sktransfer._trusted_types",
    "unpack_domains": "sktransfer._packing",
}

__all__ = sorted(_HOME_OF)

if TYPE_CHECKING:  # the same names for type checkers and editors, which do not run `__getattr__`
    from sktransfer._packing import pack_domains as pack_domains
    from sktransfer._packing import unpack_domains as unpack_domains
    from sktransfer._to_onnx import to_onnx as to_onnx
    from sktransfer._trusted_types import trusted_types as trusted_types
    from sktransfer.cluster import *  # noqa: F403
    from sktransfer.deep import AdaptedNetworkClassifier as AdaptedNetworkClassifier
    from sktransfer.deep import AdaptedNetworkRegressor as AdaptedNetworkRegressor
    from sktransfer.deep import FineTuneClassifier as FineTuneClassifier
    from sktransfer.deep import FineTuneRegressor as FineTuneRegressor
    from sktransfer.deep import PretrainedAudioExtractor as PretrainedAudioExtractor
    from sktransfer.deep import PretrainedFeatureExtractor as PretrainedFeatureExtractor
    from sktransfer.deep import PretrainedTextExtractor as PretrainedTextExtractor
    from sktransfer.deep import load_features as load_features
    from sktransfer.deep import store_features as store_features
    from sktransfer.exceptions import *  # noqa: F403
    from sktransfer.feature import *  # noqa: F403
    from sktransfer.few_shot import *  # noqa: F403
    from sktransfer.instance import *  # noqa: F403
    from sktransfer.model_selection import *  # noqa: F403
    from sktransfer.parameter import *  # noqa: F403
    from sktransfer.pipeline import *  # noqa: F403
    from sktransfer.plotting import *  # noqa: F403
    from sktransfer.relational import *  # noqa: F403
    from sktransfer.tasks import *  # noqa: F403
    from sktransfer.transferability import GuardedTransferClassifier as GuardedTransferClassifier
    from sktransfer.transferability import GuardedTransferRegressor as GuardedTransferRegressor
    from sktransfer.transferability import ShiftDiagnosis as ShiftDiagnosis
    from sktransfer.transferability import (
        TemperatureScaledClassifier as TemperatureScaledClassifier,
    )
    from sktransfer.transferability import TransferAdvisor as TransferAdvisor
    from sktransfer.transferability import (
        WeightedConformalClassifier as WeightedConformalClassifier,
    )
    from sktransfer.transferability import WeightedConformalRegressor as WeightedConformalRegressor
    from sktransfer.transferability import compare_transfer as compare_transfer
    from sktransfer.transferability import diagnose_shift as diagnose_shift
    from sktransfer.transferability import paired_interval as paired_interval
    from sktransfer.transferability import proxy_a_distance as proxy_a_distance
    from sktransfer.transferability import rank_backbones as rank_backbones
    from sktransfer.transferability import rank_sources as rank_sources
    from sktransfer.transferability import ridge_probe as ridge_probe
    from sktransfer.transferability import transfer_bound as transfer_bound


def __getattr__(name):
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return [*globals(), *__all__]
