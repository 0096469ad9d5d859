"""Lazy collections are mapped, fitted by blocks or refused by name, and never gathered unasked."""

import inspect
import re

import dask.array as da
import numpy as np
import pandas as pd
import polars as pl
import pytest
from dask import bag, delayed
from sklearn.base import clone, is_regressor
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from sktransfer import (
    CORALAligner,
    KMMWeighter,
    PretrainedAudioExtractor,
    make_transfer_pipeline,
)
from sktransfer._lazy import is_dask, is_lazy
from tests.shelf import ROOT, public_items
from tests.test_contract import ESTIMATORS

# The rows are few: weights that leave few of them are expected.
pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(36, 4)) ** 2
CLASSES = np.arange(36) % 2
NUMBERS = X @ [1.0, 2.0, 0.0, -1.0]
DOMAINS = np.array(["lab", "target", "target"])[np.arange(36) // 12]

# Every public estimator is in one of these, or refuses to be fitted.
FITS_BY_SUMS = {
    "CORALAligner",
    "GaussianWeighter",
    "GeodesicFlowAligner",
    "MomentAligner",
    "SubspaceAligner",
    "TransferComponentAligner",
    "ULSIFWeighter",
}
FITS_A_CLASSIFIER_AND_SUMS = {"LabelShiftWeighter"}
FITS_A_SAMPLE = {
    "ColumnBridge",
    "CombatAligner",
    "DenoisingEncoder",
    "DiscriminatorWeighter",
    "DomainAugmenter",
    "JointDistributionAligner",
    "KLIEPWeighter",
    "KMMWeighter",
    "NearestNeighborWeighter",
    "OptimalTransportAligner",
    "SelfTaughtEncoder",
    "StructuralEncoder",
    "TransferJointAligner",
}
FITS_BY_BLOCKS = FITS_BY_SUMS | FITS_A_CLASSIFIER_AND_SUMS | FITS_A_SAMPLE


class Gathered(Exception):
    """A collection was computed."""


def _gather():
    raise Gathered


def poisoned(values):
    """A lazy array like `values` that cannot be computed."""
    return da.from_delayed(delayed(_gather)(), shape=values.shape, dtype=values.dtype)


def labels_for(estimator):
    return NUMBERS if is_regressor(estimator) else CLASSES


def copy_of(estimator):
    given = {"sample_rate": 16_000} if isinstance(estimator, PretrainedAudioExtractor) else {}
    return clone(estimator).set_params(**given)


def rows_for(estimator):
    tags = get_tags(estimator).input_tags
    if tags.string and not tags.two_d_array:
        return np.array(["a word", "another word here"], dtype=object)[CLASSES]
    if isinstance(estimator, PretrainedAudioExtractor):
        return np.tile(X, 100)
    return X


def takes(method, name):
    return name in inspect.signature(method).parameters


def fitted(estimator):
    estimator = copy_of(estimator)
    given = {"sample_domain": DOMAINS} if takes(estimator.fit, "sample_domain") else {}
    return estimator.fit(rows_for(estimator), labels_for(estimator), **given)


def refusal(estimator, X, y):
    """Return the message of the error of a fit; empty if there is none."""
    try:
        estimator.fit(X, y)
    except TypeError as error:
        return str(error)
    return ""


def consumed(call, given):
    found = call(*given)
    return list(found) if inspect.isgenerator(found) else found


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda value: type(value).__name__)
def test_no_fit_gathers_its_arguments(estimator):
    name, y = type(estimator).__name__, labels_for(estimator)
    expected = Gathered if name in FITS_BY_BLOCKS else TypeError
    with pytest.raises(expected) as error:
        clone(estimator).fit(poisoned(X), y)
    if expected is TypeError:
        assert str(error.value).startswith(name)
        assert str(error.value).endswith(
            " reads what is in memory, but X is a lazy Array of dask; pass X.compute() if "
            "that fits into memory, or a sample of its rows, and apply what is fitted to one block "
            "after the other."
        )
    found = refusal(copy_of(estimator), rows_for(estimator), poisoned(y))
    assert not found or "but y is a lazy Array of dask; pass y.compute()" in found
    if takes(estimator.fit, "sample_domain"):
        with pytest.raises(TypeError, match="but sample_domain is a lazy Array of dask"):
            clone(estimator).fit(X, y, sample_domain=poisoned(DOMAINS))


def test_the_guide_has_the_same_list():
    page = (ROOT / "docs" / "guide" / "laptop_to_cluster.rst").read_text()
    table = page.partition(".. list-table::")[2].partition("* - all other estimators")[0]
    assert set(re.findall(r":class:`~sktransfer\.(\w+)`", table)) == FITS_BY_BLOCKS


