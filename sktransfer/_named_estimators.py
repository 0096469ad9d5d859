"""Estimators with names, from one estimator, a list or a dict."""

from collections.abc import Mapping

from sktransfer._messages import shown
from sktransfer._routing import is_estimator
from sktransfer._sklearn import _name_estimators


def named_estimators(given, *, parameter, reserved=()):
    """Return a dict of estimators, or raise an error.

    Parameters
    ----------
    given : estimator, list of estimators and (str, estimator) tuples, or dict of str -> estimator
        Those without a name are named after their types, as `make_pipeline` does.
    parameter : str
        The name of the parameter, for errors.
    reserved : sequence of str, default=()
        Names that are taken.

    Returns
    -------
    named : dict of str -> estimator
    """
    if isinstance(given, Mapping):
        given = list(given.items())
    items = list(given) if isinstance(given, list | tuple) else [given]
    pairs = [each if isinstance(each, tuple) else (None, each) for each in items]
    if not pairs or any(len(pair) != 2 or not is_estimator(pair[1]) for pair in pairs):
        raise ValueError(
            f"{parameter}={shown(given)}: expected an estimator, a list of estimators or of "
            "(name, estimator) pairs, or a dict."
        )
    for _, each in pairs:
        if hasattr(each, "transform") and not hasattr(each, "predict"):
            raise ValueError(
                f"{parameter} has {shown(each)}, which is a transformer and predicts nothing; put "
                "it before a predictor: make_transfer_pipeline(transformer, LogisticRegression()), "
                "for example."
            )
    types = [name for name, _ in _name_estimators([estimator for _, estimator in pairs])]
    names = [of_type if own is None else str(own) for (own, _), of_type in zip(pairs, types)]
    twice = [name for name in names if [*reserved, *names].count(name) > 1]
    if twice:
        taken = f" ({', '.join(map(repr, reserved))} are taken)" if twice[0] in reserved else ""
        raise ValueError(
            f"{parameter} has the name {twice[0]!r} more than once{taken}; pass (name, estimator) "
            "pairs with different names."
        )
    return dict(zip(names, (estimator for _, estimator in pairs)))
