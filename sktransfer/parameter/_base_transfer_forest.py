"""The base of the forests that are made of the trees of sources."""

from abc import abstractmethod
from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import BaseDecisionTree
from sklearn.utils.validation import check_is_fitted

from sktransfer._kernels.trees import (
    average_of,
    choose_thresholds,
    expand_and_reduce,
    read_tree,
)
from sktransfer._labels import read_classes
from sktransfer._magnitude import to_single
from sktransfer._messages import shown, warn
from sktransfer._needs import Needs
from sktransfer._random import generator, seeded_clones
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.exceptions import TransferWarning
from sktransfer.parameter._base_fitted_sources import _BaseFittedSources
from sktransfer.parameter._sources import bare

_FORESTS = (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)


class _BaseTransferForest(_BaseFittedSources):
    """Changes each tree of the sources by target rows, and averages the trees."""

    _needs = Needs(
        dense_because="its trees compare the values of rows",
        source_labels=True,
        target_labels=True,
        every_source=True,
        unlabelled_rows="dropped",
    )

    _parameter_constraints: dict = {
        **_BaseFittedSources._parameter_constraints,
        "method": [StrOptions({"ser", "strut", "mix"})],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        source=None,
        *,
        method="mix",
        n_estimators=100,
        source_estimator=None,
        random_state=None,
    ):
        self.source = source
        self.method = method
        self.n_estimators = n_estimators
        self.source_estimator = source_estimator
        self.random_state = random_state

    @abstractmethod
    def _numbers(self, labels):
        """Return labels as class proportions, or as a column of numbers."""

    @abstractmethod
    def _tree(self, seed):
        """Return an unfitted tree that grows without limits, on a random part of the features."""

    def _source_model(self, rows):
        if self.source_estimator is None:
            return self._plain(rows)
        rng, keep = generator(self.random_state), self.random_state is None
        return next(seeded_clones(self.source_estimator, 1, generator=rng, keep_seeds=keep))

    def _given_sources(self, n_features):
        models = super()._given_sources(n_features)
        for model in models:
            _trees_in(model)
        return models

    def _fit_source(self, domain, rows):
        model = super()._fit_source(domain, self._in_order(rows))
        _trees_in(model)
        return model

    def _in_order(self, rows):
        """Return rows in float32, in an order of their own."""
        rows = rows.in_order()
        return replace(rows, X=to_single(rows.X, self))

    def _learn(self, target, sources):
        rng, target = generator(self.random_state), self._in_order(target)
        if not sources:
            plain = self._plain(target)
            plain.fit(target.X, target.labels, sample_weight=target.sample_weight)
            self.trees_ = self._trees_of(plain)
            return
        trees = [tree for source in sources for tree in self._trees_of(source.model)]
        numbers = self._numbers(target.labels)
        if (numbers == numbers[0]).all():
            warn(
                f"{type(self).__name__} keeps the trees of the sources as they are, because all "
                f"target rows ({len(numbers)}) have one label, of which trees would become single "
                "leaves. Label more target rows.",
                TransferWarning,
            )
            self.trees_ = trees
            return
        rows = target.X, numbers, target.weights
        self.trees_ = []
        if self.method in ("strut", "mix"):
            self.trees_ += [choose_thresholds(tree, *rows) for tree in trees]
        if self.method in ("ser", "mix"):
            self.trees_ += [
                expand_and_reduce(tree, *rows, grow=self._grower(target, numbers, rng))
                for tree in trees
            ]

    def _grower(self, target, numbers, rng):
        """Return the function that grows a tree on some of the target rows."""
        codes = numbers[:, 0] if numbers.shape[1] == 1 else numbers.argmax(axis=1).astype(float)

        def grow(places):
            tree = self._tree(rng.randint(np.iinfo(np.int32).max))
            weight = None if target.sample_weight is None else target.sample_weight[places]
            tree.fit(target.X[places], codes[places], sample_weight=weight, check_input=False)
            known = None if numbers.shape[1] == 1 else tree.classes_.astype(int)
            return self._read(tree, known)

        return grow

    def _trees_of(self, model):
        """Return the trees of a fitted model as arrays, by the classes of this estimator."""
        classes, known = getattr(self, "classes_", None), None
        if classes is not None:
            theirs = read_classes(model.classes_, np.ones(len(model.classes_), dtype=bool))
            known = np.searchsorted(classes, theirs)
        return [self._read(tree, known) for tree in _trees_in(model)]

    def _read(self, tree, known):
        """Return a tree as arrays; `known` are the places of its classes, None for numbers."""
        values = tree.tree_.value[:, 0, :]
        if known is not None:
            shares = values / values.sum(axis=1, keepdims=True)
            values = np.zeros((len(shares), len(self.classes_)))
            values[:, known] = shares
        return read_tree(tree.tree_, values)

    _no_onnx = None

    def _write_onnx(self, graph):
        rows = graph.cast(graph.given, np.float32)
        return graph.cast(_write_trees(graph, self.trees_, rows), np.float64)

    def _average(self, X):
        """Return the mean output of the trees for rows, of shape (n_rows, n_columns)."""
        check_is_fitted(self)
        rows = self._read_rows(X, reset=False)
        return average_of(self.trees_, to_single(rows, self))


def _write_trees(graph, trees, rows):
    """Write the mean output of trees for rows of float32."""
    nodes, leaves = [], []
    for number, tree in enumerate(trees):
        for place, left in enumerate(tree.left):
            # A row of float32 is at most a threshold if it is at most the next lower float32.
            threshold = np.float32(tree.threshold[place])
            if threshold > tree.threshold[place]:
                threshold = np.nextafter(threshold, np.float32(-np.inf))
            split = max(tree.feature[place], 0), threshold, left, tree.right[place]
            if left < 0:
                split = 0, 0.0, 0, 0
                leaves += [(number, place, k, value) for k, value in enumerate(tree.values[place])]
            nodes.append((number, place, "LEAF" if left < 0 else "BRANCH_LEQ", *split))
    names = "treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids"
    attributes = {
        **_columns("nodes", names, nodes),
        **_columns("target", ("treeids", "nodeids", "ids", "weights"), leaves),
    }
    return graph.add(
        "TreeEnsembleRegressor",
        rows,
        domain="ai.onnx.ml",
        n_targets=trees[0].values.shape[1],
        aggregate_function="AVERAGE",
        **attributes,
    )


def _columns(kind, names, rows):
    """Return the columns of rows as attributes of plain numbers and texts."""
    columns = zip(*rows, strict=True)
    return {
        f"{kind}_{name}": np.array(column).tolist()
        for name, column in zip(names, columns, strict=True)
    }


def _trees_in(model):
    """Return the fitted trees of a model, or raise an error if it is no tree and no forest."""
    inner = bare(model)
    if isinstance(inner, BaseDecisionTree):
        trees = [inner]
    elif isinstance(inner, _FORESTS):
        trees = inner.estimators_
    else:
        raise ValueError(
            f"source={shown(model)} is no tree and no forest; pass a fitted DecisionTree, "
            "ExtraTree, RandomForest or ExtraTrees model of scikit-learn, or use "
            "TransferStackingClassifier or TransferStackingRegressor."
        )
    if trees[0].n_outputs_ != 1:
        raise ValueError(
            f"source={shown(model)} predicts {trees[0].n_outputs_} outputs; pass a model of one."
        )
    return trees
