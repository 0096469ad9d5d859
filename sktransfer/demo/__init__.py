"""The demo: handwritten digits with few labels, with and without transfer.

`_methods` holds the methods, `_experiment` draws the data and runs them, `_report` makes the
table and the plot.
"""

from sktransfer.demo._experiment import MOST_LABELS, run_demo

__all__ = ["MOST_LABELS", "run_demo"]
