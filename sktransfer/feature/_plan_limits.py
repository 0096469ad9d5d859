"""Requirements of a transport plan: a package, and memory."""

from sktransfer._memory import memory_of_machine

NEEDS_POT = (
    "OptimalTransportAligner(method='exact') needs POT, which is not installed; install it with "
    "pip install \"sktransfer[ot]\", or take method='entropic', which does without."
)


def check_pot():
    """Raise ImportError if the package ``ot`` is not installed."""
    try:
        import ot  # noqa: F401
    except ImportError as error:
        raise ImportError(NEEDS_POT) from error


def check_memory(n_source, n_target, *, n_matrices, max_samples):
    """Raise MemoryError if the matrices of a plan are larger than the machine's memory.

    Parameters
    ----------
    n_source, n_target : int
        Rows and columns of the plan.
    n_matrices : int
        The number of float64 matrices of this size that are held at once.
    max_samples : int or None
        The value that the message names.
    """
    needed, there = 8 * n_matrices * n_source * n_target, memory_of_machine()
    if needed > there:
        raise MemoryError(
            f"max_samples={max_samples!r} asks for a plan of {n_source} x {n_target} "
            f"rows, which takes {needed / 2**30:.1f} GiB, more than the {there / 2**30:.1f} "
            "GiB of this machine; lower max_samples (the other rows move as new rows do), or "
            "take method='linear'."
        )
