"""Feature transfer: a space in which the domains agree."""

from sktransfer.feature._coral_aligner import CORALAligner

__all__ = ["CORALAligner"]
