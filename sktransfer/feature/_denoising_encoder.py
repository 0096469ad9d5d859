"""DenoisingEncoder: layers that restore features removed at random."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from scipy.linalg import LinAlgError

from sktransfer._kernels.denoising import block_map, deal, denoising_map
from sktransfer._needs import Needs
from sktransfer._progress import fit_step
from sktransfer._sklearn import Interval
from sktransfer.feature._base_encoder import _BaseEncoder


class DenoisingEncoder(_BaseEncoder):
    """Add features that predict each feature of a row from the features that occur with it.

    The marginalized stacked denoising autoencoder (mSDA): a layer is the linear map that restores
    rows after random removal of features, followed by ``tanh``. The map has a closed form for the
    average over all possible removals, so nothing is drawn and nothing is iterated. Each layer is
    fitted on the output of the previous one, and all outputs are concatenated. Rows of all domains,
    source and target alike, are used; no label is read.

    It helps if the domains use different features for the same thing and both use common ones with
    them. Reviews of books and of kitchenware are an example. A word that only the target has then
    raises the features of words that occur with it, and these have weights from the source. It
    hurts if features do not predict each other, because the layers then add noise, and if rows are
    few. It is made for counts or presence only: `noise` sets a feature to 0, which must mean that
    it is absent. A linear classifier on the result has `n_layers` + 1 times the features, so choose
    its regularization again.

    Parameters
    ----------
    n_layers : int, default=2
        The number of layers. The paper uses 5 on thousands of Amazon reviews. If rows are few for
        the number of features, more layers lose more: see the guide.
    noise : float, default=0.5
        The probability that a feature is removed, from 0 (each layer is nearly ``tanh`` alone) to
        below 1.
    ridge : float, default=1e-5
        Added to the diagonal of the matrix of expectations, greater than 0, in squared units of the
        features, summed over rows.
    n_targets : int, default=5000
        The number of features that the first layer restores, and the number of columns of each
        layer: the features that are non-zero in most rows. If `X` has more features, they are
        divided into blocks of at most this size. Each block alone restores the targets, and the
        results are averaged.
    keep_input : bool, default=True
        Whether the input's features come first in the output, under their own names.

    Attributes
    ----------
    coefs_ : list of ndarrays of shape (n_inputs, n_outputs)
        The map of each layer, in the dtype of `X`, applied as ``X @ coef``.
    intercepts_ : list of ndarrays of shape (n_outputs,)
        The intercept of each layer.
    targets_ : ndarray of shape (n_outputs,), dtype int
        The features that the first layer restores.
    sample_sizes_ : dict of str to int
        After a fit of a collection of Dask alone: the number of rows of each domain in the sample.
    sample_error_ : float
        After such a fit: its estimated error, in standard deviations of the mapped rows. 0 if the
        sample holds all rows.
    source_domains_ : tuple of str
        The names of the source domains, sorted.
    n_features_in_ : int
        The number of features that `fit` saw.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        The names of the features. Defined only if all feature names of `X` are strings.

    See Also
    --------
    StructuralEncoder : Fewer features, learned by predicting pivot features.

    Notes
    -----
    `X` may be sparse; the result is then a CSR array with `keep_input`, and an ndarray without.
    Expectations are computed in float64. With ``d`` features, or `n_targets` if that is fewer, a
    layer takes time in ``n_samples d^2 + d^3`` (the first layer once per block) and memory in
    ``d^2``. The paper draws the blocks at random. Here they are assigned by frequency, so that each
    block has its part of the frequent features and nothing is random.

    Each layer is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`.

    `fit` also takes an array or a data frame of Dask. It learns from a sample of at most 10,000
    rows of each domain, drawn by a hash of their values, and `transform` maps one lazily. A
    `TransferWarning` names its error if it is above 0.1. See :doc:`/guide/laptop_to_cluster`.

    References
    ----------
    M. Chen, Z. Xu, K. Q. Weinberger and F. Sha, "Marginalized denoising autoencoders for domain
    adaptation", ICML 2012. https://arxiv.org/abs/1206.4683

    Examples
    --------
    The first two of three words occur together. A row with only one of them gets the other:

    >>> import numpy as np
    >>> from sktransfer import DenoisingEncoder
    >>> X = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> encoder = DenoisingEncoder(n_layers=1, keep_input=False).fit(X)
    >>> encoder.transform([[0, 1, 0]]).round(1)
    array([[0.7, 0.7, 0.1]])
    """

    _parameter_constraints: dict = {
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "noise": [Interval(Real, 0, 1, closed="left")],
        "ridge": [Interval(Real, 0, None, closed="neither")],
        "n_targets": [Interval(Integral, 1, None, closed="left")],
        "keep_input": ["boolean"],
    }

    _needs = Needs(sparse=True)

    _no_onnx = None

    def __init__(self, n_layers=2, *, noise=0.5, ridge=1e-5, n_targets=5000, keep_input=True):
        self.n_layers = n_layers
        self.noise = noise
        self.ridge = ridge
        self.n_targets = n_targets
        self.keep_input = keep_input

    @property
    def _n_fit_steps(self):
        return self.n_layers

    def _fit_rows(self, X, y, domains):
        n_features = X.shape[1]
        self.coefs_, self.intercepts_ = [], []
        try:
            with fit_step(self, "layer"):
                self._add_layer(X, *self._first_map(X))
            rows = X
            for k in range(1, self.n_layers):
                with fit_step(self, "layer"):
                    rows = self._layer(rows, k - 1)
                    self._add_layer(rows, *self._square_map(rows))
        except LinAlgError:
            raise ValueError(
                f"DenoisingEncoder(noise={self.noise!r}, ridge={self.ridge!r}) finds features that "
                f"are functions of others, in layer {len(self.coefs_) + 1}; increase ridge."
            ) from None
        n_outputs = self.n_layers * len(self.targets_)
        self._n_features_out = n_outputs + (n_features if self.keep_input else 0)

    def _first_map(self, X):
        n_features = X.shape[1]
        if n_features <= self.n_targets:
            self.targets_ = np.arange(n_features)
            return self._square_map(X)
        counts = (X != 0).sum(axis=0)
        counts = np.asarray(counts).ravel()
        self.targets_ = np.sort(np.argsort(-counts, kind="stable")[: self.n_targets])
        blocks = deal(counts, -(-n_features // self.n_targets))
        return block_map(X, self.targets_, blocks, noise=self.noise, ridge=self.ridge)

    def _square_map(self, X):
        return denoising_map(X, noise=self.noise, ridge=self.ridge)

    def _add_layer(self, X, coef, intercept):
        self.coefs_.append(coef.astype(X.dtype, copy=False))
        self.intercepts_.append(intercept.astype(X.dtype))

    def _layer(self, X, k):
        mapped = X @ self.coefs_[k]
        mapped += self.intercepts_[k]
        return np.tanh(mapped, out=mapped).astype(X.dtype, copy=False)

    def _write_onnx(self, graph):
        outputs = [graph.rows]
        for coef, intercept in zip(self.coefs_, self.intercepts_, strict=True):
            layer = graph.affine(coef, intercept, rows=outputs[-1])
            outputs.append(graph.add("Tanh", layer))
        kept = outputs if self.keep_input else outputs[1:]
        return graph.add("Concat", *kept, axis=1)

    def _encode(self, X):
        outputs = [X]
        for k in range(self.n_layers):
            outputs.append(self._layer(outputs[-1], k))
        if not self.keep_input:
            return np.concatenate(outputs[1:], axis=1)
        if sparse.issparse(X):
            return sparse.hstack(outputs, format="csr", dtype=X.dtype)
        return np.concatenate(outputs, axis=1)
