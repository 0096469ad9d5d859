"""Which changes of the rows change nothing: a table of all aligners, encoders and weighters.

Rows ``x`` become ``T(x)``, in `fit` and in `transform`. A law says how the result changes:

- ``"same"``: it does not, but for the signs of components;
- ``"moves"``: it becomes ``T`` of the result;
- ``"no"``: neither, and the test sees that neither holds.

The transformations ``T`` are:

- ``shift``: an offset, the same for all rows;
- ``apart``: an offset of the rows of one source alone ("same" says that an aligner undoes it);
- ``turn``: a rotation of all rows;
- ``scale``: one factor for all values;
- ``units``: a factor for each feature;
- ``columns``: another order of the features ("same" is but for the order of the columns then);
- ``rows``: another order of the rows.

A new public method must state its laws here.
"""

from inspect import isclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

import sktransfer
from tests.shelf import families

LAWS = ("shift", "apart", "turn", "scale", "units", "columns", "rows")
FAMILIES = tuple(f"sktransfer.{name}" for name in families() if name != "deep")
ROLES = ("Aligner", "Augmenter", "Encoder", "Weighter")

# Method, its parameters, and whether each law above holds for it, in their order.
TABLE = [
    ("MomentAligner", {}, "moves same no moves moves moves moves"),
    ("MomentAligner", {"with_std": False}, "moves same moves moves moves moves moves"),
    ("CombatAligner", {}, "moves no no moves moves moves moves"),
    ("CombatAligner", {"covariates": [2]}, "moves no no moves moves no moves"),
    ("CombatAligner", {"reference": "all"}, "moves no no moves moves moves moves"),
    ("CORALAligner", {}, "moves same moves no no moves moves"),
    ("CORALAligner", {"ridge": 0}, "moves same moves moves no moves moves"),
    ("CORALAligner", {"ridge": 0, "map": "monge"}, "moves same moves moves no moves moves"),
    ("CORALAligner", {"ridge": 0, "map": "cholesky"}, "moves same no moves moves no moves"),
    ("OptimalTransportAligner", {}, "moves same moves moves no moves moves"),
    (
        "OptimalTransportAligner",
        {"supervised": True, "class_regularization": 0.5},
        "moves same moves moves no moves moves",
    ),
    ("OptimalTransportAligner", {"method": "exact"}, "moves same moves moves no moves moves"),
    ("OptimalTransportAligner", {"method": "linear"}, "moves same moves no no moves moves"),
    ("OptimalTransportAligner", {"metric": "euclidean"}, "moves no moves moves no moves moves"),
    ("OptimalTransportAligner", {"metric": "cityblock"}, "moves no no moves no moves moves"),
    (
        "OptimalTransportAligner",
        {"metric": "cosine", "regularization": 0.2},
        "no no moves moves no moves moves",
    ),
    ("SubspaceAligner", {"n_components": 2}, "same same same moves no same moves"),
    ("GeodesicFlowAligner", {"n_components": 2}, "same same same moves no same moves"),
    ("TransferComponentAligner", {"n_components": 2}, "no no same no no same moves"),
    (
        "TransferComponentAligner",
        {"n_components": 2, "kernel": "rbf"},
        "same no same no no same moves",
    ),
    (
        "TransferComponentAligner",
        {"n_components": 2, "supervised": True},
        "no no same no no same moves",
    ),
    (
        "TransferComponentAligner",
        {"n_components": 2, "kernel": "primal"},
        "no no same no no same moves",
    ),
    ("TransferJointAligner", {"n_components": 2}, "no no same no no same moves"),
    ("JointDistributionAligner", {"n_components": 2}, "no no same no no same moves"),
    (
        "JointDistributionAligner",
        # Rows with one feature alone have equal directions, between which neighbors are tied.
        {"n_components": 2, "kernel": "primal", "estimator": LogisticRegression()},
        "no no same no no same moves",
    ),
    ("DomainAugmenter", {"intercepts": False}, "no no no moves no same moves"),
    ("DenoisingEncoder", {"n_layers": 2}, "no no no no no same moves"),
    ("StructuralEncoder", {"n_components": 2}, "no no no moves no same moves"),
    ("SelfTaughtEncoder", {"n_components": 4}, "same no no same no no moves"),
    ("DiscriminatorWeighter", {}, "same no no same same same moves"),
    ("GaussianWeighter", {}, "same no no same same same moves"),
    # The folds are drawn in the order of the sorted rows, which depends on the axes.
    ("KLIEPWeighter", {}, "same no no same no no moves"),
    ("KLIEPWeighter", {"width": 2.0}, "same no same no no same moves"),
    ("KLIEPWeighter", {"n_centers": 7}, "same no no same no no moves"),
    ("KMMWeighter", {}, "same no same same no same moves"),
    ("KMMWeighter", {"n_components": 10}, "same no no same no no moves"),
    ("LabelShiftWeighter", {}, "same no same no no same moves"),
    ("NearestNeighborWeighter", {}, "same no same same no same moves"),
    ("ULSIFWeighter", {}, "same no same same no same moves"),
    ("ULSIFWeighter", {"n_centers": 7}, "same no no same no no moves"),
]

