"""Clusters of a target without labels, with the help of other rows."""

from sktransfer.cluster._self_taught_clustering import SelfTaughtClustering
from sktransfer.cluster._transferred_discriminant_analysis import TransferredDiscriminantAnalysis

__all__ = ["SelfTaughtClustering", "TransferredDiscriminantAnalysis"]
