"""Labels and domains in every container that users have, at every entry point that reads them.

What scikit-learn's own classifier takes as labels is taken here, and gives the answers that a plain
array of the same labels gives. Containers that can hold missing values are tried with some.
"""

import datetime as dt
import re
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.utils import resample

from sktransfer import (
    CORALAligner,
    FineTuneClassifier,
    JointDistributionAligner,
    LabelShiftWeighter,
    MultiSourceTrAdaBoostClassifier,
    OptimalTransportAligner,
    StructuralEncoder,
    TargetFold,
    TaskTrAdaBoostClassifier,
    TrAdaBoostClassifier,
    TrAdaBoostRegressor,
    TransferComponentAligner,
    TwoStageTrAdaBoostRegressor,
    WeightedTransferClassifier,
    WeightedTransferRegressor,
    make_transfer_pipeline,
    pack_domains,
    unpack_domains,
)
from sktransfer._containers import is_missing
from sktransfer._domains import read_sample_domain
from sktransfer._labels import hide_labels, is_labelled, labels_alone, read_classes, read_labels

try:
    import pyarrow as pa
except ImportError:
    pa = None

SCORERS = ("accuracy", "f1_macro", "roc_auc")

pytestmark = pytest.mark.filterwarnings("ignore:A column-vector y was passed")

N_ROWS = 48
CLASSES = {
    "texts": ["no", "yes"],
    "numbers": [3, 7],
    "booleans": [False, True],
    "dates": [dt.date(2020, 1, 1), dt.date(2021, 1, 1)],
}
X = np.abs(np.random.default_rng(0).normal(size=(N_ROWS, 3)))
CODES = (X[:, 0] > 0.7).astype(int)
GAPS = np.arange(N_ROWS) % 7 == 0
DOMAINS = np.where(np.arange(N_ROWS) % 3 == 0, "target", "source")


def plain(kind, gaps):
    """Return the labels as the array that NumPy users would have."""
    dtype = {"texts": object if gaps else str, "dates": "M8[D]"}.get(kind)
    if kind == "numbers" and gaps:
        dtype = float
    elif kind == "booleans" and gaps:
        dtype = object
    values = np.array(CLASSES[kind], dtype=dtype)[CODES]
    if gaps:
        values[GAPS] = {"numbers": np.nan, "dates": "NaT"}.get(kind)
    return values


def values(kind, gaps):
    """Return the labels as a list, with None for a missing one."""
    labels = [CLASSES[kind][code] for code in CODES]
    return [None if gap and gaps else label for label, gap in zip(labels, GAPS)]


def _series(dtype):
    return lambda v: pd.Series(v, dtype=dtype, index=np.arange(len(v))[::-1])


def _polars(dtype):
    return lambda v: pl.Series("label", v, dtype=dtype)


def _arrow_type(v):
    return pa.timestamp("s") if isinstance(v[1], dt.date) else pa.array(v).type


def _column_type(v):
    return None if None not in v else object if "no" in v else float


LISTS = {"list": list, "tuple": tuple}
COLUMNS = {
    "column": lambda v: np.array(v, dtype=_column_type(v))[:, None],
    "DataFrame": lambda v: pd.DataFrame({"label": v}),
    "polars DataFrame": lambda v: pl.DataFrame({"label": v}),
}
CONTAINERS = {
    "texts": LISTS
    | COLUMNS
    | {
        "array of objects": lambda v: np.array(v, dtype=object),
        "Series of objects": _series(object),
        "Series": _series(None),
        "Series of string": _series("string"),
        "Series of category": _series("category"),
        "Index": pd.Index,
        "polars String": _polars(pl.String),
        "polars Categorical": _polars(pl.Categorical),
        "polars Enum": _polars(pl.Enum(["no", "yes"])),
    },
    "numbers": LISTS
    | COLUMNS
    | {
        "masked array": lambda v: np.ma.array(
            [-1 if x is None else x for x in v], mask=[x is None for x in v]
        ),
        "Series": _series(None),
        "Series of Int64": _series("Int64"),
        "Series of Float64": _series("Float64"),
        "Series of category": _series("category"),
        "polars Int64": _polars(pl.Int64),
        "polars Float32": _polars(pl.Float32),
    },
    "booleans": LISTS
    | {
        "Series of boolean": _series("boolean"),
        "Series of category": _series("category"),
        "polars Boolean": _polars(pl.Boolean),
    },
    "dates": {
        "Series": lambda v: pd.Series(pd.to_datetime(v)),
        "DatetimeIndex": pd.to_datetime,
        "polars Date": _polars(pl.Date),
    },
}
if pa:
    ARROW = {
        "pyarrow Array": pa.array,
        "pyarrow ChunkedArray": lambda v: pa.chunked_array([v[:20], v[20:]]),
        "pyarrow DictionaryArray": lambda v: pa.array(v).dictionary_encode(),
        "pyarrow Table": lambda v: pa.table({"label": v}),
        "Series of Arrow": lambda v: pd.Series(
            pd.array(v, dtype=pd.ArrowDtype(_arrow_type(v))), index=np.arange(len(v))[::-1]
        ),
        "Series of Arrow dictionaries": lambda v: pd.Series(
            pd.arrays.ArrowExtensionArray(pa.array(v).dictionary_encode())
        ),
    }
    CONTAINERS = {
        kind: some
        | {name: make for name, make in ARROW.items() if (kind, "ionar" in name) != ("dates", True)}
        for kind, some in CONTAINERS.items()
    }


