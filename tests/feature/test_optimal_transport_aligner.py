"""OptimalTransportAligner: what it promises beyond its formulas, and every sentence it can say."""

import re
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from sktransfer.feature import CORALAligner, OptimalTransportAligner
from sktransfer.pipeline import make_transfer_pipeline
from tests.shelf import whole

PLANS = [{}, {"method": "exact"}, {"supervised": True}]
METHODS = [*PLANS, {"method": "linear"}]


@pytest.fixture(autouse=True)
def _needs_pot(request):
    call = getattr(request.node, "callspec", None)
    if call and "exact" in str(call.params):
        pytest.importorskip("ot", reason='method="exact" needs POT')


def make_rows(seed=0, n_features=3, counts=(("amazon", 30), ("dslr", 25), ("target", 40))):
    """Rows of several domains, in mixed order, with their labels and domains."""
    rng = np.random.default_rng(seed)
    parts, names = [], []
    for name, count in counts:
        mixing = rng.normal(size=(n_features, n_features))
        parts.append(rng.normal(size=(count, n_features)) @ mixing + rng.normal(size=n_features))
        names += [name] * count
    order = rng.permutation(len(names))
    X, domains = np.concatenate(parts)[order], np.array(names)[order]
    return X, np.where(X[:, 0] > np.median(X[:, 0]), "spam", "ham"), domains


@pytest.mark.parametrize("parameters", METHODS)
def test_target_rows_stay_to_the_bit_and_the_means_become_the_targets(parameters):
    X, y, domains = make_rows()
    mapped = OptimalTransportAligner(**parameters).fit_transform(X, y, sample_domain=domains)
    target = domains == "target"
    assert_array_equal(mapped[target], X[target])
    for name in ("amazon", "dslr"):  # the columns of a plan have the target rows' masses
        mean = mapped[domains == name].mean(axis=0)
        assert_allclose(mean, X[target].mean(axis=0), atol=1e-5)


def test_a_translation_is_undone_row_by_row():
    pytest.importorskip("ot")
    X = np.random.default_rng(0).normal(size=(40, 5))
    both, domains = np.concatenate([X + 7, X]), np.repeat(["old", "target"], 40)
    for parameters in ({"method": "exact"}, {"method": "linear"}):
        aligner = OptimalTransportAligner(**parameters).fit(both, sample_domain=domains)
        assert_allclose(aligner.transform(X + 7, sample_domain=["old"] * 40), X, atol=1e-10)


def test_one_feature_is_rearranged_in_order():
    pytest.importorskip("ot")
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=30), rng.exponential(size=30)
    X, domains = np.concatenate([x, y])[:, None], np.repeat(["old", "target"], 30)
    mapped = OptimalTransportAligner(method="exact").fit_transform(X, sample_domain=domains)
    assert_allclose(mapped[:30].ravel()[np.argsort(x)], np.sort(y), atol=1e-12)


def test_from_exact_to_the_mean_by_regularization():
    pytest.importorskip("ot")
    X, _, domains = make_rows()
    old = domains == "amazon"
    exact = OptimalTransportAligner(method="exact").fit_transform(X, sample_domain=domains)[old]
    distances = []
    for regularization in (1.0, 0.1, 0.01, 0.001):
        aligner = OptimalTransportAligner(regularization=regularization, max_iter=20_000, tol=1e-5)
        mapped = aligner.fit_transform(X, sample_domain=domains)[old]
        distances.append(np.sqrt(np.mean((mapped - exact) ** 2)))
    assert (np.diff(distances) < 0).all()
    assert distances[-1] < 0.1 * exact.std()
    mean = X[domains == "target"].mean(axis=0)
    spread = OptimalTransportAligner(regularization=1e9).fit_transform(X, sample_domain=domains)
    assert_allclose(spread[old], np.tile(mean, (len(spread[old]), 1)), atol=1e-6)


def test_linear_is_the_monge_map_of_coral():
    X, _, domains = make_rows()
    assert_array_equal(
        OptimalTransportAligner(method="linear", ridge=0.1).fit_transform(X, sample_domain=domains),
        CORALAligner(map="monge", ridge=0.1).fit_transform(X, sample_domain=domains),
    )