# Laws that iterations reach to the tolerance of a learner alone.
LOOSE = {"DiscriminatorWeighter": 1e-2, "LabelShiftWeighter": 1e-3}

# How near the results of rows in another order are: 0 is to the bit.
NEAR_IN_ANY_ORDER = {name: 0 for name, _, _ in TABLE if name.endswith("Weighter")} | {
    "SelfTaughtEncoder": 0,
}


def make_rows():
    """Features that are 0 in some rows, each in another share, and correlated."""
    rng = np.random.default_rng(0)
    sample_domain = np.repeat(["north", "south", "target"], [40, 35, 45])
    y = rng.integers(2, size=120)
    X = 1 + y[:, None] * [1, 0, 0.5, 0, 1] + rng.gamma(2, size=(120, 5)) * [1, 2, 1.5, 0.5, 1]
    X[:, 1] += 0.5 * X[:, 0]
    X[sample_domain == "north"] *= [1.2, 0.9, 1.1, 1, 0.8]
    X[rng.uniform(size=X.shape) < [0.05, 0.15, 0.25, 0.35, 0.45]] = 0
    return X, y, sample_domain


TURN = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
ORDER = np.array([2, 0, 4, 1, 3])
ROWS = np.random.default_rng(2).permutation(120)


def changed(values, law, sample_domain):
    """``T`` of rows of the input, or of a result with as many columns."""
    north = (sample_domain == "north")[:, None]
    return {
        "shift": lambda: values + np.array([3.0, -2.0, 1.0, 0.5, 2.0]),
        "apart": lambda: values + north * np.array([3.0, -2.0, 1.0, 0.5, 2.0]),
        "turn": lambda: values @ TURN,
        "scale": lambda: values * 3,
        "units": lambda: values * np.array([3.0, 0.2, 7.0, 1.0, 0.4]),
        "columns": lambda: values[:, ORDER],
        "rows": lambda: values[ROWS],
    }[law]()


def result(name, params, X, y, sample_domain):
    """The mapped rows, or the weights of all rows as a column."""
    estimator = getattr(sktransfer, name)(**params)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    estimator.fit(X, y, sample_domain=sample_domain)
    if hasattr(estimator, "weights_"):
        return estimator.weights_[:, None]
    return estimator.transform(X, sample_domain=sample_domain)


def is_same(after, before, *, rtol, any_order=False):
    """Whether two results are equal, but for the signs (and the order) of the columns."""
    if after.shape != before.shape:
        return False
    pairs = [
        [
            min(np.abs(a - b).max(), np.abs(a + b).max()) <= rtol * np.abs(before).max()
            for b in before.T
        ]
        for a in after.T
    ]
    return np.any(pairs, axis=0).all() if any_order else np.diagonal(pairs).all()


def is_moved(after, before, law, sample_domain, *, rtol):
    if law not in ("scale", "rows") and before.shape[1] != 5:
        return False  # ``T`` is not defined
    expected = changed(before, law, sample_domain)
    return np.allclose(after, expected, rtol=0, atol=rtol * np.abs(expected).max())


METHODS = [
    pytest.param(name, params, says, id=f"{name}-{'-'.join(map(str, params.values()))}")
    for name, params, says in TABLE
]
WEIGHTERS = [method for method in METHODS if method.values[0].endswith("Weighter")]

# The rows of a law are few, so that some weights leave few of them.
pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")


