"""Collections of Dask by methods that are no sums: a sample of them, its error, lazy results."""

import pickle
import warnings

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier

from sktransfer import (
    JointDistributionAligner,
    KMMWeighter,
    LabelShiftWeighter,
    NearestNeighborWeighter,
    OptimalTransportAligner,
    TransferJointAligner,
    TransferWarning,
)
from sktransfer.base import BaseAligner, BaseWeighter, Needs
from tests.test_contract import ESTIMATORS
from tests.test_lazy import CLASSES, DOMAINS, FITS_A_SAMPLE, X

# The rows are few: weights that leave few of them are expected.
quiet = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")


class MeanShift(BaseAligner):
    """Adds the difference of the means to source rows."""

    def _fit_domains(self, sources, X_target):
        mean = X_target.mean(axis=0)
        self.shifts_ = {name: mean - rows.mean(axis=0) for name, rows in sources.items()}

    def _transform_domain(self, X, name):
        return X if name == "target" else X + self.shifts_[name]


class NearMean(BaseWeighter):
    """Weighs rows near the mean of the target, and remembers how many rows it saw."""

    def _fit_ratio(self, X_source, X_target):
        self.n_seen_ = len(X_source), len(X_target)
        return np.exp(-((X_source - X_target.mean(axis=0)) ** 2).sum(axis=1) / 2)


def make_rows(n_source=25_000, n_target=20_000, n_features=1, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_source + n_target, n_features))
    rows[n_source:] += 0.5
    return rows, np.repeat(["lab", "target"], [n_source, n_target])


def in_blocks(values, sizes):
    chunks = (tuple(sizes), *((n,) for n in values.shape[1:]))
    return da.from_array(values, chunks=chunks)


def products(estimator, rows, names):
    """Products of mapped rows, which no rotation of components changes; or weights."""
    if hasattr(estimator, "weigh"):
        return estimator.weigh(rows[names != "target"])
    mapped = estimator.transform(rows, sample_domain=names)
    return mapped @ mapped.T


@quiet
@pytest.mark.parametrize(
    "estimator",
    [each for each in ESTIMATORS if type(each).__name__ in FITS_A_SAMPLE],
    ids=lambda value: type(value).__name__,
)
def test_a_sample_of_all_rows_is_the_fit_in_memory(estimator):
    estimator = clone(estimator)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    rows = np.concatenate([X, X[:5]])  # some rows twice
    y, names = np.r_[CLASSES, CLASSES[:5]], np.r_[DOMAINS, DOMAINS[:5]]
    expected = clone(estimator).fit(rows, y, sample_domain=names)
    sizes = [20, 0, 1, 20]
    found = clone(estimator).fit(
        in_blocks(rows, sizes), in_blocks(y, sizes), sample_domain=in_blocks(names, sizes)
    )
    assert found.sample_sizes_ == {"lab": 17, "target": 24}
    assert found.sample_error_ == 0
    assert found.source_domains_ == ("lab",)
    if hasattr(found, "weigh"):
        weights = expected.weights_[names != "target"]
        assert_allclose(products(found, rows, names), weights, rtol=1e-7, atol=1e-10)
        assert_allclose(found.effective_sample_size_, expected.effective_sample_size_, rtol=1e-7)
        assert not hasattr(found, "weights_")
    else:
        want = products(expected, rows, names)
        assert_allclose(
            products(found, rows, names), want, rtol=1e-6, atol=1e-7 * np.abs(want).max()
        )
    again = pickle.loads(pickle.dumps(found)).fit(rows, y, sample_domain=names)
    assert set(vars(again)) == set(vars(expected))


