"""MomentAligner: what it promises beyond its formula, and every sentence that it can say."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer.feature import CORALAligner, MomentAligner


def make_rows(seed=0, n_features=4, counts=(("amazon", 30), ("dslr", 25), ("target", 40))):
    """Rows of several domains, in mixed order, with their domains."""
    rng = np.random.default_rng(seed)
    names = np.repeat([name for name, _ in counts], [count for _, count in counts])
    gain, offset = np.exp(rng.normal(size=(2, 3, n_features)))
    index = np.repeat(np.arange(len(counts)), [count for _, count in counts])
    X = rng.normal(size=(len(names), n_features)) * gain[index] + offset[index]
    order = rng.permutation(len(names))
    return X[order], names[order]


@pytest.mark.parametrize("with_std", [True, False])
def test_moments_match_and_target_rows_stay_to_the_bit(with_std):
    X, sample_domain = make_rows()
    aligner = MomentAligner(with_std=with_std)
    mapped = aligner.fit_transform(X, sample_domain=sample_domain)
    target = sample_domain == "target"
    assert_array_equal(mapped[target], X[target])
    for name in ["amazon", "dslr"]:
        here = sample_domain == name
        assert_allclose(mapped[here].mean(axis=0), X[target].mean(axis=0), atol=1e-12)
        spread = X[target if with_std else here].std(axis=0, ddof=1)
        assert_allclose(mapped[here].std(axis=0, ddof=1), spread, rtol=1e-12)


def test_it_is_coral_on_each_feature_alone():
    X, sample_domain = make_rows()
    mapped = MomentAligner().fit_transform(X, sample_domain=sample_domain)
    for k in range(X.shape[1]):
        alone = CORALAligner(ridge=0).fit_transform(X[:, [k]], sample_domain=sample_domain)
        assert_allclose(mapped[:, [k]], alone, atol=1e-10)


def test_each_of_several_sources_has_the_map_of_its_own_two_domain_fit():
    X, sample_domain = make_rows()
    together = MomentAligner().fit(X, sample_domain=sample_domain)
    assert list(together.maps_) == list(together.source_domains_) == ["amazon", "dslr"]
    for name in together.source_domains_:
        pair = np.isin(sample_domain, [name, "target"])
        alone = MomentAligner().fit(X[pair], sample_domain=sample_domain[pair])
        assert_array_equal(alone.maps_[name](X), together.maps_[name](X))


def test_without_sample_domain_it_is_the_identity():
    X, _ = make_rows()
    aligner = MomentAligner()
    mapped = aligner.fit_transform(X)
    assert_array_equal(mapped, X)
    assert not np.shares_memory(mapped, X)
    assert aligner.maps_ == {}


def test_new_rows_of_either_domain():
    X, sample_domain = make_rows()
    aligner = MomentAligner().fit(X, sample_domain=sample_domain)
    new = np.random.default_rng(9).normal(size=(5, 4))
    assert_array_equal(aligner.transform(new), new)
    mapped = aligner.transform(new, sample_domain=["dslr"] * 5)
    assert_array_equal(mapped, aligner.maps_["dslr"](new))


def test_names_of_columns_are_kept():
    X, sample_domain = make_rows()
    aligner = MomentAligner().fit(X, sample_domain=sample_domain)
    assert list(aligner.get_feature_names_out(list("abcd"))) == list("abcd")


def test_one_row_has_a_mean_and_no_scale():
    X, sample_domain = make_rows(counts=(("amazon", 1), ("dslr", 3), ("target", 9)))
    mapped = MomentAligner(with_std=False).fit_transform(X, sample_domain=sample_domain)
    assert_allclose(mapped[sample_domain == "amazon"][0], X[sample_domain == "target"].mean(axis=0))
    message = (
        "MomentAligner needs at least 2 rows of every domain in sample_domain: 'amazon' has 1; "
        "add rows, leave that domain out, or mend its name."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        MomentAligner().fit(X, sample_domain=sample_domain)


def test_a_parameter_that_makes_no_sense():
    with pytest.raises(ValueError, match=r"The 'with_std' parameter .* Got 'yes' instead."):
        MomentAligner(with_std="yes").fit(np.eye(3))
