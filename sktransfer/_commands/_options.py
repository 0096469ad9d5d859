"""Types of options, which are checked before any work."""

import argparse
from pathlib import Path


def out_file(*suffixes):
    """Return the type of an option that names a file to be written, with one of some suffixes."""

    def read(text):
        path = Path(text)
        if path.suffix.lower() not in suffixes:
            raise argparse.ArgumentTypeError(f"{text!r} ends with none of {', '.join(suffixes)}")
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"{text!r}: there is no folder {str(path.parent)!r}")
        return path

    return read


def whole_number(least):
    """Return the type of an option that is a whole number of at least `least`."""

    def read(text):
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return read
