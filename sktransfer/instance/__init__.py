"""Instance transfer: which source rows to trust."""

from sktransfer.instance._discriminator_weighter import DiscriminatorWeighter
from sktransfer.instance._gaussian_weighter import GaussianWeighter
from sktransfer.instance._kliep_weighter import KLIEPWeighter
from sktransfer.instance._kmm_weighter import KMMWeighter
from sktransfer.instance._label_shift_weighter import LabelShiftWeighter
from sktransfer.instance._multi_source_tradaboost_classifier import MultiSourceTrAdaBoostClassifier
from sktransfer.instance._multi_view_tradaboost_classifier import MultiViewTrAdaBoostClassifier
from sktransfer.instance._nearest_neighbor_weighter import NearestNeighborWeighter
from sktransfer.instance._task_tradaboost_classifier import TaskTrAdaBoostClassifier
from sktransfer.instance._tradaboost_classifier import TrAdaBoostClassifier
from sktransfer.instance._tradaboost_regressor import TrAdaBoostRegressor
from sktransfer.instance._two_stage_tradaboost_regressor import TwoStageTrAdaBoostRegressor
from sktransfer.instance._ulsif_weighter import ULSIFWeighter
from sktransfer.instance._weighted_transfer_classifier import WeightedTransferClassifier
from sktransfer.instance._weighted_transfer_regressor import WeightedTransferRegressor

__all__ = [
    "DiscriminatorWeighter",
    "GaussianWeighter",
    "KLIEPWeighter",
    "KMMWeighter",
    "LabelShiftWeighter",
    "MultiSourceTrAdaBoostClassifier",
    "MultiViewTrAdaBoostClassifier",
    "NearestNeighborWeighter",
    "TaskTrAdaBoostClassifier",
    "TrAdaBoostClassifier",
    "TrAdaBoostRegressor",
    "TwoStageTrAdaBoostRegressor",
    "ULSIFWeighter",
    "WeightedTransferClassifier",
    "WeightedTransferRegressor",
]