def test_linear_is_pots_linear_transport():
    da = pytest.importorskip("ot.da")
    X, _, domains = make_rows(counts=(("old", 300), ("target", 300)))
    old, target = X[domains == "old"], X[domains == "target"]
    # POT divides by n, and we divide by n - 1. Only a ridge changes by that factor.
    theirs = da.LinearTransport(reg=1e-2 * 299 / 300).fit(Xs=old, Xt=target).transform(Xs=old)
    aligner = OptimalTransportAligner(method="linear", ridge=1e-2)
    mapped = aligner.fit_transform(X, sample_domain=domains)[domains == "old"]
    assert_allclose(mapped, theirs, atol=1e-8)


def test_entropic_rows_and_new_rows_are_those_of_pot():
    da = pytest.importorskip("ot.da")
    X, _, domains = make_rows(counts=(("old", 30), ("target", 40)))
    old, target = X[domains == "old"], X[domains == "target"]
    start, end = old.mean(axis=0), target.mean(axis=0)  # our scale is without the offset
    theirs = da.SinkhornTransport(
        reg_e=0.1, norm="max", tol=1e-13, max_iter=20_000, out_of_sample_map="ferradans"
    ).fit(Xs=old - start, Xt=target - end)
    aligner = OptimalTransportAligner(regularization=0.1, cost_scale="max", tol=1e-11)
    mapped = aligner.fit_transform(X, sample_domain=domains)[domains == "old"]
    assert_allclose(mapped, theirs.transform(Xs=old - start) + end, atol=1e-7)
    new = np.random.default_rng(5).normal(size=(300, 3))
    moved = aligner.transform(new, sample_domain=["old"] * 300)
    assert_allclose(moved, theirs.transform(Xs=new - start) + end, atol=1e-7)


@pytest.mark.parametrize("parameters", METHODS)
def test_each_of_several_sources_moves_as_in_a_fit_of_its_own(parameters):
    X, y, domains = make_rows()
    together = OptimalTransportAligner(**parameters).fit(X, y, sample_domain=domains)
    mapped = together.transform(X, sample_domain=domains)
    assert list(together.maps_) == list(together.source_domains_) == ["amazon", "dslr"]
    for name in together.source_domains_:
        pair, here = np.isin(domains, [name, "target"]), domains == name
        alone = OptimalTransportAligner(**parameters)
        alone.fit(X[pair], y[pair], sample_domain=domains[pair])
        expected = alone.transform(X[here], sample_domain=domains[here])
        assert_allclose(mapped[here], expected, atol=1e-12)
        assert_array_equal(together.maps_[name](X[here]), mapped[here])


def gap_between_classes(seed, **parameters):
    """Distance of the means of two classes of moved rows; it is 3 in the target."""
    rng = np.random.default_rng(seed)
    y = np.tile([0, 1], 60)
    X = rng.normal(size=(120, 2)) * 0.5 + 3 * y[:, None] * [1, 0]
    X[:60] = X[:60] @ np.array([[0.7, 0.7], [-0.7, 0.7]]) + 1
    aligner = OptimalTransportAligner(regularization=0.4, **parameters)
    moved = aligner.fit_transform(X, y, sample_domain=np.repeat(["old", "target"], 60))[:60]
    return np.linalg.norm(moved[1::2].mean(axis=0) - moved[::2].mean(axis=0))


@pytest.mark.parametrize("seed", range(4))
def test_source_labels_keep_the_classes_apart(seed):
    # Labels separate the rows that a large penalty mixes: the more, the larger their weight.
    plain = gap_between_classes(seed)
    some = gap_between_classes(seed, supervised=True, class_regularization=0.1)
    much = gap_between_classes(seed, supervised=True, class_regularization=0.5)
    assert plain + 0.05 < some < much - 0.15


@pytest.mark.parametrize("garbled", ["reversed", "constant", "strings", None])
def test_labels_are_not_read_unless_supervised(garbled):
    X, y, domains = make_rows()
    labels = {
        "reversed": y[::-1],
        "constant": np.zeros(len(y)),
        "strings": np.arange(len(y)).astype(str),
        None: None,
    }[garbled]
    assert_array_equal(
        OptimalTransportAligner().fit_transform(X, labels, sample_domain=domains),
        OptimalTransportAligner().fit_transform(X, y, sample_domain=domains),
    )


