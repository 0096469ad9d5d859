"""Feature transfer: a space in which the domains agree."""

from sktransfer.feature._column_bridge import ColumnBridge
from sktransfer.feature._combat_aligner import CombatAligner
from sktransfer.feature._coral_aligner import CORALAligner
from sktransfer.feature._denoising_encoder import DenoisingEncoder
from sktransfer.feature._direct_standardization import DirectStandardization
from sktransfer.feature._domain_augmenter import DomainAugmenter
from sktransfer.feature._geodesic_flow_aligner import GeodesicFlowAligner
from sktransfer.feature._joint_distribution_aligner import JointDistributionAligner
from sktransfer.feature._moment_aligner import MomentAligner
from sktransfer.feature._optimal_transport_aligner import OptimalTransportAligner
from sktransfer.feature._self_taught_encoder import SelfTaughtEncoder
from sktransfer.feature._structural_encoder import StructuralEncoder
from sktransfer.feature._subspace_aligner import SubspaceAligner
from sktransfer.feature._transfer_component_aligner import TransferComponentAligner
from sktransfer.feature._transfer_joint_aligner import TransferJointAligner

__all__ = [
    "CORALAligner",
    "ColumnBridge",
    "CombatAligner",
    "DenoisingEncoder",
    "DirectStandardization",
    "DomainAugmenter",
    "GeodesicFlowAligner",
    "JointDistributionAligner",
    "MomentAligner",
    "OptimalTransportAligner",
    "SelfTaughtEncoder",
    "StructuralEncoder",
    "SubspaceAligner",
    "TransferComponentAligner",
    "TransferJointAligner",
]
