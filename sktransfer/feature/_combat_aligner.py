"""CombatAligner: remove the location and scale of each site, shrunk by empirical Bayes."""

from numbers import Integral

import numpy as np
from sklearn.base import OneToOneFeatureMixin

from sktransfer._base import _BaseAligner
from sktransfer._domains import TARGET
from sktransfer._kernels.combat import harmonized, site_effects
from sktransfer._messages import listed, shown
from sktransfer._needs import Needs
from sktransfer._sklearn import StrOptions


class CombatAligner(OneToOneFeatureMixin, _BaseAligner):
    """Remove the location and scale of each site, and keep the effects of covariates.

    Sites are the domains: hospitals, scanners, batches. Each feature of a site has an offset and a
    factor, which are shrunk toward those of the other features of the site. Features are compared
    after a linear regression on `covariates`, columns of `X` such as age, so that sites with older
    patients keep the effect of age. No label is read.

    It helps if sites have few rows and many features, or if covariates differ between sites. It
    hurts if something else that matters differs between sites, such as the class proportions: it is
    removed with the site, as by `MomentAligner`. It does nothing about correlations.

    Parameters
    ----------
    covariates : array-like of str or int, or None, default=None
        The columns of `X` to keep the effects of, by name or place. They are returned as they are.
        A category must be several columns of 0 and 1, one fewer than it has values.
    reference : {"target", "all"}, default="target"
        Whose location and scale all sites get: those of the target, whose rows do not change, or
        those of all rows, as in the original method.

    Attributes
    ----------
    effects_ : tuple or None
        A named tuple of arrays: `mean`, `scale` (n_features,), `slopes` (n_covariates, n_features),
        `location` and `spread` (n_sites, n_features). The features are those that are no
        covariates, and the sites are `source_domains_`, then the target. A row of a site is ``mean
        + covariates @ slopes + scale * (location + spread * noise)``. None without a source.
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
    MomentAligner : The same without shrinkage and covariates.

    Notes
    -----
    Each site needs two rows. Priors have the moments of the data, and the iterations of the
    posterior end at a relative change of 1e-10. With one feature there is no shrinkage. A feature
    that is constant within sites does not change. With ``sample_domain=None`` every row is a target
    row and the aligner is the identity.

    `fit` also takes an array or a data frame of Dask. It learns from a sample of at most 10,000
    rows of each domain, drawn by a hash of their values, and `transform` maps one lazily. A
    `TransferWarning` names its error if it is above 0.1. See :doc:`/guide/laptop_to_cluster`.

    References
    ----------
    W. E. Johnson, C. Li, A. Rabinovic, "Adjusting batch effects in microarray expression data using
    empirical Bayes methods", Biostatistics 8(1), 2007. https://doi.org/10.1093/biostatistics/kxj037

    Examples
    --------
    Both sites measure twice the age; the old one adds 5 to it. Its patients are older:

    >>> import numpy as np
    >>> from sktransfer import CombatAligner, MomentAligner
    >>> age = np.array([60.0, 70.0, 80.0, 20.0, 30.0, 40.0])
    >>> noise = np.array([1.0, -2.0, 1.0, 1.0, -2.0, 1.0])
    >>> X = np.column_stack([2 * age + noise + [5, 5, 5, 0, 0, 0], age])
    >>> sample_domain = ["old"] * 3 + ["target"] * 3
    >>> aligner = CombatAligner(covariates=[1])
    >>> aligner.fit_transform(X, sample_domain=sample_domain)[:, 0].round()
    array([121., 138., 161.,  41.,  58.,  81.])
    >>> MomentAligner().fit_transform(X, sample_domain=sample_domain)[:, 0]
    array([41., 58., 81., 41., 58., 81.])
    """

    _needs = Needs(dense_because="it subtracts means", min_domain_rows=2)

    _parameter_constraints: dict = {
        "covariates": ["array-like", None],
        "reference": [StrOptions({"target", "all"})],
    }

    _no_onnx = None

    def __init__(self, covariates=None, *, reference="target"):
        self.covariates = covariates
        self.reference = reference

    def _fit_domains(self, sources, X_target):
        places = self._covariate_places()
        self._is_covariate = np.isin(np.arange(X_target.shape[1]), places)
        self.effects_ = None
        if not sources or self._is_covariate.all():
            return
        parts = [*sources.values(), X_target]
        X = np.concatenate(parts).astype(np.float64, copy=False)
        sites = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        covariates = X[:, self._is_covariate]
        self._check_covariates(covariates, sites)
        self.effects_ = site_effects(
            X[:, ~self._is_covariate],
            sites,
            covariates,
            reference=len(sources) if self.reference == "target" else None,
        )

    def _covariate_places(self):
        """Return the places of the covariates, or raise ValueError."""
        given = [] if self.covariates is None else list(self.covariates)
        names = list(getattr(self, "feature_names_in_", ()))
        known = {name: place for place, name in enumerate(names)}
        n_features = self.n_features_in_
        places = {
            each: int(each) % n_features
            if isinstance(each, Integral) and -n_features <= each < n_features
            else known.get(each)
            for each in given
        }
        unknown = [each for each, place in places.items() if place is None]
        if unknown:
            columns = f"the columns {listed(names)}" if names else f"{n_features} columns, no names"
            raise ValueError(
                f"covariates={shown(self.covariates)}: X has no column {listed(unknown)}, but "
                f"{columns}; pass names or places of columns of X."
            )
        return list(places.values())

    def _check_covariates(self, covariates, sites):
        """Raise ValueError if sites and covariates cannot be told apart."""
        counts = np.bincount(sites)
        means = np.stack([covariates[sites == site].mean(axis=0) for site in range(len(counts))])
        within = covariates - means[sites]
        scale = np.abs(covariates).max(axis=0, initial=0)
        n_rows, n_covariates = within.shape
        within = within / np.where(scale > 0, scale, 1)
        if n_covariates and np.linalg.matrix_rank(within, tol=1e-10 * n_rows) < n_covariates:
            raise ValueError(
                f"covariates={shown(self.covariates)} cannot be told from the sites of "
                "sample_domain: within sites, a column of X is constant or depends on the others; "
                "leave it out, or add rows."
            )

    def _write_onnx(self, graph):
        name = graph.domain
        if self._keeps(name):
            return graph.given
        return graph.by_map(lambda rows: self._transform_domain(rows, name))

    def _keeps(self, name):
        """Tell whether rows of a domain are not changed."""
        return self.effects_ is None or (name == TARGET and self.reference == "target")

    def _transform_domain(self, X, name):
        if self._keeps(name):
            return X.copy()
        site = [*self.source_domains_, TARGET].index(name)
        mapped = X.astype(np.float64)
        mapped[:, ~self._is_covariate] = harmonized(
            mapped[:, ~self._is_covariate], mapped[:, self._is_covariate], self.effects_, site
        )
        return mapped.astype(X.dtype, copy=False)
