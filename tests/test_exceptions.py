"""The common warning of results that cannot be trusted."""

import sktransfer
from sktransfer.exceptions import TransferWarning


def test_it_can_be_filtered_apart_from_other_warnings():
    assert issubclass(TransferWarning, UserWarning)
    assert sktransfer.exceptions.TransferWarning is TransferWarning