def test_supervised_reads_the_labels_of_source_rows_only():
    X, y, domains = make_rows()
    expected = OptimalTransportAligner(supervised=True).fit_transform(X, y, sample_domain=domains)
    target = domains == "target"
    garbled = np.where(target, y[::-1], y).astype(object)
    garbled[np.flatnonzero(target)[::3]] = None
    aligner = OptimalTransportAligner(supervised=True)
    assert_array_equal(aligner.fit_transform(X, garbled, sample_domain=domains), expected)
    other = np.where(target, y, y[::-1])
    assert np.abs(aligner.fit_transform(X, other, sample_domain=domains) - expected).max() > 1e-3


def test_a_source_without_labels_moves_as_without_supervision():
    X, y, domains = make_rows()
    some = np.where(domains == "dslr", None, y.astype(object))
    mapped = OptimalTransportAligner(supervised=True).fit_transform(X, some, sample_domain=domains)
    plain = OptimalTransportAligner().fit_transform(X, sample_domain=domains)
    assert_array_equal(mapped[domains == "dslr"], plain[domains == "dslr"])
    assert np.abs(mapped - plain)[domains == "amazon"].max() > 1e-3


@pytest.mark.parametrize("parameters", METHODS)
def test_without_sample_domain_it_is_the_identity(parameters):
    X, y, _ = make_rows()
    aligner = OptimalTransportAligner(**parameters)
    mapped = aligner.fit_transform(X, y)
    assert_array_equal(mapped, X)
    assert not np.shares_memory(mapped, X)
    assert aligner.maps_ == {}
    assert aligner.n_iter_ == 1


@pytest.mark.parametrize("parameters", PLANS)
def test_rows_beyond_max_samples_move_as_new_rows_do(parameters):
    X, y, domains = make_rows(counts=(("old", 60), ("target", 80)))
    aligner = OptimalTransportAligner(max_samples=20, random_state=0, **parameters)
    mapped = aligner.fit_transform(X, y, sample_domain=domains)
    kept = aligner.maps_["old"].X_fit
    assert kept.shape == (20, 3)
    old = X[domains == "old"]
    assert {row.tobytes() for row in kept} <= {row.tobytes() for row in old}
    nearest = ((old[:, None] - kept) ** 2).sum(axis=2).argmin(axis=1)
    expected = old + aligner.maps_["old"].shifts[nearest]
    assert_allclose(mapped[domains == "old"], expected, atol=1e-12)
    again = OptimalTransportAligner(max_samples=20, random_state=0, **parameters)
    assert_array_equal(again.fit_transform(X, y, sample_domain=domains), mapped)
    fresh = OptimalTransportAligner(max_samples=20, **parameters)
    assert np.abs(fresh.fit_transform(X, y, sample_domain=domains) - mapped).max() > 0
    every = OptimalTransportAligner(max_samples=None, **parameters)
    assert_array_equal(
        every.fit_transform(X, y, sample_domain=domains),
        OptimalTransportAligner(**parameters).fit_transform(X, y, sample_domain=domains),
    )


def test_max_samples_draws_of_the_target_too():
    pytest.importorskip("ot")
    X, _, domains = make_rows(counts=(("old", 60), ("target", 80)))
    aligner = OptimalTransportAligner(method="exact", max_samples=20, random_state=0)
    moved = aligner.fit(X, sample_domain=domains).maps_["old"]
    distances = np.abs((moved.X_fit + moved.shifts)[:, None] - X[domains == "target"]).max(axis=2)
    assert_allclose(distances.min(axis=1), 0, atol=1e-12)  # of equally many rows, one goes to one
    assert len(set(distances.argmin(axis=1))) == 20


@pytest.mark.parametrize("cost_scale", ["mean", "median", "max"])
def test_units_of_the_features_do_not_matter(cost_scale):
    X, _, domains = make_rows()
    mapped = OptimalTransportAligner(cost_scale=cost_scale).fit_transform(X, sample_domain=domains)
    larger = OptimalTransportAligner(cost_scale=cost_scale)
    assert_allclose(larger.fit_transform(1000 * X, sample_domain=domains), 1000 * mapped, rtol=1e-5)


