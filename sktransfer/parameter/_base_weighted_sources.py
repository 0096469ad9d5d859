"""The base of the estimators that start from a weighted sum of source models."""

from numbers import Real

import numpy as np

from sktransfer._messages import shown, warn
from sktransfer._sklearn import StrOptions
from sktransfer.exceptions import TransferWarning
from sktransfer.parameter._base_fitted_sources import _BaseFittedSources


class _BaseWeightedSources(_BaseFittedSources):
    """Reads the weights of sources, `beta`, or says that they cannot be chosen."""

    _parameter_constraints: dict = {
        **_BaseFittedSources._parameter_constraints,
        "beta": [StrOptions({"auto"}), Real, "array-like"],
        "positive": ["boolean"],
    }

    def _given_beta(self, n_sources):
        """Return the weights that the user gave, None if they are to be chosen."""
        if isinstance(self.beta, str):
            return None
        beta = np.asarray(self.beta, dtype=np.float64)
        if beta.ndim == 0:
            return np.full(n_sources, float(beta))
        if beta.shape != (n_sources,):
            raise ValueError(
                f"beta={shown(self.beta)} has the shape {beta.shape}, but there are {n_sources} "
                "sources; pass one weight for each, a single number, or 'auto'."
            )
        return beta

    def _onnx_sources(self, graph):
        """Write the weighted outputs of the sources that have a weight, a list of tensors."""
        return [
            graph.add("Mul", source.write_onnx(graph), weight)
            for weight, source in zip(self.source_weights_, self._sources, strict=True)
            if weight
        ]

    def _undecided(self, n_sources):
        """Warn that no row says how good the sources are, and return equal weights."""
        warn(
            f"{type(self).__name__} cannot choose the weight of a source, because there is a "
            "single target row or a single class in them; each of the sources "
            f"({n_sources}) gets the weight {1 / n_sources:.3g}. Label more target rows, or pass "
            "beta.",
            TransferWarning,
        )
        return np.full(n_sources, 1 / n_sources)
