"""Label shift of a collection of Dask: by a classifier of a sample, and sums over all rows."""

from functools import partial

import numpy as np

from sktransfer._dask import block_labels, reduce_blocks
from sktransfer._domains import TARGET, read_sample_domain
from sktransfer._kernels.label_shift import likely_shares
from sktransfer._kernels.mixture_sums import likelihood_sums, merged_likelihoods, proportions_of
from sktransfer._kernels.normal_sums import WeightSums
from sktransfer._kernels.row_hashes import hashes_with_labels
from sktransfer._kernels.rows import order_of_rows
from sktransfer._labels import is_labelled, read_classes
from sktransfer._messages import shown
from sktransfer._random import generator
from sktransfer._sampled import N_SAMPLED


class _FitsLabelSums:
    """The fit of `LabelShiftWeighter` by blocks.

    The first pass draws labelled source rows for the classifier, and target rows for a start of
    "em". Each Newton step of "em" is a pass, and the last pass counts classes and predictions.
    """

    def _fit_blocks(self, X, y, sample_domain):
        self._begin_blocks(X)
        rng, seed = generator(self.random_state), self._seed_of_sample()
        rules = {"n_rows": N_SAMPLED, "seed": seed, "labelled": y is not None}
        self.source_domains_, groups = self._sample(X, y, sample_domain, **rules)
        for name in ("weights_", *self._learned):
            vars(self).pop(name, None)
        if not self.source_domains_:
            vars(self).update(dict.fromkeys(self._learned), effective_sample_size_=0.0)
            return
        source, target = (group.repeated(N_SAMPLED) for group in groups)
        rows, codes = self._labelled_rows(source, y)
        self._teach(rows, codes, rng)
        reduced = partial(reduce_blocks, X=X, sample_domain=sample_domain, estimator=self)
        likely = self._likely(target.X, np.bincount(codes) / len(codes), reduced)
        find = partial(label_sums, seed=seed, taught=groups[0].hashes)
        sums = reduced(find, added, y=y)
        self._check_classes(sums)
        counts = sum(sums["classes", name] for name in self.source_domains_)
        self.source_shares_ = counts / counts.sum()
        if len(self.classes_) == 1:
            self._store_weights(np.ones(1))
        elif self.method == "em":
            self._store_likely(*likely)
        else:
            # Rows that the classifier has seen are counted by classifiers that have not.
            seen = self._confusion(rows, codes, rng) * (groups[0].counts.sum() / len(codes))
            self._store_matching(seen + sums["confusion",], sums["predicted",])
        self._settle_classes(sums)
        self._warn_of_absent_classes(sums["rows", TARGET])

    def _labelled_rows(self, source, y):
        """Return the labelled rows of the sample, sorted, and their codes."""
        names = [*self.source_domains_, TARGET]
        if y is None:
            self._source_labels(None, read_sample_domain(names, len(names)))
        if not len(source.labels):
            raise ValueError(
                f"{type(self).__name__} needs labels of source rows, and none of them has one; "
                "pass them in y."
            )
        # Beside a row without a label, as those of the target: whole numbers are then integers.
        labels = np.append(source.labels, None)
        codes = self._read_codes(read_classes(labels, is_labelled(labels)))
        order = order_of_rows(source.X, codes=codes)
        return source.X[order], codes[order]

    def _likely(self, X_target, source_shares, reduced):
        """Return the proportions of "em" and their gap; start with those of the sample."""
        if self.method != "em" or len(self.classes_) == 1:
            return None
        rules = {"tol": self.tol, "max_iter": self.max_iter}
        start, _ = likely_shares(self._probabilities(X_target), source_shares, **rules)
        return proportions_of(
            lambda shares: reduced(
                partial(target_likelihoods, shares=shares, source_shares=source_shares),
                merged_likelihoods,
            ),
            start,
            **rules,
        )

    def _check_classes(self, sums):
        """Raise ValueError if a class has rows, but none in the sample."""
        unknown = {key[1]: count for key, count in sums.items() if key[0] == "unknown"}
        if unknown:
            found = ", ".join(f"{count} of {shown(label)}" for label, count in unknown.items())
            raise ValueError(
                f"{type(self).__name__} fits its classifier on a sample of {N_SAMPLED} labelled "
                f"source rows, in which some classes have no row: {found[:400]} in all; join rare "
                "classes, or hide their labels."
            )

    def _settle_classes(self, sums):
        """Scale the weights to mean 1 over the source rows."""
        weights, found = self.class_weights_, {}
        for name in self.source_domains_:
            total = (sums["classes", name] + sums["probabilities", name]) @ weights
            squares = (
                sums["classes", name] @ weights**2 + weights @ sums["products", name] @ weights
            )
            found[name] = WeightSums(sums["rows", name], 0.0, float(total), float(squares))
        self._settle_by(found)