def test_an_unscaled_cost_is_in_units_of_the_features():
    X, _, domains = make_rows(counts=(("old", 30), ("target", 40)))
    old, target = X[domains == "old"], X[domains == "target"]
    old, target = old - old.mean(axis=0), target - target.mean(axis=0)
    scale = np.mean(((old[:, None] - target) ** 2).sum(axis=2))
    assert_allclose(
        OptimalTransportAligner(cost_scale=None, regularization=0.1 * scale).fit_transform(
            X, sample_domain=domains
        ),
        OptimalTransportAligner(regularization=0.1).fit_transform(X, sample_domain=domains),
        atol=1e-6,
    )


def test_a_callable_metric_is_the_named_one():
    X, _, domains = make_rows(counts=(("old", 10), ("target", 12)))
    for name in ("old", "target"):  # the costs of a callable are divided by their own mean
        X[domains == name] -= X[domains == name].mean(axis=0)
    for name, metric in [
        ("cityblock", lambda x, y: np.abs(x - y).sum()),
        ("sqeuclidean", lambda x, y: np.sum((x - y) ** 2)),
    ]:
        named = OptimalTransportAligner(metric=name).fit_transform(X, sample_domain=domains)
        called = OptimalTransportAligner(metric=metric).fit_transform(X, sample_domain=domains)
        assert_allclose(called, named, atol=1e-6)


def test_equal_rows_everywhere_cost_nothing():
    X, domains = np.ones((6, 2)), np.repeat(["old", "target"], 3)
    assert_array_equal(OptimalTransportAligner().fit_transform(X, sample_domain=domains), X)


def test_it_helps_where_the_shift_is_a_rotation():
    # Covariances alone do not determine a rotation; nearness does, while the angle is small.
    X, y = make_moons(300, noise=0.05, random_state=0)
    new, y_new = make_moons(300, noise=0.05, random_state=1)
    turn = np.deg2rad(30)
    new = new @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    rows, domains = np.concatenate([X, new]), np.repeat(["old", "target"], 300)
    labels = np.where(domains == "target", np.nan, np.concatenate([y, y_new]))
    pipe = make_transfer_pipeline(OptimalTransportAligner(regularization=0.02), SVC())
    adapted = pipe.fit(rows, labels, sample_domain=domains).score(new, y_new)
    assert adapted > SVC().fit(X, y).score(new, y_new) + 0.05


def test_it_hurts_where_the_class_proportions_differ():
    # Nothing moved, but 9 in 10 rows are of class 0 there, 1 in 10 here: mass changes its class.
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 0, 1], [90, 10, 10, 90])
    X, domains = rng.normal(size=(200, 2)) + 6 * y[:, None], np.repeat(["old", "target"], 100)
    labels = np.where(domains == "target", np.nan, y)
    pipe = make_transfer_pipeline(OptimalTransportAligner(), LogisticRegression())
    target = domains == "target"
    adapted = pipe.fit(X, labels, sample_domain=domains).score(X[target], y[target])
    plain = LogisticRegression().fit(X[~target], y[~target]).score(X[target], y[target])
    assert plain > 0.99
    assert adapted < 0.5


def test_too_few_iterations_are_a_warning():
    X, _, domains = make_rows(counts=(("old", 30), ("target", 40)))
    message = (
        r"OptimalTransportAligner stopped after max_iter=2 iterations with \d\.\de-\d\d of the "
        r"mass of 'old' in the wrong place, above tol=1e-07; increase max_iter or "
        r"regularization=0\.05\."
    )
    with pytest.warns(ConvergenceWarning, match=f"^{message}$") as caught:
        aligner = OptimalTransportAligner(max_iter=2).fit(X, sample_domain=domains)
    assert caught[0].filename == __file__
    assert aligner.n_iter_ == 2
    assert np.isfinite(aligner.transform(X, sample_domain=domains)).all()


