"""The text of an estimator that holds a network: the name of its class, not all of its layers."""

import sys

from sklearn.base import BaseEstimator


class _ShortReprMixin:
    """Print torch modules among the parameters, at any depth, by the name of their class."""

    def __repr__(self, N_CHAR_MAX=700):
        return BaseEstimator.__repr__(_stand_in(self), N_CHAR_MAX)


class _Name:
    def __init__(self, module):
        self._text = f"<{type(module).__name__}>"

    def __repr__(self):
        return self._text


def _stand_in(value):
    """A copy for printing: modules are names, estimators have the ordinary text."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.nn.Module):
        return _Name(value)
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(map(_stand_in, value))
    if type(value) is dict:
        return {key: _stand_in(item) for key, item in value.items()}
    if not isinstance(value, BaseEstimator) or isinstance(value, type):
        return value
    kind = type(value)
    if isinstance(value, _ShortReprMixin):
        kind = type(kind.__name__, (BaseEstimator,), {"__init__": kind.__init__})
    shadow = object.__new__(kind)
    vars(shadow).update(vars(value))
    for name, parameter in value.get_params(deep=False).items():
        setattr(shadow, name, _stand_in(parameter))
    return shadow