@quiet
@pytest.mark.parametrize("kind", ["array", "frame", "sparse"])
def test_the_blocks_do_not_matter(kind):
    rows, names = make_rows(300, 200, 2)
    y = np.where(rows[:, 0] > 0, "yes", "no").astype(object)
    y[names == "target"] = None
    order = np.random.default_rng(1).permutation(500)
    aligner = OptimalTransportAligner(max_samples=60, random_state=0, supervised=True)
    if kind == "sparse":
        aligner = TransferJointAligner(1)
    first = clone(aligner).fit(in_blocks(rows, [250, 250]), y, sample_domain=names)
    shuffled = in_blocks(rows[order], [1, 400, 0, 99])
    given = y[order], names[order]
    if kind == "frame":
        shuffled = dd.from_pandas(pd.DataFrame(rows[order]).add_prefix("x"), npartitions=3)
        given = (dd.from_pandas(pd.Series(values), npartitions=3) for values in given)
    elif kind == "sparse":
        shuffled = shuffled.map_blocks(sp.csr_array)
    labels, where = given
    found = clone(aligner).fit(shuffled, labels, sample_domain=where)
    looked_at = pd.DataFrame(rows).add_prefix("x") if kind == "frame" else rows
    want = first.transform(rows, sample_domain=names)
    assert_allclose(found.transform(looked_at, sample_domain=names), want, atol=1e-9)
    mapped = found.transform(shuffled, sample_domain=where)
    assert_allclose(np.asarray(mapped.compute()), want[order], atol=1e-9)
    if kind == "array":
        assert found.sample_sizes_ == {"lab": 60, "target": 60}
        assert 0 < found.sample_error_ == pytest.approx(first.sample_error_, rel=1e-6)
        aligner.set_params(random_state=1).fit(shuffled, labels, sample_domain=where)
        assert np.abs(aligner.transform(rows, sample_domain=names) - want).max() > 1e-3


@quiet
def test_labels_by_their_name_in_a_call():
    rows, names = make_rows(60, 40, 2)
    lazy = in_blocks(rows, [50, 50])
    aligner = JointDistributionAligner(2, random_state=0)
    want = aligner.fit_transform(lazy, rows[:, 0] > 0, sample_domain=names).compute()
    found = aligner.fit_transform(X=lazy, y=rows[:, 0] > 0, sample_domain=names).compute()
    assert_array_equal(found, want)
    assert len(aligner.pseudo_labels_) == 40


def test_the_error_is_that_of_the_fit():
    rows, names = make_rows(n_features=60)
    found = MeanShift().fit(in_blocks(rows, [20_000, 25_000]), sample_domain=names)
    assert found.sample_sizes_ == {"lab": 10_000, "target": 10_000}
    # A mean of n rows errs by 1 / sqrt(n) deviations, and here two means.
    assert_allclose(found.sample_error_, np.sqrt(2 / 10_000), rtol=0.3)
    whole = MeanShift().fit(rows, sample_domain=names)
    error = np.std(found.shifts_["lab"] - whole.shifts_["lab"])
    # Against all rows, of which the sample is a part, it is smaller.
    assert_allclose(error, np.sqrt(1 / 10_000 - 1 / 25_000 + 1 / 10_000 - 1 / 20_000), rtol=0.3)


def test_a_whole_domain_adds_no_error():
    rows, names = make_rows(n_target=900, n_features=60)
    found = MeanShift().fit(in_blocks(rows, [25_900]), sample_domain=names)
    assert found.sample_sizes_ == {"lab": 10_000, "target": 900}
    assert_allclose(found.sample_error_, np.sqrt(1 / 10_000), rtol=0.3)


def test_sources_that_are_weighed_together_have_one_sample():
    rows, names = make_rows(12_000, 11_000)
    names = np.where(np.arange(len(names)) < 2_400, "old", names)
    lazy = in_blocks(rows, [13_000, 10_000])
    found = NearMean().fit(lazy, sample_domain=names)
    assert found.n_seen_ == (10_000, 10_000)
    assert found.source_domains_ == ("lab", "old")
    assert_allclose(found.sample_sizes_["old"], 2_000, atol=100)
    weights = found.weigh(lazy[:12_000]).compute()
    assert_allclose(weights.mean(), 1)
    expected = NearMean().fit(rows, sample_domain=names)
    assert_allclose(weights, expected.weights_[names != "target"], atol=0.05)
    assert_allclose(found.effective_sample_size_, expected.effective_sample_size_, rtol=0.02)
    assert 0 < found.sample_error_ < 0.05