def test_a_missing_pot_is_named(monkeypatch):
    X, _, domains = make_rows()
    monkeypatch.setitem(sys.modules, "ot", None)
    message = (
        "OptimalTransportAligner(method='exact') needs POT, which is not installed; install it "
        "with pip install \"sktransfer[ot]\", or take method='entropic', which does without."
    )
    with pytest.raises(ImportError, match=whole(message)):
        OptimalTransportAligner(method="exact").fit(X, sample_domain=domains)
    for parameters in ({}, {"supervised": True}, {"method": "linear"}):
        y = np.arange(len(X)) % 2
        OptimalTransportAligner(**parameters).fit(X, y, sample_domain=domains)


@pytest.mark.parametrize("method", ["exact", "linear"])
def test_supervised_needs_the_entropic_method(method):
    X, y, domains = make_rows()
    message = (
        f"supervised=True reads labels, of which method={method!r} makes no use; take "
        "method='entropic', or supervised=False."
    )
    with pytest.raises(ValueError, match=whole(message)):
        OptimalTransportAligner(method=method, supervised=True).fit(X, y, sample_domain=domains)


def test_supervised_needs_labels_that_are_classes():
    X, y, domains = make_rows()
    aligner = OptimalTransportAligner(supervised=True)
    missing = np.where(domains == "target", y, None)
    message = (
        "OptimalTransportAligner(supervised=True) reads the labels of source rows, but no source "
        "row has one; label some, or take supervised=False."
    )
    with pytest.raises(ValueError, match=whole(message)):
        aligner.fit(X, missing, sample_domain=domains)
    with pytest.raises(ValueError, match="reads the labels of source rows, but y is None"):
        aligner.fit(X, sample_domain=domains)
    message = "pass classes (strings, booleans or whole numbers), or take supervised=False, which"
    with pytest.raises(ValueError, match=re.escape(message)):
        aligner.fit(X, X[:, 0], sample_domain=domains)


def test_a_plan_larger_than_the_machine_is_refused_before_it_begins():
    X, domains = np.zeros((2_000_000, 1), dtype=np.float32), np.repeat([1, -1], 1_000_000)
    message = (
        r"max_samples=None asks for a plan of 1000000 x 1000000 rows, which takes 14901\.2 GiB, "
        r"more than the \d+\.\d GiB of this machine; lower max_samples \(the other rows move as "
        r"new rows do\), or take method='linear'\."
    )
    with pytest.raises(MemoryError, match=f"^{message}$"):
        OptimalTransportAligner(max_samples=None).fit(X, sample_domain=domains)


def test_linear_needs_two_rows_and_a_plan_one():
    X, domains = np.array([[0.0], [1.0], [3.0]]), ["old", "target", "target"]
    mapped = OptimalTransportAligner().fit_transform(X, sample_domain=domains)
    assert_allclose(mapped, [[2.0], [1.0], [3.0]])
    with pytest.raises(ValueError, match=r"at least 2 rows of every domain.*'old' has 1"):
        OptimalTransportAligner(method="linear").fit(X, sample_domain=domains)


def test_sparse_rows_are_refused():
    X, _, domains = make_rows()
    with pytest.raises(
        TypeError, match="OptimalTransportAligner takes only dense rows, but X is a"
    ):
        OptimalTransportAligner().fit(sparse.csr_array(X), sample_domain=domains)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "emd"}, "The 'method' parameter .* Got 'emd' instead."),
        ({"regularization": 0}, "The 'regularization' parameter .* Got 0 instead."),
        ({"class_regularization": -1.0}, "The 'class_regularization' parameter .* Got -1.0"),
        ({"ridge": 0.0}, "The 'ridge' parameter .* Got 0.0 instead."),
        ({"metric": "l3"}, "The 'metric' parameter .* Got 'l3' instead."),
        ({"cost_scale": "min"}, "The 'cost_scale' parameter .* Got 'min' instead."),
        ({"max_samples": 0}, "The 'max_samples' parameter .* Got 0 instead."),
        ({"max_iter": 0}, "The 'max_iter' parameter .* Got 0 instead."),
        ({"tol": -1.0}, "The 'tol' parameter .* Got -1.0 instead."),
    ],
)
def test_parameters_that_make_no_sense(parameters, message):
    with pytest.raises(ValueError, match=message):
        OptimalTransportAligner(**parameters).fit(np.eye(3))
