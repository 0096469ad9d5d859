"""Pretrained networks as scikit-learn estimators.

Nothing heavy is imported before a name is used: neither torch, nor ONNX Runtime, nor Pillow.
"""

from importlib import import_module
from typing import TYPE_CHECKING

_HOME = {
    "ADDA": "_adaptations.adversaries",
    "CDAN": "_adaptations.adversaries",
    "CORAL": "_adaptations.discrepancies",
    "DAN": "_adaptations.discrepancies",
    "DANN": "_adaptations.adversaries",
    "DomainConfusion": "_adaptations.adversaries",
    "JAN": "_adaptations.discrepancies",
    "MCC": "_adaptations.discrepancies",
    "MDD": "_adaptations.adversaries",
    "AdaptedNetworkClassifier": "_adapted_network_classifier",
    "AdaptedNetworkRegressor": "_adapted_network_regressor",
    "Augmentation": "_augmentation",
    "Backbone": "_backbone",
    "FineTuneClassifier": "_fine_tune_classifier",
    "FineTuneRegressor": "_fine_tune_regressor",
    "Head": "_training.head",
    "ImageFormat": "_images.image_format",
    "LoadReport": "_networks.torch.checkpoints",
    "Preprocessing": "_preprocessing",
    "PretrainedAudioExtractor": "_audio_extractor",
    "PretrainedFeatureExtractor": "_extractor",
    "PretrainedTextExtractor": "_text_extractor",
    "SoundPreprocessing": "_sounds.sound_preprocessing",
    "ShardFault": "_shards.report",
    "Stage": "_backbone",
    "StoreReport": "_shards.report",
    "StoredFeatures": "_shards.stored",
    "load_features": "_shards.stored",
    "store_features": "_shards.store",
}

__all__ = [
    "ADDA",
    "CDAN",
    "CORAL",
    "DAN",
    "DANN",
    "JAN",
    "MCC",
    "MDD",
    "AdaptedNetworkClassifier",
    "AdaptedNetworkRegressor",
    "Augmentation",
    "Backbone",
    "DomainConfusion",
    "FineTuneClassifier",
    "FineTuneRegressor",
    "Head",
    "ImageFormat",
    "LoadReport",
    "Preprocessing",
    "PretrainedAudioExtractor",
    "PretrainedFeatureExtractor",
    "PretrainedTextExtractor",
    "ShardFault",
    "SoundPreprocessing",
    "Stage",
    "StoreReport",
    "StoredFeatures",
    "load_features",
    "store_features",
]

if TYPE_CHECKING:  # the same names for type checkers, which do not run `__getattr__`
    from sktransfer.deep._adaptations.adversaries import ADDA as ADDA
    from sktransfer.deep._adaptations.adversaries import CDAN as CDAN
    from sktransfer.deep._adaptations.adversaries import DANN as DANN
    from sktransfer.deep._adaptations.adversaries import MDD as MDD
    from sktransfer.deep._adaptations.adversaries import DomainConfusion as DomainConfusion
    from sktransfer.deep._adaptations.discrepancies import CORAL as CORAL
    from sktransfer.deep._adaptations.discrepancies import DAN as DAN
    from sktransfer.deep._adaptations.discrepancies import JAN as JAN
    from sktransfer.deep._adaptations.discrepancies import MCC as MCC
    from sktransfer.deep._adapted_network_classifier import (
        AdaptedNetworkClassifier as AdaptedNetworkClassifier,
    )
    from sktransfer.deep._adapted_network_regressor import (
        AdaptedNetworkRegressor as AdaptedNetworkRegressor,
    )
    from sktransfer.deep._audio_extractor import (
        PretrainedAudioExtractor as PretrainedAudioExtractor,
    )
    from sktransfer.deep._augmentation import Augmentation as Augmentation
    from sktransfer.deep._backbone import Backbone as Backbone
    from sktransfer.deep._backbone import Stage as Stage
    from sktransfer.deep._extractor import PretrainedFeatureExtractor as PretrainedFeatureExtractor
    from sktransfer.deep._fine_tune_classifier import FineTuneClassifier as FineTuneClassifier
    from sktransfer.deep._fine_tune_regressor import FineTuneRegressor as FineTuneRegressor
    from sktransfer.deep._images.image_format import ImageFormat as ImageFormat
    from sktransfer.deep._networks.torch.checkpoints import LoadReport as LoadReport
    from sktransfer.deep._preprocessing import Preprocessing as Preprocessing
    from sktransfer.deep._shards.report import ShardFault as ShardFault
    from sktransfer.deep._shards.report import StoreReport as StoreReport
    from sktransfer.deep._shards.store import store_features as store_features
    from sktransfer.deep._shards.stored import StoredFeatures as StoredFeatures
    from sktransfer.deep._shards.stored import load_features as load_features
    from sktransfer.deep._sounds.sound_preprocessing import SoundPreprocessing as SoundPreprocessing
    from sktransfer.deep._text_extractor import PretrainedTextExtractor as PretrainedTextExtractor
    from sktransfer.deep._training.head import Head as Head


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
