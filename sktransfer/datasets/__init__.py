"""Data that ship with the package, and data of your own from folders."""

from sktransfer.datasets._image_folder import load_image_folder
from sktransfer.datasets._printed_digits import load_printed_digits
from sktransfer.datasets._synthetic_digits import load_synthetic_digits

__all__ = ["load_image_folder", "load_printed_digits", "load_synthetic_digits"]
