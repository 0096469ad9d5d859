"""Data that ship with the package, and data of your own from folders."""

from sktransfer.datasets._image_folder import load_image_folder
from sktransfer.datasets._printed_digits import load_printed_digits

__all__ = ["load_image_folder", "load_printed_digits"]
