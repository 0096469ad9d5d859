"""Whether to transfer at all: comparisons with no transfer, and their intervals."""

from sktransfer.transferability._paired_interval import paired_interval

__all__ = ["paired_interval"]
