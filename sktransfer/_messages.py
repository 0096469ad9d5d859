"""Values and causes as they appear in error messages: one line, of limited length."""

import reprlib
import sys
import warnings

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 200
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxarray = _SHORT.maxset = _SHORT.maxdict = 10
_SLICE = 150

# The code that a warning does not point at.
_OURS = ("sktransfer.", "sklearn.")


def shown(value):
    """Return ``repr(value)`` on one line, shortened if it has more than about 200 characters.

    A long text or a long bytes object is cut before its ``repr`` is built, so that a message about
    a file of a gigabyte costs no memory.
    """
    if isinstance(value, str | bytes | bytearray | memoryview) and len(value) > 2 * _SLICE:
        unit = "characters" if isinstance(value, str) else "bytes"
        start = value[:_SLICE] if isinstance(value, str) else bytes(value[:_SLICE])
        return f"{shortened(repr(start), limit=240)}... ({len(value)} {unit})"
    text = repr(value) if isinstance(value, str | bytes) else _SHORT.repr(value)
    return shortened(text)


def shortened(text, *, limit=320):
    """Return `text`, such as a message of another library, on one line of `limit` characters."""
    line = " ".join(str(text)[: 20 * limit].split())
    return line if len(line) <= limit else line[: limit - 4].rstrip() + " ..."


def cause(error):
    """Return the type and the message of an exception, on one short line."""
    return shortened(f"{type(error).__name__}: {error}")


def listed(values, *, limit=320):
    """Return values on one line of about `limit` characters, and how many more there are."""
    values = list(values)
    texts, length = [], 0
    for value in values:
        texts.append(shown(value))
        length += len(texts[-1]) + 2
        if length > limit and len(texts) < len(values):
            return f"{', '.join(texts)} and {len(values) - len(texts)} more"
    return ", ".join(texts)


def warn(message, category):
    """Warn, with the place in the code that called this package, also through scikit-learn."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(_OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level + 1)
