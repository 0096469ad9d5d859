"""The command line: ``sktransfer demo``, ``embed`` and ``compare``."""

import argparse
import sys
import warnings
from pathlib import Path

import sktransfer
from sktransfer._commands import compare, embed
from sktransfer._commands._options import whole_number


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        The words after the program's name; None reads those of the process.

    Returns
    -------
    status : int
        0 on success, 1 after an error, which is one sentence, and 130 after an interrupt. A wrong
        option ends the process with 2.
    """
    options = _parser().parse_args(arguments)
    program = f"sktransfer {options.command}"

    def say(message, *_, **__):
        print(f"{program}: {' '.join(str(message).split())}", file=sys.stderr)

    try:
        with warnings.catch_warnings():
            warnings.showwarning = say
            return options.run(options)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except (ImportError, OSError, TypeError, ValueError) as error:
        of_file = isinstance(error, OSError) and error.strerror and error.filename
        say(f"{error.filename}: {error.strerror}" if of_file else error)
        return 1


def _parser():
    parser = argparse.ArgumentParser(
        prog="sktransfer", description="Transfer learning that lives inside scikit-learn."
    )
    parser.add_argument("--version", action="version", version=sktransfer.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
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
        "--draws",
        type=whole_number(1),
        default=3,
        metavar="N",
        help="random draws of the labelled rows",
    )
    demo.add_argument(
        "--out",
        type=Path,
        default=Path("sktransfer-demo"),
        metavar="FOLDER",
        help="folder of the table and the picture (created if absent)",
    )
    demo.set_defaults(run=_run_demo)
    embed.add_parser(commands)
    compare.add_parser(commands)
    return parser


def _run_demo(options):
    from sktransfer.demo import run_demo

    run_demo(labels=options.labels, draws=options.draws, out=options.out)
    return 0


def _labels(text):
    """Read the labels per class, for example ``1,5,10``."""
    from sktransfer.demo import MOST_LABELS

    read = whole_number(1)
    labels = sorted({read(part.strip()) for part in text.split(",")})
    if labels[-1] > MOST_LABELS:
        raise argparse.ArgumentTypeError(
            f"{labels[-1]} labels per class are more than the {MOST_LABELS} that there are"
        )
    return tuple(labels)
