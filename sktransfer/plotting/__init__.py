"""Pictures of transfer, in scikit-learn's manner: a Display is computed once and drawn anywhere."""

from sktransfer.plotting._compare_transfer_display import CompareTransferDisplay
from sktransfer.plotting._freeze_depth_display import FreezeDepthDisplay
from sktransfer.plotting._guarded_transfer_display import GuardedTransferDisplay
from sktransfer.plotting._shift_display import ShiftDisplay
from sktransfer.plotting._task_graph_display import TaskGraphDisplay

__all__ = [
    "CompareTransferDisplay",
    "FreezeDepthDisplay",
    "GuardedTransferDisplay",
    "ShiftDisplay",
    "TaskGraphDisplay",
]
