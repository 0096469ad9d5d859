"""The candidates of a ranking of features: networks at each stage, transformers, and arrays."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array

from sktransfer._messages import shown
from sktransfer._sklearn import _num_samples, _safe_indexing
from sktransfer.deep import PretrainedFeatureExtractor


@dataclass(frozen=True, eq=False)
class Features:
    """Features of the labelled rows.

    Parameters
    ----------
    name : str
    X : ndarray of shape (n_labelled, n_features), float64
    seconds : float
    is_last : bool
        Whether it is the last stage of its network.
    is_output : bool
        Whether they are the probabilities of a source model's classes.
    """

    name: str
    X: np.ndarray
    seconds: float
    is_last: bool = True
    is_output: bool = False


def read_features_of(backbones, X, rows, *, n_samples):
    """Return the `Features` of each candidate.

    Parameters
    ----------
    backbones : object
        As of `rank_backbones`.
    X : array-like or None
        All rows.
    rows : ndarray of int
        The labelled ones.
    n_samples : int
        The number of all rows.

    Returns
    -------
    found : list of Features
    """
    items = _named(backbones)
    images = None if X is None else _safe_indexing(X, rows)
    found = [f for item in items for f in _features(*item, images, rows, n_samples)]
    names = [each.name for each in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(
            f"backbones has the name {twice!r} more than once; pass a dict with a name for each."
        )
    return found


def _named(backbones):
    """Return (name or None, candidate) pairs."""
    if isinstance(backbones, Mapping):
        items = [(str(name), each) for name, each in backbones.items()]
    elif isinstance(backbones, list | tuple):
        items = [each if isinstance(each, tuple) else (None, each) for each in backbones]
    else:
        items = [(None, backbones)]
    if not items or any(len(item) != 2 for item in items):
        raise ValueError(
            f"backbones={shown(backbones)}: expected a network, a list of networks or of "
            "(name, network) pairs, or a dict."
        )
    return items


def _features(name, each, images, rows, n_samples):
    """Yield the features of a network at each stage, of a transformer, or an array."""
    if _is_array(each):
        if name is None:
            raise ValueError("An array of features needs a name: pass a dict of name -> array.")
        if _num_samples(each) != n_samples:
            raise ValueError(
                f"The features {name!r} have {_num_samples(each)} rows and y has {n_samples}; pass "
                "a row of features for each label."
            )
        yield Features(name, _checked(_safe_indexing(each, rows), name), 0.0)
        return
    if images is None:
        raise ValueError(
            f"X=None, but the candidate {shown(name or each)} is no array of features; pass the "
            "rows that it reads."
        )
    try:
        yield from _computed(name, each, images)
    except Exception as error:
        error.add_note(f"This is the candidate {shown(name or each)} of backbones.")
        raise


def _computed(name, each, images):
    """Yield the features of a network at each stage, or of a transformer, or outputs."""
    if hasattr(each, "predict_proba"):
        name = name or type(each).__name__.lower()
        start = time.perf_counter()
        computed = _checked(each.predict_proba(images), name)
        yield Features(name, computed, time.perf_counter() - start, is_output=True)
        return
    transformer = each if hasattr(each, "fit_transform") else PretrainedFeatureExtractor(each)
    if "stage" not in transformer.get_params(deep=False):
        name = name or type(each).__name__.lower()
        start = time.perf_counter()
        computed = clone(transformer).fit_transform(images)
        yield Features(name, _checked(computed, name), time.perf_counter() - start)
        return
    yield from _stages(name, transformer, images)


def _stages(name, extractor, images):
    """Yield the features of each stage of a network, or of the one that the extractor has."""
    start = time.perf_counter()
    extractor = clone(extractor).fit(images)
    network = name or extractor.backbone_.name
    if extractor.stage is None and extractor.pooling != "grid":
        found = extractor.transform_stages(images)
    else:
        found = {extractor.stage_: extractor.transform(images)}
    seconds, last = (time.perf_counter() - start) / len(found), list(found)[-1]
    for stage, computed in found.items():
        own = network if len(found) == 1 else f"{network} {stage}"
        yield Features(own, _checked(computed, own), seconds, is_last=stage == last)


def _is_array(each):
    return getattr(each, "ndim", None) == 2 or isinstance(each, list)


def _checked(features, name):
    return check_array(features, dtype=np.float64, input_name=f"the features {name!r}")
