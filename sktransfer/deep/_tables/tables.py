"""Rows of numbers that a user passed, dense or sparse, and how they are scaled."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from sktransfer._messages import shown
from sktransfer.deep._items import Items

# A column that varies by less than this share of its mean is rounding noise of float64.
_SMALLEST_RELATIVE_SCALE = 1e-12


@dataclass(frozen=True, eq=False)
class TableFormat:
    """The number subtracted from each column, and the divisor after that.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_features,), dtype float64
        The scale of a constant column is 1.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, X):
        """Learn the mean and the standard deviation of the columns, dense or sparse."""
        if issparse(X):
            mean, variance = mean_variance_axis(X, axis=0)
        else:
            mean, variance = X.mean(axis=0), X.var(axis=0)
        scale = np.sqrt(variance)
        constant = scale <= _SMALLEST_RELATIVE_SCALE * np.abs(mean)
        return cls(mean, np.where(constant, 1.0, scale))

    @classmethod
    def given(cls, pair, n_features):
        """Read a pair (mean, scale) of numbers, or of arrays with one for each column."""
        try:
            mean, scale = (
                np.broadcast_to(np.asarray(part, dtype=np.float64), n_features).copy()
                for part in pair
            )
        except (TypeError, ValueError):
            mean = scale = np.nan
        if not (np.isfinite(mean).all() and np.isfinite(scale).all() and np.all(scale > 0)):
            raise ValueError(
                f"preprocessing={shown(pair)} cannot be used with backbone='mlp': expected None, "
                "or a pair (mean, scale) of finite numbers, the scale above 0, or of arrays with "
                f"one for each of the {n_features} columns."
            )
        return cls(mean, scale)

    def apply(self, X):
        """Return rows as the input of a network: dense, scaled, in float32."""
        own = X.toarray() if issparse(X) else None
        centered = np.subtract(X if own is None else own, self.mean, out=own)
        scaled = np.empty(X.shape, dtype=np.float32)
        return np.divide(centered, self.scale, out=scaled, casting="same_kind")


@dataclass(frozen=True, eq=False)
class Tables(Items):
    """Rows as `validate_data` returned them; indexed, they are the input of a network.

    Sparse rows become dense only when they are asked for.
    """

    content: object
    format: TableFormat | None
    positions: np.ndarray | None = None

    noun = "row"

    def __len__(self):
        return self.content.shape[0]

    def __getitem__(self, rows):
        return self.format.apply(self.content[rows])

    def as_inputs(self):
        """Return the source of the network's inputs: dense rows are scaled once, and kept."""
        return self if issparse(self.content) else self.format.apply(self.content)

    @property
    def item_shape(self):
        """The number of columns."""
        return self.content.shape[1:]

    def take(self, rows):
        """Return some of the rows."""
        positions = rows if self.positions is None else self.positions[rows]
        return replace(self, content=self.content[rows], positions=positions)

    def learn(self, estimator, *, on_error="raise"):
        """Learn the format; the network gets as many inputs as there are columns."""
        backbone, n_features = estimator.backbone_, self.content.shape[1]
        pair = estimator.preprocessing
        estimator.table_format_ = (
            TableFormat.of(self.content) if pair is None else TableFormat.given(pair, n_features)
        )
        inputs = replace(backbone.preprocessing, n_features=n_features)
        estimator.backbone_ = replace(backbone, preprocessing=inputs)
        return replace(self, format=estimator.table_format_)

    def digest(self):
        """Return the hash of all rows."""
        content, hasher = self.content, hashlib.sha256(b"tables")
        sparse = issparse(content)
        parts = [content.indptr, content.indices, content.data] if sparse else [content]
        for part in parts:
            hasher.update(repr((part.shape, part.dtype.str)).encode())
            hasher.update(np.ascontiguousarray(part))
        return hasher.hexdigest()

    def find_unreadable(self, estimator):
        """Return no fault: rows have been read before."""
        return []

    def batches(self, inputs, run, faults, *, choose=None, view=None):
        """Yield rows in order; nothing is cached, because the network has no weights of its own."""
        for first in range(0, len(self), run.batch_size):
            rows = np.arange(first, min(first + run.batch_size, len(self)))
            yield rows.tolist(), self[rows]