def target_likelihoods(estimator, X, sample_domain, *, shares, source_shares):
    """Return the `LikelihoodSums` of the target rows at the class proportions `shares`."""
    X, domains = _read(estimator, X, sample_domain)
    probabilities = estimator._probabilities(X[domains.is_target])
    return likelihood_sums(probabilities / source_shares, shares)


def label_sums(estimator, X, sample_domain, y, *, seed, taught):
    """Return sums over the rows of a block, by their names; those of a source are by its name too.

    Parameters
    ----------
    estimator : LabelShiftWeighter
        With `classes_` and `estimator_`.
    X, sample_domain, y : block
    seed : int
        Of the hashes.
    taught : ndarray of uint64
        The hashes of the labelled rows that the classifier was fitted on.

    Returns
    -------
    sums : dict of tuple to int, float or ndarray
        - ``("rows", name)``: the number of rows of a domain,
        - ``("classes", source)``: the labelled rows of each class,
        - ``("probabilities", source)`` and ``("products", source)``: of the other rows, the sums of
          ``p`` and of ``p p^T``,
        - ``("predicted",)``: the target rows predicted as each class,
        - ``("confusion",)``: labelled source rows by class (columns) and prediction (rows), without
          those that the classifier has seen,
        - ``("unknown", label)``: the labelled source rows of a class that is not in `classes_`.
    """
    X, domains = _read(estimator, X, sample_domain)
    labels = block_labels(estimator, y, domains)
    n_classes, labelled = len(estimator.classes_), is_labelled(labels) & ~domains.is_target
    found, codes = _codes(estimator.classes_, labels, labelled)
    found = {("unknown", label): count for label, count in found.items()}
    probabilities = estimator._probabilities(X)
    predicted = probabilities.argmax(axis=1)
    for name in (*domains.sources, TARGET):
        found["rows", name] = len(domains.rows(name))
    for name in domains.sources:
        mine = np.zeros(len(codes), dtype=bool)
        mine[domains.rows(name)] = True
        p = probabilities[mine & ~labelled]
        found["classes", name] = np.bincount(codes[mine & (codes >= 0)], minlength=n_classes)
        found["probabilities", name], found["products", name] = p.sum(axis=0), p.T @ p
    found["predicted",] = np.bincount(predicted[domains.is_target], minlength=n_classes)
    hashes = hashes_with_labels(X, labels, seed=seed)
    new = (codes >= 0) & ~np.isin(hashes, taught)
    found["confusion",] = np.zeros((n_classes, n_classes))
    np.add.at(found["confusion",], (predicted[new], codes[new]), 1)
    return found


def added(first, second):
    """Return the sums of both."""
    return {
        name: first.get(name, 0) + second.get(name, 0) for name in dict.fromkeys([*first, *second])
    }


def _read(estimator, X, sample_domain):
    X = estimator._read_rows(X, reset=False, ensure_min_samples=0).astype(np.float64)
    return X, read_sample_domain(sample_domain, X.shape[0], require_target=False)


def _codes(classes, labels, labelled):
    """Return the numbers of labels of other classes, and the place of each label in the classes.

    The place is -1 for another class, and without a label.
    """
    codes = np.full(len(labels), -1)
    if not labelled.any():
        return {}, codes
    given = read_classes(labels, labelled)
    places = np.minimum(np.searchsorted(classes, given), len(classes) - 1)
    is_known = classes[places] == given
    codes[labelled] = np.where(is_known, places, -1)
    unknown, counts = np.unique(given[~is_known], return_counts=True)
    return dict(zip(unknown.tolist(), counts.tolist(), strict=True)), codes
