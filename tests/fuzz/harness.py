"""Run one case of a target and judge how it ended."""

import importlib
import signal
import sys
import tempfile
import threading
import traceback
import warnings
from contextlib import contextmanager
from pathlib import Path

import sklearn

import sktransfer

SECONDS = 20
LONGEST_MESSAGE = 1000

# Errors are sentences if they are raised in these files.
_OURS = Path(sktransfer.__file__).parent
_SCIKIT_LEARN = Path(sklearn.__file__).parent / "utils"


class Unsound(AssertionError):
    """A case that crashed, hung, gave a wrong result or a raw message."""


class _Hang(BaseException):
    """The case took too long; no handler for ordinary errors may catch it."""


def find_targets():
    """Return the function ``case`` of each target by its name."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("fuzz_*.py"))
    return {
        name.removeprefix("fuzz_"): importlib.import_module(f"tests.fuzz.{name}").case
        for name in names
    }


def run_case(case, seed, *, seconds=SECONDS):
    """Run one case.

    Parameters
    ----------
    case : callable
        ``case(seed, folder)``. Its attribute ``prepare`` is called before, if it has one.
    seed : int
    seconds : float
        A case that takes longer has hung.

    Returns
    -------
    message : str or None
        The sentence that the package answered with, or None if the case passed.

    Raises
    ------
    Unsound
        If the case ended in any other way.
    """
    getattr(case, "prepare", lambda: None)()  # imports, which the time of a case does not count
    folder = tempfile.TemporaryDirectory(prefix="sktransfer-fuzz-", ignore_cleanup_errors=True)
    with folder as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with _alarm(seconds):
                case(seed, Path(name))
        except _Hang:
            raise Unsound(f"seed {seed}: no end after {seconds} s") from None
        except Exception as error:
            fault = find_fault(error)
            if fault is not None:
                raise Unsound(f"seed {seed}: {fault}") from error
            return str(error)
    return None


def find_fault(error):
    """Return the reason why an exception is none of our sentences, or None."""
    message, name = str(error), type(error).__name__
    if isinstance(error, AssertionError):
        return f"wrong result: {message[:500]}"
    if not isinstance(error, ValueError | TypeError | OSError):
        return f"an unexpected {name}: {message[:300]!r}"
    place = traceback.extract_tb(error.__traceback__)[-1]
    path = Path(place.filename)
    if not (path.is_relative_to(_OURS) or path.is_relative_to(_SCIKIT_LEARN)):
        return f"a raw {name} of {path.name}, line {place.lineno}: {message[:300]!r}"
    if len(message) >= LONGEST_MESSAGE:
        return f"a message of {len(message)} characters: {message[:200]!r}..."
    if "." not in message or not message.strip():
        return f"no sentence: {message[:300]!r}"
    return None


@contextmanager
def _alarm(seconds):
    """Raise `_Hang` in the main thread after some time, on systems that have alarms."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ring(*_):
        raise _Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run_many(name, seeds, write=sys.stdout.write):
    """Run cases of one target, and write a line for each that is unsound.

    Returns
    -------
    counts : dict
        The number of cases that passed, of those refused in a sentence, and of those unsound.
    """
    case = find_targets()[name]
    counts = {"passed": 0, "refused": 0, "unsound": 0}
    for seed in seeds:
        try:
            message = run_case(case, seed)
        except Unsound as fault:
            counts["unsound"] += 1
            write(f"{name}: {fault}\n")
        else:
            counts["passed" if message is None else "refused"] += 1
    return counts
