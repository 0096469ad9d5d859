"""Draw few labelled handwritten digits, run every method on them, and report."""

import sys
import time
import warnings
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sktransfer import FineTuneClassifier, pack_domains
from sktransfer._extras import install_command
from sktransfer.datasets import load_printed_digits
from sktransfer.demo._methods import methods
from sktransfer.demo._report import format_table, write_report
from sktransfer.demo._short_texts import format_short_texts, short_texts
from sktransfer.demo._twenty_labels import format_twenty_labels, twenty_labels
from sktransfer.demo._voices import digits_of_one_voice, format_voices
from sktransfer.exceptions import TransferWarning

# Half of the 1797 handwritten digits are never trained on; the other half has this many a class.
MOST_LABELS = 80


@dataclass(frozen=True)
class Draw:
    """One draw: rows with labels, rows without, and rows to test on; and the printed source."""

    labelled: tuple
    unlabelled: np.ndarray
    test: tuple
    source: tuple


@dataclass(frozen=True)
class Result:
    """The accuracy of one method on one draw, the seconds of its fit and its answers, and whether
    the fit gave a TransferWarning."""

    method: object
    n_labels: int
    draw: int
    accuracy: float
    seconds: float
    warned: bool = False


def run_demo(*, labels, draws, out):
    """Compare all methods, print the table, and write it with a picture to a folder.

    Parameters
    ----------
    labels : tuple of int
        Labels per class.
    draws : int
        Random draws of the labelled rows, for each number of labels.
    out : pathlib.Path
        The folder, made if absent.

    Returns
    -------
    results : list of Result
    """
    _check_ready(out)
    out.mkdir(parents=True, exist_ok=True)
    results = []
    compared = methods()
    n_runs = len(labels) * draws * len(compared)
    _warm_up()
    start = time.perf_counter()
    for n_labels in labels:
        for seed in range(draws):
            data = draw_data(n_labels, seed)
            for method in compared:
                _show_progress(len(results), n_runs, start, f"{n_labels} per class: {method.name}")
                results.append(Result(method, n_labels, seed, *run_method(method, data)))
    _show_progress(n_runs, n_runs, start, "done")
    guarded = [twenty_labels(draw_data(1, seed)) for seed in range(draws)]
    texts = format_short_texts([short_texts(seed) for seed in range(draws)])
    voices = format_voices([digits_of_one_voice(seed) for seed in range(draws)])
    more = "\n\n".join([format_twenty_labels(guarded), texts, voices])
    text = f"{format_table(results)}\n{more}\n"
    print(text)
    for path in write_report(results, text, out):
        print(f"wrote {path}")
    return results


def _check_ready(out):
    """Raise before the work begins, rather than at its end, when something is missing for it."""
    missing = [name for name in ("torch", "matplotlib") if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"the demo needs {' and '.join(missing)}, not installed: run "
            f"{install_command('torch', 'plot')}."
        )
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"--out {out} is a file; name a folder.")


def _warm_up():
    """Run the costs of the first fit of a process, so that no row includes them."""
    data = draw_data(1, seed=0)
    FineTuneClassifier(freeze_depth=0, max_epochs=1).fit(*data.labelled).predict(data.test[0])


def draw_data(n_labels, seed):
    """Draw `n_labels` labelled rows of each class; half of all rows are for testing."""
    digits, printed = load_digits(), load_printed_digits()
    X, X_test, y, y_test = train_test_split(
        digits.data, digits.target, test_size=0.5, stratify=digits.target, random_state=seed
    )
    rng = np.random.default_rng(seed)
    chosen = [rng.choice(np.flatnonzero(y == c), n_labels, replace=False) for c in range(10)]
    labelled = np.concatenate(chosen)
    return Draw(
        labelled=(X[labelled], y[labelled]),
        unlabelled=np.delete(X, labelled, axis=0),
        test=(X_test, y_test),
        source=(printed.data, printed.target),
    )


def run_method(method, data):
    """Fit a method on the rows of a draw that it may see.

    Return its test accuracy, the seconds it took, and whether it gave a TransferWarning. The report
    counts these warnings.
    """
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TransferWarning)
        # Nearest centroid warns of pixels that never vary.
        warnings.filterwarnings("ignore", module=r"sklearn\.neighbors\._nearest_centroid")
        estimator = fit(method, data)
    X_test, y_test = data.test
    accuracy = float(np.mean(estimator.predict(X_test) == y_test))
    seconds = time.perf_counter() - start
    for other in [w for w in caught if not issubclass(w.category, TransferWarning)]:
        warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    warned = any(issubclass(w.category, TransferWarning) for w in caught)
    return accuracy, seconds, warned


def fit(method, data):
    """Fit a method on the rows that it may see: labelled target, source, unlabelled target."""
    estimator = method.build()
    X, y = data.labelled
    if method.data == "target":
        return estimator.fit(X, y)
    if method.data == "source":
        return estimator.fit(*data.source)
    if method.data == "all":
        X = np.concatenate([X, data.unlabelled])
        y = np.concatenate([y, np.full(len(data.unlabelled), np.nan)])
    X, y, sample_domain = pack_domains({"printed": data.source}, target=(X, y))
    if method.data == "pooled":
        return estimator.fit(X, y)
    return estimator.fit(X, y, sample_domain=sample_domain)


def _show_progress(done, total, start, text):
    """Show one line of progress: rewritten in a terminal, a line a tenth of the way elsewhere."""
    if not sys.stderr.isatty() and done % max(1, total // 10):
        return
    seconds = time.perf_counter() - start
    filled = 24 * done // total
    bar = "#" * filled + "." * (24 - filled)
    end = "\r" if sys.stderr.isatty() and done < total else "\n"
    print(
        f"[{bar}] {done}/{total}  {seconds:4.0f} s  {text:<48.48}",
        end=end,
        file=sys.stderr,
        flush=True,
    )
