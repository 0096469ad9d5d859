"""ClassPriorClassifier: a prior over classes, learned from the classes of the source."""

import numpy as np

from sktransfer._kernels import prototypes
from sktransfer._kernels.class_prior import (
    ClassPrior,
    Predictive,
    class_prior,
    log_densities,
    predictive,
)
from sktransfer.few_shot._base_few_shot import _BaseFewShotClassifier


class ClassPriorClassifier(_BaseFewShotClassifier):
    """Predict by normal classes whose means and variances have a prior from source classes.

    The source classes say how means of classes vary and how rows vary within a class. The labelled
    target rows of a class turn this prior into a posterior in closed form: the prior is conjugate.
    A new row is predicted by its density in each class, which is Student's t. This is one-shot
    learning with a prior over classes [1]_, for normal classes [2]_. Without a source row it is the
    nearest class mean.

    It helps if there are some tens of source classes with several rows each, and the target classes
    vary as they do. It hurts if there are few source classes, from which no prior is learned, or if
    target classes vary otherwise.

    Parameters
    ----------
    candidates : {"target", "all"}, default="target"
        The classes that can be predicted: those of labelled target rows, or also those of source
        rows alone.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows.
    candidate_classes_ : ndarray of shape (n_candidates,)
        The classes that can be predicted.
    location_ : ndarray of shape (n_candidates, n_features)
        The predictive mean of each class, in the coordinates ``(x - mean_) @ basis_``.
    scale_ : ndarray of shape (n_candidates, n_features)
        The predictive scale of each class in these coordinates.
    dof_ : ndarray of shape (n_candidates,)
        The degrees of freedom of the density of each class; infinite if it is normal.
    mean_ : ndarray of shape (n_features,)
        The mean of the means of the source classes; zeros without a source row.
    basis_ : ndarray of shape (n_features, n_features)
        Makes the covariance within source classes the identity, and that of their means diagonal;
        the identity without a source row.
    spread_ : ndarray of shape (n_features,)
        The variance of class means in each coordinate, in units of that within classes; infinite
        without a source row.
    prior_dof_ : float
        How alike the variances of the source classes are: infinite if they do not differ by more
        than chance.
    source_domains_ : tuple of str
        The names of the source domains in `fit`. All source rows are one pool.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    See Also
    --------
    PrototypeClassifier : The nearest class mean, with the whitening alone.

    Notes
    -----
    Coordinates are taken as independent, so that probabilities are too sure if there are many.
    Rows without a label are left out. Classes are taken as equally frequent.

    References
    ----------
    .. [1] L. Fei-Fei, R. Fergus, P. Perona, "One-Shot Learning of Object Categories", IEEE
       Transactions on Pattern Analysis and Machine Intelligence 28, 2006.
       https://doi.org/10.1109/TPAMI.2006.79
    .. [2] K. P. Murphy, "Conjugate Bayesian analysis of the Gaussian distribution", 2007.
       https://www.cs.ubc.ca/~murphyk/Papers/bayesGauss.pdf

    Examples
    --------
    Means of source classes differ in the first column, rows within a class in the second:

    >>> import numpy as np
    >>> from sktransfer import ClassPriorClassifier
    >>> X = [[0, 0], [0, 9], [2, 1], [2, 8], [4, 2], [4, 7], [1, 5], [3, 2]]
    >>> y = ["a", "a", "b", "b", "c", "c", "new", "newer"]
    >>> sample_domain = ["old"] * 6 + ["target"] * 2
    >>> model = ClassPriorClassifier().fit(X, y, sample_domain=sample_domain)
    >>> model.predict([[1.3, 3], [2.7, 6]])
    array(['new', 'newer'], dtype='<U5')
    """

    def __init__(self, *, candidates="target"):
        self.candidates = candidates

    def _learn(self, rows):
        if len(rows.source):
            prior = self._prior(rows)
            density = predictive(prior, rows.shots, rows.shot_codes)
        else:
            prior, density = self._plain(rows)
        self.mean_, self.basis_, self.spread_, self.prior_dof_ = prior
        self.location_, self.scale_, self.dof_ = density.location, density.scale, density.dof[:, 0]

    def _prior(self, rows):
        labelled = rows.source_codes >= 0
        X = rows.source[labelled]
        classes, codes = np.unique(rows.source_codes[labelled], return_inverse=True)
        differ = len(classes) > 1 and (prototypes.class_means(X, codes)[codes] != X).any()
        if not differ:
            raise ValueError(
                f"{type(self).__name__} learns a prior from at least 2 source classes, one of them "
                f"with rows that differ, but the {len(X)} labelled source rows of X have "
                f"{len(classes)} classes; label more source rows, or leave these out."
            )
        return class_prior(X, codes)

    def _plain(self, rows):
        """Return normal classes about the means of their rows, with one variance."""
        means = prototypes.class_means(rows.shots, rows.shot_codes)
        n_classes, n_features = means.shape
        variance = 0.0
        if len(rows.shots) > n_classes:
            residuals = rows.shots - means[rows.shot_codes]
            variance = (residuals**2).sum() / n_features / (len(rows.shots) - n_classes)
        basis = np.eye(n_features) / np.sqrt(variance if variance > 0 else 1.0)
        prior = ClassPrior(np.zeros(n_features), basis, np.full(n_features, np.inf), np.inf)
        dof = np.full((n_classes, 1), np.inf)
        return prior, Predictive(means @ basis, np.ones(means.shape), dof)

    _no_onnx = None

    def _write_onnx(self, graph):
        rows = graph.affine(self.basis_, -self.mean_ @ self.basis_)
        density = Predictive(self.location_, self.scale_, self.dof_[:, None])
        at_mode = np.diag(log_densities(density, self.location_))
        scores = []
        for location, scale, dof in zip(*density, strict=True):
            ratio = graph.add("Div", graph.add("Sub", rows, location), scale)
            parts = graph.add("Mul", ratio, ratio)
            if np.isfinite(dof[0]):
                parts = graph.add("Log", graph.affine(np.eye(len(scale)) / dof, 1.0, rows=parts))
                parts = graph.add("Mul", parts, dof + 1)
            scores.append(graph.sum_of_columns(parts))
        halves = graph.add("Mul", graph.add("Concat", *scores, axis=1), np.float64(-0.5))
        return self._onnx_probabilities(graph, graph.add("Add", halves, at_mode))

    def _log_scores(self, X):
        Z = (X - self.mean_) @ self.basis_
        return log_densities(Predictive(self.location_, self.scale_, self.dof_[:, None]), Z)
