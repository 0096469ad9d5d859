"""Data that ship with the package, data and networks to download, and folders of your own."""

from sktransfer.datasets._fetch_dataset import fetch_dataset
from sktransfer.datasets._image_folder import load_image_folder
from sktransfer.datasets._networks import fetch_network
from sktransfer.datasets._printed_digits import load_printed_digits
from sktransfer.datasets._synthetic_digits import load_synthetic_digits

__all__ = [
    "fetch_dataset",
    "fetch_network",
    "load_image_folder",
    "load_printed_digits",
    "load_synthetic_digits",
]
