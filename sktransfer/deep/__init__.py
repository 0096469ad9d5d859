"""Pretrained networks as scikit-learn estimators.

Nothing heavy is imported before a name is used: neither torch, nor ONNX Runtime, nor Pillow.
"""

from importlib import import_module

_HOME = {
    "Augmentation": "_augmentation",
    "Backbone": "_backbone",
    "FineTuneClassifier": "_fine_tune_classifier",
    "FineTuneRegressor": "_fine_tune_regressor",
    "Head": "_training.head",
    "ImageFormat": "_images.image_format",
    "LoadReport": "_modules.checkpoints",
    "Preprocessing": "_preprocessing",
    "PretrainedFeatureExtractor": "_extractor",
    "Stage": "_backbone",
}

__all__ = [
    "Augmentation",
    "Backbone",
    "FineTuneClassifier",
    "FineTuneRegressor",
    "Head",
    "ImageFormat",
    "LoadReport",
    "Preprocessing",
    "PretrainedFeatureExtractor",
    "Stage",
]


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
