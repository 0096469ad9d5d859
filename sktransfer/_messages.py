"""Values and causes as they appear in error messages: one line, of limited length."""

import re
import reprlib
import sys
import warnings
from weakref import WeakKeyDictionary

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 200
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxarray = _SHORT.maxset = _SHORT.maxdict = 10
_SLICE = 150

# The code that a warning does not point at.
_OURS = ("sktransfer.", "sklearn.", "joblib.")

# The warnings, without their numbers, of each call of joblib, as a search makes one for its fits.
_GIVEN = WeakKeyDictionary()
_NUMBER = re.compile(r"(?<![\w'])\d[\w.+-]*")


def shown(value):
    """Return ``repr(value)`` on one line, shortened if it has more than about 200 characters.

    A long text or a long bytes object is cut before its ``repr`` is built. A message about a file
    of a gigabyte then costs no memory.
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
    """Warn, with the place in the code that called this package, also through scikit-learn.

    The fits of a search in one process give a warning once, also if its numbers differ, unless a
    filter asks for more. scikit-learn lets Python forget between two fits which warnings it has
    shown.
    """
    frame, level, search = sys._getframe(1), 1, None
    while frame.f_back and (name := frame.f_globals.get("__name__", "")).startswith(_OURS):
        if name == "joblib.parallel" and frame.f_code.co_name == "__call__":
            search = frame.f_locals["self"]
        frame, level = frame.f_back, level + 1
    if search is not None and _shown_once(message, category, frame):
        given, kind = _GIVEN.setdefault(search, set()), (category, _NUMBER.sub("", message))
        if kind in given:
            return
        given.add(kind)
    warnings.warn(message, category, stacklevel=level + 1)


def _shown_once(message, category, frame):
    """Tell whether Python's filters show such a warning once for each place in the code."""
    module = frame.f_globals.get("__name__", "")
    for action, text, kind, of, line in warnings.filters:
        matches = (text is None or text.match(message)) and (of is None or of.match(module))
        if matches and issubclass(category, kind) and line in (0, frame.f_lineno):
            return action == "default"
    return True