def _cases():
    for kind, containers in CONTAINERS.items():
        for name, make in containers.items():
            for gaps in (False, True):
                labels = make(values(kind, gaps))
                yield f"{name}-{kind}-{gaps}", kind, gaps, labels
                if isinstance(labels, pd.Series):
                    yield f"{name}.array-{kind}-{gaps}", kind, gaps, labels.array
    yield "array-numbers-False", "numbers", False, np.array(values("numbers", False))
    yield "StringDType-texts-False", "texts", False, plain("texts", False).astype("T")


CASES = [pytest.param(*case, id=name) for name, *case in _cases()]


def _alone(y):
    return labels_alone(y, is_labelled(y), discrete=True).ravel()


def _hidden(y, d):
    hidden = hide_labels(y, d == "target")
    return [_alone(hidden), is_labelled(hidden)]


def _boosted(booster):
    return lambda y, d: booster.fit(X, y, sample_domain=d).predict(X)


def _transformed(transformer):
    return lambda y, d: transformer.fit(X, y, sample_domain=d).transform(X, sample_domain=d)


def _unpacked(y, d):
    sources, target = unpack_domains(X, y, d)
    return [_alone(y) for _, y in (*sources.values(), target)]


def _packed(y, d):
    domains = read_sample_domain(d, N_ROWS)
    sources, (X_target, y_target) = unpack_domains(X, y, d)
    y = pack_domains(sources, (X_target, y_target))[1]
    return [_alone(y), domains.codes]


READERS = {
    "labels": lambda y, d: [_alone(y), is_labelled(y)],
    "hide_labels": _hidden,
    "TargetFold": lambda y, d: np.concatenate(
        [test for _, test in TargetFold(2).split(X, y, groups=d)]
    ),
    "pack_domains": _packed,
    "unpack_domains": _unpacked,
}
LEARNERS = {
    "TrAdaBoostClassifier": _boosted(TrAdaBoostClassifier(n_estimators=2, random_state=0)),
    "MultiSourceTrAdaBoostClassifier": _boosted(
        MultiSourceTrAdaBoostClassifier(n_estimators=2, random_state=0)
    ),
    "TaskTrAdaBoostClassifier": _boosted(TaskTrAdaBoostClassifier(n_estimators=2, random_state=0)),
    "WeightedTransferClassifier": _boosted(
        WeightedTransferClassifier(weighter=LabelShiftWeighter(), random_state=0)
    ),
    "LabelShiftWeighter": lambda y, d: LabelShiftWeighter().fit(X, y, sample_domain=d).weights_,
    "JointDistributionAligner": _transformed(JointDistributionAligner(2)),
    "TransferComponentAligner": _transformed(TransferComponentAligner(2, supervised=True)),
    "OptimalTransportAligner": _transformed(OptimalTransportAligner(supervised=True)),
    "StructuralEncoder": _transformed(StructuralEncoder(2, pivots="mutual_information")),
    "pipeline": _boosted(make_transfer_pipeline(CORALAligner(), LogisticRegression())),
    "pipeline without target labels": _boosted(
        make_transfer_pipeline(CORALAligner(), LogisticRegression(), target_labels="ignore")
    ),
}
ENTRY_POINTS = READERS | LEARNERS


