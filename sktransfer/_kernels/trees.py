"""Decision trees as arrays, and their transfer to target rows: SER and STRUT.

`numbers` are labels in one of two forms. One has a column for each class, 1 for that of the row and
0 for others. The other is a single column of numbers.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

# Rounding of sums of weights, relative to them.
_ROUNDING = 1e-12

# Variances of a child are at least this share of that of its node, for the divergence of numbers.
_LEAST_SHARE = 0.01


@dataclass(frozen=True)
class Tree:
    """The nodes of a tree, the root first.

    A row goes to the left child if its value of the feature is at most the threshold.

    Parameters
    ----------
    left, right : ndarray of shape (n_nodes,), dtype int
        Places of the children, -1 for a leaf.
    feature : ndarray of shape (n_nodes,), dtype int
    threshold : ndarray of shape (n_nodes,)
    values : ndarray of shape (n_nodes, n_columns)
        The class proportions, or the mean of the numbers.
    spread : ndarray of shape (n_nodes,)
        The variance of the leaves' means about that of the node, for numbers; else 0.
    """

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    values: np.ndarray
    spread: np.ndarray


def read_tree(tree, values):
    """Return the arrays of a fitted tree of scikit-learn.

    Parameters
    ----------
    tree : sklearn.tree._tree.Tree
        The public attribute `tree_`.
    values : ndarray of shape (n_nodes, n_columns)
        Its values, by the columns of the reader.

    Returns
    -------
    tree : Tree
    """
    left, right, weight = tree.children_left, tree.children_right, tree.weighted_n_node_samples
    spread = np.zeros(len(left))
    if values.shape[1] == 1:
        mean, squares = values[:, 0].copy(), values[:, 0] ** 2
        levels = [np.array([0])]
        while len(levels[-1]):
            inside = levels[-1][left[levels[-1]] >= 0]
            levels.append(np.concatenate([left[inside], right[inside]]))
        for level in reversed(levels):
            nodes = level[left[level] >= 0]
            sides = np.array([left[nodes], right[nodes]])
            shares = weight[sides] / weight[sides].sum(axis=0)
            mean[nodes] = np.sum(shares * mean[sides], axis=0)
            squares[nodes] = np.sum(shares * squares[sides], axis=0)
        spread = np.maximum(squares - mean**2, 0)
    return Tree(left, right, tree.feature, tree.threshold, values, spread)


class _Growing:
    """The nodes of a tree that is built, each after its parent."""

    def __init__(self):
        self.nodes = []

    def add(self, value, parent, *, feature=-2, threshold=-2.0):
        """Append a node below `parent`, a place and 0 for its left or 1 for its right child."""
        place = len(self.nodes)
        self.nodes.append([-1, -1, feature, threshold, value])
        if parent is not None:
            self.nodes[parent[0]][parent[1]] = place
        return place

    def graft(self, tree, parent):
        """Append a whole tree below `parent`."""
        stack = [(0, parent)]
        while stack:
            node, above = stack.pop()
            split = {"feature": tree.feature[node], "threshold": tree.threshold[node]}
            place = self.add(tree.values[node], above, **split if tree.left[node] >= 0 else {})
            if tree.left[node] >= 0:
                stack += [(tree.right[node], (place, 1)), (tree.left[node], (place, 0))]

    def tree(self):
        left, right, feature, threshold, values = zip(*self.nodes, strict=True)
        values = np.array(values, dtype=np.float64)
        arrays = np.array(left), np.array(right), np.array(feature), np.array(threshold)
        return Tree(*arrays, values, np.zeros(len(left)))


def mean_of(numbers, weight):
    """Return the weighted mean of the labels of some rows, of shape (n_columns,)."""
    return weight @ numbers / weight.sum()


def all_alike(numbers):
    """Return whether all rows have the same label."""
    return bool((numbers == numbers[0]).all())


def loss_of(numbers, weight, value):
    """Return the weight of the rows of other classes than the largest share, or squared errors."""
    if numbers.shape[1] == 1:
        return float(weight @ (numbers[:, 0] - value[0]) ** 2)
    return float(weight.sum() - weight @ numbers[:, np.argmax(value)])


def expand_and_reduce(source, X, numbers, weight, *, grow):
    """Return the tree that SER makes of a source tree and target rows [1]_.

    Each leaf that target rows reach becomes a tree that is grown on these rows. From the leaves up,
    a subtree becomes a leaf if this makes no more errors on the target rows. A subtree that no
    target row reaches becomes a leaf with the source's value.

    Parameters
    ----------
    source : Tree
    X : ndarray of shape (n_rows, n_features), dtype float32
    numbers : ndarray of shape (n_rows, n_columns)
    weight : ndarray of shape (n_rows,)
    grow : callable
        Returns the `Tree` that is grown on some rows, an array of their places.

    Returns
    -------
    tree : Tree

    References
    ----------
    .. [1] N. Segev, M. Harel, S. Mannor, K. Crammer, R. El-Yaniv, "Learn on Source, Refine on
       Target: A Model Transfer Learning Framework with Random Forests", IEEE TPAMI 39(9), 2017.
       https://arxiv.org/abs/1511.01258
    """
    rows_at, order, stack = {0: np.arange(len(X))}, [], [0]
    while stack:  # from the root: the rows that reach each node
        node = stack.pop()
        rows = rows_at[node]
        order.append(node)
        if source.left[node] >= 0 and len(rows) and not all_alike(numbers[rows]):
            left, right = source.left[node], source.right[node]
            goes_left = X[rows, source.feature[node]] <= source.threshold[node]
            rows_at[left], rows_at[right] = rows[goes_left], rows[~goes_left]
            stack += [left, right]
    losses, leaves, grown = {}, {}, {}
    for node in reversed(order):  # from the leaves: which subtrees are worth it
        rows = rows_at[node]
        if not len(rows):
            losses[node], leaves[node] = 0.0, source.values[node]
            continue
        here, counts = numbers[rows], weight[rows]
        value = mean_of(here, counts)
        alone = loss_of(here, counts, value)
        if all_alike(here):
            losses[node], leaves[node] = alone, value
            continue
        if source.left[node] < 0:
            grown[node] = grow(rows)
            below = _loss_of_tree(grown[node], X[rows], here, counts)
        else:
            below = losses[source.left[node]] + losses[source.right[node]]
        losses[node] = min(alone, below)
        if alone <= below + _ROUNDING * (abs(alone) + counts.sum()):
            leaves[node] = value
    built, stack = _Growing(), [(0, None)]
    while stack:
        node, parent = stack.pop()
        if node in leaves:
            built.add(leaves[node], parent)
        elif node in grown:
            built.graft(grown[node], parent)
        else:
            value = mean_of(numbers[rows_at[node]], weight[rows_at[node]])
            split = {"feature": source.feature[node], "threshold": source.threshold[node]}
            place = built.add(value, parent, **split)
            stack += [(source.right[node], (place, 1)), (source.left[node], (place, 0))]
    return built.tree()


def _loss_of_tree(tree, X, numbers, weight):
    """Return the loss of a tree on some rows."""
    leaves = leaves_of(tree, X)
    return sum(
        loss_of(numbers[leaves == leaf], weight[leaves == leaf], tree.values[leaf])
        for leaf in np.unique(leaves)
    )


def choose_thresholds(source, X, numbers, weight):
    """Return the tree that STRUT makes of a source tree and target rows [1]_.

    From the root down, each node keeps its feature and gets the threshold of `choose_threshold`. A
    node that target rows of one label reach, or none that differ in the feature, becomes a leaf.
    Leaves say the labels of the target rows. A leaf that none reaches says those of its parent.

    Parameters
    ----------
    source : Tree
    X : ndarray of shape (n_rows, n_features), dtype float32
    numbers : ndarray of shape (n_rows, n_columns)
    weight : ndarray of shape (n_rows,)

    Returns
    -------
    tree : Tree

    References
    ----------
    .. [1] As in `expand_and_reduce`.
    """
    built = _Growing()
    stack = [(0, np.arange(len(X)), None, None)]
    while stack:
        node, rows, parent, inherited = stack.pop()
        value = mean_of(numbers[rows], weight[rows]) if len(rows) else inherited
        split = None
        if len(rows) and source.left[node] >= 0 and not all_alike(numbers[rows]):
            values = X[rows, source.feature[node]]
            split = choose_threshold(source, node, values, numbers[rows], weight[rows])
        if split is None:
            built.add(value, parent)
            continue
        threshold, turned = split
        place = built.add(value, parent, feature=source.feature[node], threshold=threshold)
        goes_left = values <= threshold
        sides = [source.left[node], source.right[node]]
        left, right = sides[::-1] if turned else sides
        stack.append((right, rows[~goes_left], (place, 1), value))
        stack.append((left, rows[goes_left], (place, 0), value))
    return built.tree()


def choose_threshold(source, node, values, numbers, weight):
    """Return the threshold of a node for target rows, and whether its children change sides.

    Among the thresholds at which the gain of the split has a local maximum, it is that of most
    divergence gain, ``1 - sum_side w_side / w D(source_side, target_side)``. Children change sides
    if this gains more. D is the Jensen-Shannon divergence of the class proportions, in bits. For
    numbers it is the squared Hellinger distance of normal distributions, whose means and variances
    are relative to the mean and the variance of the node.

    Parameters
    ----------
    source : Tree
    node : int
        A node with children.
    values : ndarray of shape (n_rows,)
        Of its feature.
    numbers : ndarray of shape (n_rows, n_columns)
    weight : ndarray of shape (n_rows,)

    Returns
    -------
    threshold : float
    turned : bool
        Or None if all values are the same.
    """
    order = np.argsort(values, kind="stable")
    values, numbers, weight = values[order].astype(np.float64), numbers[order], weight[order]
    ends = np.flatnonzero(values[:-1] < values[1:])
    if not len(ends):
        return None
    classes = numbers.shape[1] > 1
    describe, distance = (_shares, _jensen_shannon) if classes else (_moments, _hellinger)
    target, gains = describe(numbers, weight, ends)
    sides = _sides_of_source(source, node)
    left = np.cumsum(weight)[ends] / weight.sum()
    straight, turned = (
        1 - left * distance(target[0], first) - (1 - left) * distance(target[1], second)
        for first, second in (sides, sides[::-1])
    )
    around = np.concatenate([[0.0], gains, [0.0]])
    is_peak = (gains >= around[:-2]) & (gains >= around[2:])
    best = np.argmax(np.where(is_peak, np.maximum(straight, turned), -np.inf))
    end = ends[best]
    return (values[end] + values[end + 1]) / 2, bool(turned[best] > straight[best])


def _shares(numbers, weight, ends):
    """Return the class proportions left and right of each end, and the information gains."""
    sums = np.cumsum(weight[:, None] * numbers, axis=0)
    left, right = sums[ends], sums[-1] - sums[ends]
    shares = [np.maximum(side, 0) / side.sum(axis=1, keepdims=True) for side in (left, right)]
    total = sums[-1].sum()
    after = sum(
        part.sum(axis=1) / total * _entropy(of)
        for part, of in zip((left, right), shares, strict=True)
    )
    return shares, _entropy(sums[-1] / total) - after


def _moments(numbers, weight, ends):
    """Return means and variances left and right of each end, relative to all, and the gains."""
    centered = numbers[:, 0] - weight @ numbers[:, 0] / weight.sum()
    centered = centered / np.sqrt(weight @ centered**2 / weight.sum())
    sums = np.cumsum(
        weight[:, None] * np.column_stack([centered**0, centered, centered**2]), axis=0
    )
    moments, after = [], 0.0
    for part in (sums[ends], sums[-1] - sums[ends]):
        mean = part[:, 1] / part[:, 0]
        variance = np.maximum(part[:, 2] / part[:, 0] - mean**2, 0)
        moments.append(np.column_stack([mean, variance]))
        after = after + part[:, 0] / sums[-1, 0] * variance
    return moments, 1 - after


def _sides_of_source(source, node):
    """Return the values of the children of a source node, as `_shares` and `_moments` do."""
    children = [source.left[node], source.right[node]]
    if source.values.shape[1] > 1:
        return [source.values[child] for child in children]
    variance = max(source.spread[node], np.finfo(float).tiny)
    mean = [
        (source.values[child, 0] - source.values[node, 0]) / variance**0.5 for child in children
    ]
    return [np.array([m, source.spread[c] / variance]) for m, c in zip(mean, children, strict=True)]


def _entropy(shares):
    """Return the entropy of proportions along the last axis, in bits."""
    return -np.sum(xlogy(shares, shares), axis=-1) / np.log(2)


def _jensen_shannon(target, source):
    """Return the divergence of class proportions from those of the source, in bits."""
    return _entropy((target + source) / 2) - (_entropy(target) + _entropy(source)) / 2


def _hellinger(target, source):
    """Return the squared distance of normal distributions, given by means and variances."""
    (mean, variance), (mean_source, variance_source) = target.T, source
    variance = np.maximum(variance, _LEAST_SHARE)
    variance_source = max(variance_source, _LEAST_SHARE)
    total = variance + variance_source
    overlap = np.sqrt(2 * np.sqrt(variance * variance_source) / total)
    return 1 - overlap * np.exp(-((mean - mean_source) ** 2) / (4 * total))


def leaves_of(tree, X):
    """Return the place of the leaf of each row.

    Parameters
    ----------
    tree : Tree
    X : ndarray of shape (n_rows, n_features), dtype float32

    Returns
    -------
    leaves : ndarray of shape (n_rows,), dtype int
    """
    nodes, rows = np.zeros(len(X), dtype=np.intp), np.arange(len(X))
    if tree.left[0] < 0:
        return nodes
    here = nodes.copy()
    while len(rows):
        goes_left = X[rows, tree.feature[here]] <= tree.threshold[here]
        here = np.where(goes_left, tree.left[here], tree.right[here])
        nodes[rows] = here
        inside = tree.left[here] >= 0
        rows, here = rows[inside], here[inside]
    return nodes


def average_of(trees, X):
    """Return the mean output of trees for rows, of shape (n_rows, n_columns)."""
    total = np.zeros((len(X), trees[0].values.shape[1]))
    for tree in trees:
        total += tree.values[leaves_of(tree, X)]
    return total / len(trees)