NOT_FITTED_FOR = ("fit", "fit_transform", "fit_predict", "set_params")


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda value: type(value).__name__)
def test_no_method_gathers_rows(estimator):
    name = type(estimator).__name__
    estimator, lazy = fitted(estimator), poisoned(rows_for(estimator))
    for method in dir(estimator):
        if method.startswith("_") or method in NOT_FITTED_FOR:
            continue
        call = getattr(estimator, method, None)
        if not inspect.ismethod(call) or next(iter(inspect.signature(call).parameters), "") != "X":
            continue
        required = [
            value.name
            for value in inspect.signature(call).parameters.values()
            if value.default is value.empty and value.kind is value.POSITIONAL_OR_KEYWORD
        ]
        if method in ("transform", "weigh"):
            assert is_dask(getattr(estimator, method)(lazy))
            continue
        given = {"X": lazy, "y": labels_for(estimator)}
        given = [given[each] for each in required]
        with pytest.raises(TypeError, match=f"^{name}.* reads what is in memory, but X is a lazy"):
            consumed(call, given)


def test_rows_of_each_library_that_is_lazy_are_known():
    class LazyThing:
        pass

    for module, name, call in [
        ("polars.lazyframe.frame", "LazyFrame", "collect()"),
        ("pyspark.sql.connect.dataframe", "DataFrame", "toPandas()"),
        ("ray.data.dataset", "Dataset", "to_pandas()"),
        ("ray.data.dataset", "MaterializedDataset", "to_pandas()"),
    ]:
        kind = type(name, (LazyThing,), {"__module__": module})
        message = (
            f"KMMWeighter reads .* X is a lazy {name} of {module.split('.')[0]}; pass X.{call} "
        )
        with pytest.raises(TypeError, match=re.escape(message).replace(r"\.\*", ".*")):
            KMMWeighter().fit(kind())
    with pytest.raises(TypeError, match="X is a lazy LazyFrame of polars"):
        CORALAligner().fit(pl.LazyFrame(X))
    frame = pl.DataFrame(X)
    assert not is_lazy(frame)
    assert not is_lazy(pd.DataFrame(X))


def test_an_object_without_a_graph_is_in_memory():
    class InMemory:
        def __dask_graph__(self):
            return None

    assert not is_dask(InMemory())
    assert not is_dask(da.Array)


@pytest.mark.parametrize(
    "collection", [delayed(X), bag.from_sequence(range(4))], ids=["one", "bag"]
)
def test_collections_without_rows_and_columns_are_refused(collection):
    aligner = CORALAligner().fit(X, sample_domain=DOMAINS)
    for call in (aligner.fit, aligner.transform):
        with pytest.raises(
            TypeError, match="CORALAligner reads what is in memory, but X is a lazy"
        ):
            call(collection)


def test_a_pipeline_refuses_to_be_fitted_and_to_predict_and_names_itself():
    pipe = make_transfer_pipeline(StandardScaler(), CORALAligner(), LogisticRegression())
    message = "^TransferPipeline reads what is in memory, but {} is a lazy Array of dask"
    with pytest.raises(TypeError, match=message.format("X")):
        pipe.fit(poisoned(X), CLASSES, sample_domain=DOMAINS)
    with pytest.raises(TypeError, match=message.format("y")):
        pipe.fit(X, poisoned(CLASSES), sample_domain=DOMAINS)
    with pytest.raises(TypeError, match=message.format("sample_domain")):
        pipe.fit(X, CLASSES, sample_domain=poisoned(DOMAINS))
    pipe.fit(X, CLASSES, sample_domain=DOMAINS)
    for method in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(TypeError, match=message.format("X")):
            getattr(pipe, method)(poisoned(X))
    with pytest.raises(TypeError, match="but y is a lazy Array of dask"):
        pipe.score(X, poisoned(CLASSES))


LAZY = poisoned(X)
MODEL = LogisticRegression().fit(X, CLASSES)
CALLS = {
    "compare_transfer": lambda call: call({"it": MODEL}, LAZY, CLASSES, sample_domain=DOMAINS),
    "pack_domains": lambda call: call({"lab": (X, CLASSES)}, target=LAZY),
    "proxy_a_distance": lambda call: call(LAZY, sample_domain=DOMAINS),
    "rank_sources": lambda call: call(LAZY, CLASSES, sample_domain=DOMAINS),
    "ridge_probe": lambda call: call(LAZY, CLASSES),
    "select_by_agreement": lambda call: call([MODEL, MODEL, MODEL], LAZY),
    "transfer_bound": lambda call: call(MODEL, LAZY, CLASSES, sample_domain=DOMAINS),
    "unpack_domains": lambda call: call(LAZY, CLASSES, DOMAINS),
    "transferability.h_score": lambda call: call(LAZY, CLASSES),
    "transferability.leep_score": lambda call: call(LAZY, CLASSES),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_function_gathers_rows(name):
    call = public_items()[name]
    reader = "The score" if name.endswith("h_score") else name.rpartition(".")[2]
    with pytest.raises(TypeError, match=f"^{reader} reads what is in memory, but .* is a lazy Arr"):
        CALLS[name](call)