@cache
def expected(entry, kind, gaps):
    if entry == "TargetFold" and kind == "booleans":
        kind = "numbers"  # beside gaps, booleans in an array of objects are refused
    return ENTRY_POINTS[entry](plain(kind, gaps), DOMAINS)


def _same(found, wanted):
    if isinstance(wanted, list | tuple):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted):
            np.testing.assert_array_equal(one, other)
    else:
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(("kind", "gaps", "labels"), CASES)
def test_labels_in_any_container_are_read_as_those_of_a_plain_array(kind, gaps, labels):
    for entry, read in READERS.items():
        _same(read(labels, DOMAINS), expected(entry, kind, gaps))


# For slower estimators, a container of each kind that needs care.
DIFFICULT = re.compile(
    r"(list|DataFrame|Series of string.array|Series of category|polars Enum)-texts-True|"
    r"(pyarrow ChunkedArray|Series of Arrow dictionaries.array)-texts-True|StringDType|"
    r"(column-numbers-False|Series of (Int64|Arrow.array)-numbers-True|Series-dates-True)"
)


@pytest.mark.parametrize("entry", LEARNERS)
@pytest.mark.parametrize(
    ("kind", "gaps", "labels"), [case for case in CASES if DIFFICULT.match(case.id)]
)
def test_learners_answer_as_with_a_plain_array(entry, kind, gaps, labels):
    _same(LEARNERS[entry](labels, DOMAINS), expected(entry, kind, gaps))


def _scores(labels, scoring):
    pipe = make_transfer_pipeline(CORALAligner(), LogisticRegression())
    found = cross_validate(
        pipe,
        X,
        labels,
        cv=TargetFold(2),
        groups=DOMAINS,
        params={"sample_domain": DOMAINS},
        scoring=scoring,
        error_score="raise",
    )
    return np.array([scores for name, scores in sorted(found.items()) if name.startswith("test_")])


@cache
def _expected_scores(kind, gaps, scoring):
    return _scores(plain("numbers" if kind == "booleans" else kind, gaps), scoring)


@pytest.mark.parametrize(
    ("kind", "gaps", "labels"), [case for case in CASES if case.id.endswith("True")]
)
def test_scores_are_those_of_a_plain_array_if_scikit_learn_can_index_it(kind, gaps, labels):
    try:
        resample(labels)
    except TypeError:  # arrays of pandas that Arrow holds, and an Index: pass the Series
        with pytest.raises(TypeError):
            _scores(labels, None)
        return
    scoring = SCORERS if kind in ("texts", "numbers") else None
    np.testing.assert_allclose(_scores(labels, scoring), _expected_scores(kind, gaps, scoring))


MESSAGE = (
    "y is an array of objects that holds labels of type {}, which are no texts, and missing labels;"
)


@pytest.mark.parametrize("scoring", [None, *SCORERS])
@pytest.mark.parametrize("container", [np.asarray, pd.Series])
@pytest.mark.parametrize(
    ("labels", "type_name"),
    [
        (plain("numbers", False), "int"),
        (plain("booleans", False), "bool"),
        (plain("dates", False), "date"),
    ],
)
def test_objects_that_no_scorer_reads_are_refused_before_the_first_fit(
    labels, type_name, container, scoring
):
    labels = labels.astype(object)
    labels[GAPS] = None
    with pytest.raises(ValueError, match=f"^{re.escape(MESSAGE.format(type_name))}"):
        _scores(container(labels), scoring)


