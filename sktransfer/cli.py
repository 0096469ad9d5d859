"""The command line: ``sktransfer demo``."""

import argparse
import sys
from pathlib import Path

import sktransfer


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        The words after the program's name; None reads those of the process.

    Returns
    -------
    status : int
        0 on success.
    """
    options = _parser().parse_args(arguments)
    return options.run(options)


def _parser():
    parser = argparse.ArgumentParser(
        prog="sktransfer", description="Transfer learning that lives inside scikit-learn."
    )
    parser.add_argument("--version", action="version", version=sktransfer.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="handwritten digits with few labels, with and without transfer",
        description="Compare the kinds of transfer on real handwritten digits with few labels: one "
        "table, and a picture of accuracy against labels per class.",
    )
    demo.add_argument(
        "--labels", type=_labels, default=(1, 5, 10), metavar="1,5,10", help="labels per class"
    )
    demo.add_argument(
        "--draws", type=_positive, default=3, metavar="N", help="random draws of the labelled rows"
    )
    demo.add_argument(
        "--out",
        type=Path,
        default=Path("sktransfer-demo"),
        metavar="FOLDER",
        help="folder of the table and the picture (created if absent)",
    )
    demo.set_defaults(run=_run_demo)
    return parser


def _run_demo(options):
    from sktransfer.demo import run_demo

    try:
        run_demo(labels=options.labels, draws=options.draws, out=options.out)
    except (ImportError, OSError) as error:
        print(f"sktransfer demo: {error}", file=sys.stderr)
        return 1
    return 0


def _positive(text):
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _labels(text):
    """Read the labels per class, for example ``1,5,10``."""
    from sktransfer.demo import MOST_LABELS

    labels = sorted({_positive(part.strip()) for part in text.split(",")})
    if labels[-1] > MOST_LABELS:
        raise argparse.ArgumentTypeError(
            f"{labels[-1]} labels per class are more than the {MOST_LABELS} that there are"
        )
    return tuple(labels)
