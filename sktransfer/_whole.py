"""A fit that is interrupted leaves the estimator as it was before."""

from contextlib import contextmanager


@contextmanager
def whole_fit(estimator):
    """Restore the attributes of the estimator if the body raises an exception or is interrupted.

    Otherwise an estimator that is fitted again could mix attributes of two fits, and answer with
    them. Attributes are restored by identity, so the body must replace them, not change them.

    Parameters
    ----------
    estimator : estimator
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:  # KeyboardInterrupt too
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
