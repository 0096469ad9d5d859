"""The demo: handwritten digits with few labels, with and without transfer.

`_methods` holds what is compared, `_experiment` draws the data and runs it, `_report` makes the
table and the picture.
"""

from sktransfer.demo._experiment import MOST_LABELS, run_demo

__all__ = ["MOST_LABELS", "run_demo"]
