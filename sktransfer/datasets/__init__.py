"""Data that ship with the package."""

from sktransfer.datasets._printed_digits import load_printed_digits

__all__ = ["load_printed_digits"]
