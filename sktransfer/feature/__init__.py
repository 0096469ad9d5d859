"""Feature transfer: a space in which the domains agree."""

from sktransfer.feature._coral_aligner import CORALAligner
from sktransfer.feature._geodesic_flow_aligner import GeodesicFlowAligner
from sktransfer.feature._joint_distribution_aligner import JointDistributionAligner
from sktransfer.feature._moment_aligner import MomentAligner
from sktransfer.feature._subspace_aligner import SubspaceAligner
from sktransfer.feature._transfer_component_aligner import TransferComponentAligner
from sktransfer.feature._transfer_joint_aligner import TransferJointAligner

__all__ = [
    "CORALAligner",
    "GeodesicFlowAligner",
    "JointDistributionAligner",
    "MomentAligner",
    "SubspaceAligner",
    "TransferComponentAligner",
    "TransferJointAligner",
]
