"""Few-shot learning: new classes from a few examples each."""

from sktransfer.few_shot._prototype_classifier import PrototypeClassifier

__all__ = ["PrototypeClassifier"]
