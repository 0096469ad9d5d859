"""Check that features depend on the item alone, and little on the precision."""

import numpy as np

from sktransfer._messages import shown, warn
from sktransfer.deep._networks.recent import Recent
from sktransfer.exceptions import TransferWarning

# By how much a row may differ, as a share of its largest feature. Rounding stays far below, also
# in half precision; dropout and the statistics of a batch lie far above.
TOLERANCE = 1e-2

# By how much half precision may change features, as a share of their norm. Most networks stay below
# .02; depthwise convolutions with large scales, as in MobileNets, reach .14 in bfloat16.
HALF_TOLERANCE = 0.05

# So many rows of the first batch are computed again in float32.
_COMPARED = 8

_KNOWN = Recent(256)


def check_rows(compute, batch, rows, *, key, of, noun="image"):
    """Warn if rows depend on the batch or on chance.

    The first and the last item run once more, each alone; a lone item runs between two others. The
    result is kept for this process by `key`, so that a network is checked once. A network that
    fails gives a warning at each call. ``compute(batch)`` returns the rows of a batch, and `of`
    names the network and its stage.
    """
    known = _KNOWN.get(key, lambda: _judge(compute, batch, np.asarray(rows), of, noun))
    if known:
        warn(known, TransferWarning)


def _judge(compute, batch, rows, of, noun):
    """The warning; empty if there is none."""
    if len(rows) == 1:
        off = difference(compute(_map(_between_others, batch))[1:2], rows)
    else:
        ends = [0, len(rows) - 1]
        alone = [compute(_row(batch, end)) for end in ends]
        off = difference(np.concatenate(alone), rows[ends])
    if off <= TOLERANCE:
        return ""
    first, again = compute(_row(batch, 0)), compute(_row(batch, 0))
    by_chance = difference(first, again) > TOLERANCE
    reason = "chance" if by_chance else f"the other {noun}s of its batch"
    remedy = (
        "switch off dropout and noise, as module.eval() or an export in evaluation mode does"
        if by_chance
        else f"let batch normalization use stored statistics and scale values {noun} by {noun}"
    )
    article = "an" if noun[0] in "aeiou" else "a"
    return (
        f"{of}: the features of {article} {noun} depend on {reason}. Alone and in a batch they "
        f"differ by {off:.2g} times the largest feature. Scores cannot be repeated, and the cache "
        f"keeps the values of the first run: {remedy}, or choose an earlier stage."
    )


def check_precision(compute, compute_exactly, batch, *, precision, key, of):
    """Warn if features in half precision are far from those of the same network in float32.

    Both functions return the rows of a batch. The result is kept for this process by `key`.
    """
    few = _map(lambda array: array[:_COMPARED], batch)
    known = _KNOWN.get(key, lambda: _distance(compute(few), compute_exactly(few)))
    if known > HALF_TOLERANCE:
        closer = "'float32'" if precision == "float16" else "'float16' or 'float32'"
        warn(
            f"{of}: precision={shown(precision)} changes the features by {known:.2g} of their "
            f"norm: compare scores, or use precision={closer}.",
            TransferWarning,
        )


def _distance(rows, exact):
    """The norm of the difference, as a share of the norm; rows that are not finite do not count."""
    finite = np.isfinite(rows).all(axis=1) & np.isfinite(exact).all(axis=1)
    size = np.linalg.norm(exact[finite].astype(np.float64))
    return float(np.linalg.norm(rows[finite] - exact[finite]) / size) if size else 0.0


def _map(change, batch):
    """Change the array of a batch, or each of them."""
    if isinstance(batch, dict):
        return {name: change(array) for name, array in batch.items()}
    return change(batch)


def _row(batch, place):
    return _map(lambda array: array[place : place + 1], batch)


def _between_others(item):
    """A picture between its turned negative, tokens between their reverse."""
    other = item[:, ::-1] if item.ndim < 4 else 1 - item[:, :, ::-1, ::-1]
    return np.concatenate([other, item, other])


def difference(first, second):
    """Return the largest difference of two sets of rows, as a share of each row's largest value.

    Values that are missing or infinite in both are equal; in one of them they differ by infinity.
    """
    first, second = (np.asarray(rows, dtype=np.float64) for rows in (first, second))
    finite = np.isfinite(first) & np.isfinite(second)
    same = finite | (first == second) | (np.isnan(first) & np.isnan(second))
    if not same.all():
        return np.inf
    with np.errstate(invalid="ignore"):
        off = np.where(finite, np.abs(first - second), 0.0).max(axis=1, initial=0.0)
    size = np.where(finite, np.maximum(np.abs(first), np.abs(second)), 0.0).max(axis=1, initial=0.0)
    return float((off / np.maximum(size, np.finfo(np.float32).tiny)).max(initial=0.0))
