"""Few-shot learning: new classes from a few examples each, or from a description."""

from sktransfer.few_shot._class_prior_classifier import ClassPriorClassifier
from sktransfer.few_shot._prototype_classifier import PrototypeClassifier
from sktransfer.few_shot._transductive_prototype_classifier import TransductivePrototypeClassifier
from sktransfer.few_shot._zero_shot_classifier import ZeroShotClassifier

__all__ = [
    "ClassPriorClassifier",
    "PrototypeClassifier",
    "TransductivePrototypeClassifier",
    "ZeroShotClassifier",
]
