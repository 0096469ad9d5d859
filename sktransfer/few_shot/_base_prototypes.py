"""The base of the classifiers by class means: the map of rows before means are computed."""

import numpy as np

from sktransfer._kernels import prototypes
from sktransfer.few_shot._base_few_shot import _BaseFewShotClassifier


class _BasePrototypes(_BaseFewShotClassifier):
    """Moves and whitens rows as the source rows say, and scales them to unit length."""

    _parameter_constraints: dict = {
        **_BaseFewShotClassifier._parameter_constraints,
        "center": ["boolean"],
        "whiten": ["boolean"],
        "normalize": ["boolean"],
    }

    def _learn_map(self, rows):
        """Set `offset_` and `whitening_`; without a source row they change nothing."""
        has_source = len(rows.source) > 0
        self.offset_ = np.zeros(rows.shots.shape[1])
        if self.center and has_source:
            self.offset_ = rows.source.mean(axis=0)
        self.whitening_ = self._whitening(rows) if self.whiten and has_source else None

    def _whitening(self, rows):
        labelled = rows.source_codes >= 0
        X = rows.source[labelled]
        classes, codes = np.unique(rows.source_codes[labelled], return_inverse=True)
        covariance = None
        if len(X) > len(classes):
            covariance = prototypes.within_class_covariance(X, codes)
        if covariance is None or not np.trace(covariance) > 0:
            raise ValueError(
                f"{type(self).__name__}(whiten=True) needs source rows of one class that differ, "
                f"but each of the {len(classes)} classes in the labelled source rows of X "
                f"({len(X)}) has a single one or equal ones; label more source rows, or pass "
                "whiten=False."
            )
        return prototypes.inverse_root(covariance)

    _no_onnx = None

    def _onnx_rows(self, graph):
        """Add the map of rows."""
        rows = graph.add("Sub", graph.rows, self.offset_)
        if self.whitening_ is not None:
            rows = graph.add("MatMul", rows, self.whitening_)
        return graph.unit_rows(rows) if self.normalize else rows

    def _map(self, X):
        X = X - self.offset_
        X = X if self.whitening_ is None else X @ self.whitening_
        return prototypes.unit_rows(X) if self.normalize else X