def test_equal_rows_count_as_often_as_they_are():
    values = np.repeat([0.0, 1.0, 5.0], [15_000, 6_000, 4_000])
    rows = np.r_[values, np.repeat([2.0, 3.0], [10_000, 10_000])][:, None]
    names = np.repeat(["lab", "target"], [25_000, 20_000])
    found = MeanShift().fit(in_blocks(rows, [9_000] * 5), sample_domain=names)
    assert found.sample_sizes_ == {"lab": 10_000, "target": 10_000}
    assert found.sample_error_ == 0
    assert_allclose(found.shifts_["lab"], 2.5 - values.mean(), atol=1e-3)


@quiet
def test_new_rows_weigh_as_the_nearest_row_of_the_sample():
    rows, names = make_rows(40, 30)
    for weighter in (NearestNeighborWeighter(), KMMWeighter(), NearMean()):
        with pytest.raises(AttributeError, match="has no attribute 'weigh'"):
            weighter.fit(rows, sample_domain=names).weigh(rows)
        expected = weighter.weights_[:40]
        weighter.fit(in_blocks(rows, [35, 35]), sample_domain=names)
        new = np.linspace(-3, 3, 50)[:, None]
        nearest = np.abs(new - rows[:40].T).argmin(axis=1)
        assert_allclose(weighter.weigh(new), expected[nearest], rtol=1e-7)
        offset = clone(weighter).fit(in_blocks(rows + 1e6, [70]), sample_domain=names)
        assert_allclose(offset.weigh(new + 1e6), expected[nearest], rtol=1e-3)
        single = clone(weighter).fit(in_blocks(rows.astype("f"), [70]), sample_domain=names)
        assert single.weigh(new.astype("f")).dtype == np.float32
        assert hasattr(pickle.loads(pickle.dumps(weighter)), "weigh")
        all_target = clone(weighter).fit(in_blocks(rows, [70]))
        assert all_target.effective_sample_size_ == 0
        assert_array_equal(all_target.weigh(rows), np.ones(70))


def test_a_large_error_is_a_warning():
    rows, names = make_rows(500, 400, 3)
    aligner = OptimalTransportAligner(max_samples=20, random_state=0)
    message = (
        r"OptimalTransportAligner was fitted on a sample, 20 of 500 rows of 'lab'; 20 of 400 rows "
        r"of 'target'. Two halves of it differ so much that the error of the fit is about 0\.\d+ of"
        " the standard deviation of the mapped rows. Reduce the features first, or use CORALAligner"
    )
    with pytest.warns(TransferWarning, match=message):
        aligner.fit(in_blocks(rows, [450, 450]), sample_domain=names)
    assert aligner.sample_error_ > 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aligner.set_params(method="linear").fit(in_blocks(rows, [450, 450]), sample_domain=names)


class NeedsMany(MeanShift):
    def _fit_domains(self, sources, X_target):
        if len(X_target) < 9_000:
            raise ValueError("few rows")
        super()._fit_domains(sources, X_target)


def test_halves_that_cannot_be_fitted_are_an_error_without_bound():
    rows, names = make_rows()
    with pytest.warns(TransferWarning, match="the error of the fit is about inf of the standard"):
        found = NeedsMany().fit(in_blocks(rows, [45_000]), sample_domain=names)
    assert found.sample_error_ == np.inf
    assert_allclose(found.shifts_["lab"], 0.5, atol=0.1)


def test_what_cannot_be_sampled_is_refused():
    rows, names = make_rows(40, 30, 2)
    lazy = in_blocks(rows, [35, 35])
    wide = da.zeros((50, 10**9), chunks=(10, 10**9))
    with pytest.raises(
        MemoryError, match="KMMWeighter fits a lazy collection on a sample of 10000"
    ):
        KMMWeighter().fit(wide)
    with pytest.raises(
        ValueError, match="KMMWeighter: sample_domain has no target row, only the s"
    ):
        KMMWeighter().fit(lazy, sample_domain=np.full(70, "lab"))
    message = "max_samples=None asks for a plan of all rows, but X is a lazy collection, whose rows"
    with pytest.raises(ValueError, match=message):
        OptimalTransportAligner(max_samples=None).fit(lazy, sample_domain=names)
    with pytest.raises(
        ValueError, match="JointDistributionAligner reads the labels of source rows"
    ):
        JointDistributionAligner().fit(lazy, sample_domain=names)
    with pytest.raises(ValueError, match=r"y has shape \(69,\), but X has 70 rows"):
        JointDistributionAligner().fit(lazy, np.zeros(69), sample_domain=names)
    with pytest.raises(ValueError, match="TransferJointAligner needs at least 2 rows, but X has 1"):
        TransferJointAligner().fit(lazy[:1])
    with pytest.raises(
        ValueError, match="NeedsTwo needs at least 2 rows of every domain in sample"
    ):
        NeedsTwo().fit(lazy[39:], sample_domain=names[39:])


