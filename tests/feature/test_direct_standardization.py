"""DirectStandardization: which rows are pairs, to which instrument they map, and its sentences."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from sktransfer import DirectStandardization, TransferWarning, make_transfer_pipeline
from sktransfer._kernels.standardization import direct_map, piecewise_map, weighting
from tests.shelf import whole

RNG = np.random.default_rng(0)
CHEMISTRY = RNG.normal(size=(30, 3))
SPECTRA = CHEMISTRY @ RNG.normal(size=(3, 15)) + 0.01 * RNG.normal(size=(30, 15))
OTHER = 1.1 * SPECTRA + CHEMISTRY[:, :1] * RNG.normal(size=15) + RNG.normal(size=15)
X = np.concatenate([SPECTRA, OTHER])
DOMAIN = np.repeat(["lab", "target"], 30)
PAIR = np.full(60, None, dtype=object)
PAIR[[3, 7, 11, 20, 30 + 3, 30 + 7, 30 + 11, 30 + 20]] = [*"abcd", *"abcd"]
CHOSEN = [3, 7, 11, 20]
ORDER = np.random.default_rng(1).permutation(60)


def mapped(method, reference, X=X, domain=DOMAIN, pair=PAIR, **params):
    aligner = DirectStandardization(method, reference=reference, **params)
    return aligner.fit_transform(X, sample_domain=domain, sample_pair=pair)


@pytest.mark.parametrize("order", [np.arange(60), ORDER])
def test_the_maps_are_those_of_the_pairs(order):
    back = np.argsort(order)
    S, T = SPECTRA[CHOSEN], OTHER[CHOSEN]
    given = X[order], DOMAIN[order], PAIR[order]
    found = mapped("direct", "lab", *given)[back]
    assert_allclose(found[30:], direct_map(T, S)(OTHER))
    assert_array_equal(found[:30], SPECTRA)
    found = mapped("piecewise", "target", *given, window=1)[back]
    assert_allclose(found[:30], piecewise_map(S, T, window=1)(SPECTRA))
    assert_array_equal(found[30:], OTHER)
    found = mapped("weighting", "target", *given, ridge=0.1)[back]
    assert_allclose(found, weighting(T - S, ridge=0.1)(X))


def test_the_spelling_of_specimens_means_nothing():
    expected = mapped("direct", "lab")
    numbers = np.array([np.nan if each is None else ord(each) for each in PAIR])
    for pair in (PAIR.tolist(), numbers):
        assert_array_equal(mapped("direct", "lab", pair=pair), expected)


def test_several_rows_of_a_specimen_count_by_their_mean():
    more = np.concatenate([X, X[[3, 3]] + [[1.0], [2.0]]])
    domain, pair = np.append(DOMAIN, ["lab"] * 2), np.append(PAIR, ["a", "a"])
    moved = X + (np.arange(60) == 3)[:, None]
    found = mapped("direct", "lab", more, domain, pair)
    assert_allclose(found[30:60], mapped("direct", "lab", moved)[30:])


def test_each_source_has_pairs_of_its_own():
    three = np.concatenate([X, SPECTRA[CHOSEN] * 2 + 1])
    domain, pair = np.append(DOMAIN, ["field"] * 4), np.append(PAIR, [*"bcdx"])
    aligner = DirectStandardization("direct").fit(three, sample_domain=domain, sample_pair=pair)
    assert aligner.n_pairs_ == {"field": 3, "lab": 4}
    alone = DirectStandardization("direct").fit(X, sample_domain=DOMAIN, sample_pair=PAIR)
    assert_array_equal(aligner.maps_["lab"](X), alone.maps_["lab"](X))


def test_a_model_of_the_old_instrument_serves_the_new_one():
    y = CHEMISTRY @ [1.0, -2.0, 0.5]
    model = Ridge(1e-3).fit(SPECTRA, y)
    plain = np.abs(model.predict(OTHER) - y).mean()
    for method in ("direct", "piecewise"):
        better = np.abs(model.predict(mapped(method, "lab")[30:]) - y).mean()
        assert better < plain / 2
    pipe = make_transfer_pipeline(DirectStandardization(), Ridge(1e-3))
    labels = np.concatenate([y, np.full(30, np.nan)])
    pipe.fit(X, labels, sample_domain=DOMAIN, directstandardization__sample_pair=PAIR)
    assert np.abs(pipe.predict(OTHER) - y).mean() < plain / 2


def test_pairs_pass_through_a_plain_pipeline_with_metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = make_pipeline(DirectStandardization("direct"))
        found = pipe.fit_transform(X, sample_domain=DOMAIN, sample_pair=PAIR)
    assert_array_equal(found, mapped("direct", "target"))


def test_without_pairs_the_means_alone_are_compared():
    sentence = (
        "DirectStandardization compares the means of the domains alone, because sample_pair is "
        "None; pass the specimen of each row to fit, or use MomentAligner(with_std=False)."
    )
    with pytest.warns(TransferWarning, match=whole(sentence)):
        found = mapped("direct", "lab", pair=None)
    assert_allclose(found[30:], OTHER + SPECTRA.mean(axis=0) - OTHER.mean(axis=0))
    assert_array_equal(DirectStandardization().fit_transform(X), X)


def test_a_domain_without_a_pair_and_an_unknown_reference_are_refused():
    sentence = (
        "sample_pair names no specimen that was measured in both 'lab' and 'target'; give the rows "
        "of one specimen equal values, or leave out the domain."
    )
    with pytest.raises(ValueError, match=whole(sentence)):
        mapped("direct", "target", pair=np.arange(60))
    sentence = "reference='m5' is no domain of sample_domain, which names 'lab', 'target'; pass one"
    with pytest.raises(ValueError, match=whole(f"{sentence} of these.")):
        mapped("direct", "m5")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        mapped("direct", "lab", pair=PAIR[1:])


def test_an_error_leaves_no_trace():
    aligner = DirectStandardization("direct").fit(X, sample_domain=DOMAIN, sample_pair=PAIR)
    before = dict(vars(aligner))
    with pytest.raises(ValueError, match="no specimen"):
        aligner.fit(X, sample_domain=DOMAIN, sample_pair=np.arange(60))
    assert vars(aligner) == before