@pytest.fixture(autouse=True)
def _needs_pot(request):
    if "exact" in request.node.name:
        pytest.importorskip("ot", reason="exact transport needs POT")


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("name", "params", "says"), METHODS)
def test_law(name, params, says, law):
    X, y, sample_domain = make_rows()
    before = result(name, params, X, y, sample_domain)
    rows = ROWS if law == "rows" else slice(None)
    X_changed = changed(X, law, sample_domain)
    after = result(name, params, X_changed, y[rows], sample_domain[rows])
    rtol = LOOSE.get(name, 1e-5) if law != "rows" else NEAR_IN_ANY_ORDER.get(name, 1e-10)
    holds = [
        kind
        for kind, found in (
            ("same", is_same(after, before, rtol=rtol, any_order=law == "columns")),
            ("moves", is_moved(after, before, law, sample_domain, rtol=rtol)),
        )
        if found
    ] or ["no"]
    assert dict(zip(LAWS, says.split(), strict=True))[law] in holds, f"it {'/'.join(holds)}"


def test_every_public_method_states_its_laws():
    public = [getattr(sktransfer, name) for name in sktransfer.__all__]
    methods = {
        item.__name__
        for item in public
        if isclass(item)
        and issubclass(item, BaseEstimator)
        and item.__module__.startswith(FAMILIES)
        and item.__name__.endswith(ROLES)
    }
    assert methods == {name for name, _, _ in TABLE}
    assert {len(says.split()) for _, _, says in TABLE} == {len(LAWS)}


@pytest.mark.parametrize(("name", "params", "says"), METHODS)
def test_single_precision_stays_and_is_near(name, params, says):
    X, y, sample_domain = make_rows()
    X = X.astype(np.float32)
    found = result(name, params, X, y, sample_domain)
    expected = result(name, params, X.astype(np.float64), y, sample_domain)
    assert (found.dtype, expected.dtype) == (np.float32, np.float64)
    assert is_same(found, expected, rtol=1e-4)


@pytest.mark.parametrize(("name", "params", "says"), METHODS)
def test_the_order_of_rows_with_more_features_than_rows_means_nothing(name, params, says):
    if params.get("ridge") == 0:
        return  # it needs covariances of full rank
    X, y, sample_domain = make_rows()
    X = np.concatenate([X, np.random.default_rng(3).gamma(2, size=(120, 130))], axis=1)
    before = result(name, params, X, y, sample_domain)
    after = result(name, params, X[ROWS], y[ROWS], sample_domain[ROWS])
    rtol = NEAR_IN_ANY_ORDER.get(name, 1e-8)
    assert is_moved(after, before, "rows", sample_domain, rtol=rtol)


@pytest.mark.parametrize("name", ["KLIEPWeighter", "KMMWeighter", "ULSIFWeighter"])
def test_the_chosen_width_is_in_units_of_the_features(name):
    X, _, sample_domain = make_rows()
    weighter = getattr(sktransfer, name)()
    if "random_state" in weighter.get_params():
        weighter.set_params(random_state=0)
    width = weighter.fit(X, sample_domain=sample_domain).width_
    assert_allclose(weighter.fit(8 * X + 5, sample_domain=sample_domain).width_, 8 * width)


@pytest.mark.parametrize(("name", "params", "says"), WEIGHTERS)
def test_all_sources_are_one_pool(name, params, says):
    X, y, sample_domain = make_rows()
    pooled = np.where(sample_domain == "target", "target", "source")
    assert_array_equal(
        result(name, params, X, y, sample_domain), result(name, params, X, y, pooled)
    )


@pytest.mark.parametrize(("name", "params", "says"), WEIGHTERS)
def test_weigh_repeats_the_weights_of_the_rows_of_fit(name, params, says):
    X, y, sample_domain = make_rows()
    weighter = getattr(sktransfer, name)(**params)
    if "random_state" in weighter.get_params():
        weighter.set_params(random_state=0)
    if name == "LabelShiftWeighter" or not hasattr(weighter, "weigh"):
        return  # its source rows have the weights of their classes
    source = sample_domain != "target"
    weighter.fit(X, y, sample_domain=sample_domain)
    assert_allclose(weighter.weigh(X[source]), weighter.weights_[source], rtol=1e-10)
    assert_array_equal(weighter.fit(X, y).weigh(X), np.ones(120))


@pytest.mark.parametrize("offset", [10.0, 1e3, 1e6])
def test_transport_does_not_feel_how_far_the_domains_are_apart(offset):
    X, y, sample_domain = make_rows()
    params = {"regularization": 0.05}
    before = result("OptimalTransportAligner", params, X, y, sample_domain)
    far = X + offset * (sample_domain == "target")[:, None]
    after = result("OptimalTransportAligner", params, far, y, sample_domain)
    assert_allclose(after - offset, before, atol=1e-9 * offset + 1e-6)