@pytest.mark.parametrize(
    ("labels", "types"),
    [
        (pd.Series(pd.to_datetime(["2020-01-01"] * 4)).dt.tz_localize("UTC"), "Timestamp"),
        (pd.Series(pd.period_range("2020", periods=4, freq="D")), "Period"),
        (np.array([1, "a", 1, "a"], dtype=object), "int, str"),
        ([dt.date(2020, 1, 1), None, "a", "a"], "date, str"),
    ],
)
def test_labels_that_are_no_classes_are_refused_in_a_sentence(labels, types):
    message = (
        f"Unknown label type: y holds values of type {types}; pass classes of one type, which is "
        "strings, whole numbers, booleans or dates of NumPy (datetime64)."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read_classes(labels, is_labelled(labels))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (dict.fromkeys(range(N_ROWS), 1), r"\{0: 1, 1: 1, .*\}"),
        (set(range(N_ROWS)), r"\{0, 1, .*\}"),
        (iter([0, 1] * 24), "<list_iterator object at 0x.*>"),
        (3, "3"),
        (np.array(3), r"array\(3\)"),
        ("n" * N_ROWS, f"'{'n' * N_ROWS}'"),
        (sparse.csr_array(CODES[:, None]), "<Compressed Sparse Row sparse array of .*>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_entry_for_each_row_is_refused_in_a_sentence(values, text):
    match = f"=({text}): expected one entry a row, in a list, an array or a Series.$"
    with pytest.raises(TypeError, match=f"^y{match}"):
        read_labels(values)
    if not isinstance(values, str):  # of which another sentence says more
        with pytest.raises(TypeError, match=f"^sample_domain{match}"):
            read_sample_domain(values, N_ROWS)
    for entry in ("pipeline", "TrAdaBoostClassifier", "TargetFold", "pack_domains"):
        with pytest.raises((TypeError, ValueError)) as refusal:
            ENTRY_POINTS[entry](values, DOMAINS)
        assert "ambiguous" not in str(refusal.value)
        assert "has no attribute" not in str(refusal.value)


@pytest.mark.parametrize("regressor", [TrAdaBoostRegressor(), WeightedTransferRegressor()])
@pytest.mark.parametrize(("kind", "found"), [("texts", "'no'"), ("dates", "datetime.date(2020, 1")])
def test_a_regressor_refuses_labels_that_are_no_numbers(regressor, kind, found):
    match = f"^y holds labels such as {re.escape(found)}.*, and a regressor reads numbers; pass nu"
    with pytest.raises(ValueError, match=match):
        regressor.fit(X, plain(kind, True), sample_domain=DOMAINS)


def _numbers_in_containers():
    numbers = np.where(GAPS, np.nan, X[:, 0])
    gaps = [None if np.isnan(number) else number for number in numbers]
    yield "array", numbers
    yield "objects", np.array(gaps, dtype=object)
    yield "list", gaps
    yield "masked", np.ma.array(X[:, 0], mask=GAPS)
    yield "Float64", pd.Series(gaps, dtype="Float64").array
    yield "polars", pl.Series(gaps)
    yield "frame", pd.DataFrame({"label": numbers})
    if pa:
        yield "pyarrow", pa.chunked_array([gaps])
        yield "Arrow", pd.array(gaps, dtype=pd.ArrowDtype(pa.float64()))


NUMBERS = dict(_numbers_in_containers())


@pytest.mark.parametrize("container", NUMBERS)
@pytest.mark.parametrize(
    "regressor",
    [
        TrAdaBoostRegressor(n_estimators=2, random_state=0),
        TwoStageTrAdaBoostRegressor(n_estimators=2, n_steps=2, n_folds=2, random_state=0),
        WeightedTransferRegressor(random_state=0),
        make_transfer_pipeline(CORALAligner(), LinearRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_numbers_to_predict_come_in_any_container(regressor, container):
    found = clone(regressor).fit(X, NUMBERS[container], sample_domain=DOMAINS).predict(X)
    expected = regressor.fit(X, NUMBERS["array"], sample_domain=DOMAINS).predict(X)
    np.testing.assert_array_equal(np.ravel(found), expected)


LARGE = [None, *(2**60 + 1 + 2 * CODES[1:]).tolist()]


@pytest.mark.parametrize(
    "labels",
    [
        LARGE,
        [np.nan, *LARGE[1:]],
        pd.Series(LARGE, dtype="Int64"),
        pd.array(LARGE, dtype="Int64"),
        pd.Categorical(LARGE),
        pl.Series(LARGE),
        np.ma.array([0, *LARGE[1:]], mask=[True] + [False] * (N_ROWS - 1)),
        *([pa.array(LARGE), pa.chunked_array([LARGE])] if pa else []),
    ],
    ids=lambda labels: f"{type(labels).__module__}.{type(labels).__name__}",
)
def test_no_container_rounds_large_whole_numbers_beside_a_missing_one(labels):
    assert is_labelled(labels).tolist() == [False] + [True] * (N_ROWS - 1)
    assert _alone(labels).tolist() == LARGE[1:]
    pipe = make_transfer_pipeline(CORALAligner(), LogisticRegression())
    pipe.fit(X, labels, sample_domain=DOMAINS)
    assert pipe.classes_.tolist() == [2**60 + 1, 2**60 + 3]


IMAGES = np.random.default_rng(0).uniform(0, 16, size=(N_ROWS, 64))


@pytest.mark.parametrize(
    ("kind", "gaps", "labels"),
    [
        case
        for case in CASES
        if re.match(
            r"(list|column|Series of (category|string.array|Arrow.array)|polars Enum)-texts-False|"
            r"(Series of Int64-numbers|Series-dates|pyarrow Array-booleans)-False",
            case.id,
        )
    ],
)
def test_fine_tuning_reads_any_container(kind, gaps, labels):
    classifier = FineTuneClassifier(random_state=0).fit(IMAGES, labels)
    np.testing.assert_array_equal(classifier.classes_, np.unique(plain(kind, False)))
    assert classifier.score(IMAGES, labels) == classifier.score(IMAGES, plain(kind, False))
    expected = FineTuneClassifier(random_state=0).fit(IMAGES, plain(kind, False))
    np.testing.assert_array_equal(classifier.predict(IMAGES), expected.predict(IMAGES))


def test_objects_are_scored_by_the_default_score_of_every_classifier():
    labels = plain("numbers", False).astype(object)
    pipe = make_transfer_pipeline(CORALAligner(), LogisticRegression())
    pipe.fit(X, labels, sample_domain=DOMAINS)
    assert pipe.score(X, labels) == pipe.score(X, labels.astype(int))
    classifier = FineTuneClassifier(random_state=0).fit(IMAGES, labels)
    assert classifier.score(IMAGES, labels) == classifier.score(IMAGES, labels.astype(int))


@pytest.mark.parametrize("gap", [None, np.nan])
def test_a_missing_label_cannot_be_scored(gap):
    pipe = make_transfer_pipeline(CORALAligner(), LogisticRegression())
    labels = plain("numbers", False).astype(object)
    pipe.fit(X, labels, sample_domain=DOMAINS)
    labels[5] = gap
    with pytest.raises(ValueError, match=r"^y holds no label for 1 of 48 rows, which cannot be sc"):
        pipe.score(X, labels)


SITES = np.where(DOMAINS == "target", "target", np.where(np.arange(N_ROWS) % 2, "a", "b"))
NUMBERS_OF_SITES = np.select([SITES == "a", SITES == "b"], [1, 2], -1)


def _domain_cases():
    for kind, domains in (("texts", SITES), ("numbers", NUMBERS_OF_SITES)):
        for name, make in CONTAINERS[kind].items():
            if name in COLUMNS or "Table" in name or "Float" in name:
                continue
            make = _polars(pl.Enum(["a", "b", "target"])) if name == "polars Enum" else make
            given = make(domains.tolist())
            yield pytest.param(given, id=f"{name}-{kind}")
            if isinstance(given, pd.Series):
                yield pytest.param(given.array, id=f"{name}.array-{kind}")


@pytest.mark.parametrize("sample_domain", list(_domain_cases()))
def test_domains_in_any_container_are_those_of_a_plain_array(sample_domain):
    expected = read_sample_domain(SITES, N_ROWS)
    np.testing.assert_array_equal(read_sample_domain(sample_domain, N_ROWS).codes, expected.codes)
    labels = plain("numbers", True)
    for entry in ("pipeline", "unpack_domains", "TargetFold", "TrAdaBoostClassifier"):
        _same(ENTRY_POINTS[entry](labels, sample_domain), ENTRY_POINTS[entry](labels, SITES))


@pytest.mark.parametrize("name", COLUMNS)
def test_one_column_of_domains_is_refused(name):
    message = f"^sample_domain has shape \\({N_ROWS}, 1\\); pass a one-dimensional array"
    with pytest.raises(ValueError, match=message):
        read_sample_domain(COLUMNS[name](SITES.tolist()), N_ROWS)


@pytest.mark.parametrize(
    "value", [None, np.nan, np.float32("nan"), np.datetime64("NaT"), pd.NaT, pd.NA], ids=repr
)
def test_a_missing_value_of_any_kind_is_missing(value):
    assert is_missing(value)


@pytest.mark.parametrize("value", [0, 0.0, "", "nan", b"", (), [np.nan]], ids=repr)
def test_what_is_there_is_not_missing(value):
    assert not is_missing(value)
