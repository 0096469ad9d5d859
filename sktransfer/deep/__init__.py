"""Pretrained networks as scikit-learn estimators.

Nothing heavy is imported before a name is used: neither torch, nor ONNX Runtime, nor Pillow.
"""

from importlib import import_module

_HOME = {
    "Augmentation": "_augmentation",
    "Backbone": "_backbone",
    "FineTuneClassifier": "_fine_tune_classifier",
    "FineTuneRegressor": "_fine_tune_regressor",
    "Preprocessing": "_preprocessing",
    "PretrainedFeatureExtractor": "_extractor",
}

__all__ = [
    "Augmentation",
    "Backbone",
    "FineTuneClassifier",
    "FineTuneRegressor",
    "Preprocessing",
    "PretrainedFeatureExtractor",
]


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