class NeedsTwo(MeanShift):
    _needs = Needs(min_domain_rows=2)


# Label shift: a classifier of a sample, and sums over all rows.


def make_classes(n_source=12_000, n_target=9_000, seed=0):
    """Rows of three classes, a tenth of the source's without a label, and each in two sources."""
    rng = np.random.default_rng(seed)
    shares = [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]
    codes = np.r_[rng.choice(3, n_source, p=shares[0]), rng.choice(3, n_target, p=shares[1])]
    rows = rng.normal(size=(len(codes), 2)) + 1.5 * np.stack([codes == 1, codes == 2], axis=1)
    y = np.array(["a", "b", "c"], dtype=object)[codes]
    y[::10] = None
    names = np.where(np.arange(len(y)) < n_source // 4, "old", "lab")
    names = np.where(np.arange(len(y)) < n_source, names, "target")
    return rows, y, names


@pytest.mark.parametrize("method", ["em", "bbse"])
def test_label_shift_of_few_rows_is_that_in_memory(method):
    rows, y, names = make_classes(600, 400)
    weighter = LabelShiftWeighter(method=method, random_state=0, tol=1e-14)
    whole = clone(weighter).fit(rows, y, sample_domain=names)
    frame = pd.DataFrame(rows, columns=["u", "v"]).assign(y=y, where=names)
    frame = dd.from_pandas(frame, npartitions=3)
    for given in (
        (in_blocks(rows, [500, 0, 500]), y, names),
        (in_blocks(rows, [1, 999]), in_blocks(y, [400, 600]), in_blocks(names, [1000])),
        (frame[["u", "v"]], frame["y"], frame["where"]),
    ):
        found = clone(weighter).fit(given[0], given[1], sample_domain=given[2])
        for name in ("class_weights_", "source_shares_", "target_shares_"):
            assert_allclose(getattr(found, name), getattr(whole, name), atol=1e-10)
        assert_array_equal(found.classes_, whole.classes_)
        assert found.source_domains_ == ("lab", "old")
        assert_allclose(found.effective_sample_size_, whole.effective_sample_size_)
        assert not hasattr(found, "weights_")
        lazy = found.weigh(given[0])
        assert_allclose(np.asarray(lazy.compute()), whole.weigh(rows), atol=1e-10)
        assert type(lazy).__module__.startswith("dask")


@pytest.mark.parametrize("method", ["em", "bbse"])
def test_label_shift_of_many_rows_counts_them_all(method):
    rows, y, names = make_classes()
    weighter = LabelShiftWeighter(method=method, random_state=0, tol=1e-13)
    order = np.random.default_rng(1).permutation(len(rows))
    first = clone(weighter).fit(in_blocks(rows, [7_000] * 3), y, sample_domain=names)
    found = clone(weighter).fit(
        in_blocks(rows[order], [1, 20_000, 999]), y[order], sample_domain=names[order]
    )
    for name in ("class_weights_", "source_shares_", "target_shares_", "effective_sample_size_"):
        assert_allclose(getattr(found, name), getattr(first, name), rtol=1e-10)
    is_source, labelled = names != "target", [each is not None for each in y]
    codes = np.searchsorted(found.classes_, y[is_source & labelled])
    assert_allclose(found.source_shares_, np.bincount(codes) / len(codes))
    probabilities = found.estimator_.predict_proba(rows)
    weights = probabilities @ found.class_weights_
    weights[is_source & labelled] = found.class_weights_[codes]
    assert_allclose(
        found.weigh(rows) * weights[is_source].mean(), probabilities @ found.class_weights_
    )
    weights = weights[is_source]
    assert_allclose(found.effective_sample_size_, weights.sum() ** 2 / (weights**2).sum())
    whole = clone(weighter).fit(rows, y, sample_domain=names)
    assert_allclose(found.target_shares_, whole.target_shares_, atol=0.01)
    if method == "em":  # the likelihood of all target rows is at its maximum
        taught = found.source_shares_  # but for the sample's own shares
        p = probabilities[~is_source] / taught
        slopes = (p / (p @ found.target_shares_)[:, None]).mean(axis=0)
        assert_allclose(slopes, 1, atol=0.02)
        assert 0 <= found.optimality_gap_ < 1e-12
    else:
        assert found.optimality_gap_ is None


def test_the_classifier_does_not_judge_rows_that_it_has_seen():
    """Of a classifier that knows its rows by heart, the counts would find no error at all."""
    rows, y, names = make_classes()
    weighter = LabelShiftWeighter(KNeighborsClassifier(1), method="bbse", random_state=0)
    found = weighter.fit(in_blocks(rows, [21_000]), y, sample_domain=names)
    predicted = found.estimator_.predict(rows[names == "target"])
    plain = np.array([np.mean(predicted == each) for each in "abc"])
    truth = [0.2, 0.2, 0.6]
    assert np.abs(found.target_shares_ - truth).max() < np.abs(plain - truth).max() / 2


def test_label_shift_without_a_source_or_with_one_class():
    rows, y, names = make_classes(600, 400)
    found = LabelShiftWeighter().fit(in_blocks(rows, [1000]))
    assert found.class_weights_ is None
    assert_array_equal(found.weigh(rows), np.ones(1000))
    one = np.where([each is None for each in y], None, "a")
    for method in ("em", "bbse"):
        found = LabelShiftWeighter(method=method).fit(
            in_blocks(rows, [1000]), one, sample_domain=names
        )
        assert_array_equal(found.target_shares_, [1.0])
        assert_array_equal(found.weigh(rows), np.ones(1000))


def test_whole_numbers_are_classes_as_in_memory():
    rows, y, names = make_classes(600, 400)
    numbers = np.array([np.nan if each is None else "abc".index(each) for each in y])
    whole = LabelShiftWeighter(random_state=0).fit(rows, numbers, sample_domain=names)
    lazy, frame = in_blocks(rows, [1000]), dd.from_pandas(pd.DataFrame(rows), npartitions=3)
    objects = np.array([None if each is None else "abc".index(each) for each in y], dtype=object)
    for lazy_rows, given in (
        (lazy, numbers),
        (lazy, in_blocks(numbers, [400, 600])),
        (frame, numbers),
        (frame, objects),
    ):
        found = LabelShiftWeighter(random_state=0).fit(lazy_rows, given, sample_domain=names)
        assert found.classes_.dtype == whole.classes_.dtype == int
        assert_allclose(found.class_weights_, whole.class_weights_, atol=1e-5)


@quiet
def test_labels_that_label_shift_cannot_learn_from():
    rows, y, names = make_classes()
    lazy = in_blocks(rows, [7_000] * 3)
    with pytest.raises(
        ValueError, match="LabelShiftWeighter reads the labels of source rows, but y"
    ):
        LabelShiftWeighter().fit(lazy, sample_domain=names)
    with pytest.raises(
        ValueError, match="LabelShiftWeighter needs labels of source rows, and none "
    ):
        LabelShiftWeighter().fit(lazy, np.full(21_000, None), sample_domain=names)
    with pytest.raises(ValueError, match="Unknown label type"):
        LabelShiftWeighter().fit(lazy, rows[:, 0], sample_domain=names)
    rows, y, names = make_classes(60_000)
    y[1] = "rare"
    message = "a sample of 10000 labelled source rows, in which some classes have no row: 1 of 'ra"
    with pytest.raises(ValueError, match=message):
        LabelShiftWeighter(random_state=0).fit(in_blocks(rows, [69_000]), y, sample_domain=names)
