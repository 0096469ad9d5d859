"""CombatAligner: its kernel on columns that are no covariates, limits, and its sentences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktransfer import CombatAligner, MomentAligner
from sktransfer._kernels.combat import harmonized, site_effects
from tests.shelf import make_moved_rows, whole

X, DOMAIN = make_moved_rows()
SITES = np.searchsorted(["amazon", "dslr", "target"], DOMAIN)


@pytest.mark.parametrize("reference", ["target", "all"])
def test_columns_that_are_no_covariates_are_those_of_the_kernel(reference):
    mapped = CombatAligner([4, 1], reference=reference).fit_transform(X, sample_domain=DOMAIN)
    rest, covariates = X[:, [0, 2, 3, 5]], X[:, [1, 4]]
    place = 2 if reference == "target" else None
    effects = site_effects(rest, SITES, covariates, reference=place)
    for site in range(3):
        here = site == SITES
        expected = harmonized(rest[here], covariates[here], effects, site)
        assert_allclose(mapped[here][:, [0, 2, 3, 5]], expected)
    assert_array_equal(mapped[:, [1, 4]], covariates)


def test_target_rows_stay_to_the_bit_unless_all_rows_are_the_reference():
    is_target = DOMAIN == "target"
    mapped = CombatAligner().fit_transform(X, sample_domain=DOMAIN)
    assert_array_equal(mapped[is_target], X[is_target])
    moved = CombatAligner(reference="all").fit(X, sample_domain=DOMAIN)
    assert np.abs(moved.transform(X[is_target]) - X[is_target]).min() > 0


def test_with_many_rows_it_is_the_moment_aligner():
    rows, domain = make_moved_rows(counts=(("amazon", 6000), ("target", 6000)))
    found = CombatAligner().fit_transform(rows, sample_domain=domain)
    expected = MomentAligner().fit_transform(rows, sample_domain=domain)
    assert_allclose(found, expected, atol=0.05)


def test_with_few_rows_and_one_offset_it_is_nearer_than_the_moment_aligner():
    errors = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        clean = rng.normal(size=(40, 200))
        domain = np.repeat(["old", "target"], [4, 36])
        rows = np.where(domain[:, None] == "old", 1.5 * clean + rng.normal(3, 0.3, 200), clean)
        for aligner in (CombatAligner(), MomentAligner()):
            mapped = aligner.fit_transform(rows, sample_domain=domain)
            errors.append(np.mean((mapped - clean)[:4] ** 2))
    assert np.mean(errors[::2]) < 0.5 * np.mean(errors[1::2])


def test_covariates_by_name_and_from_the_end():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    expected = CombatAligner([1, 5]).fit_transform(X, sample_domain=DOMAIN)
    for covariates in (["b", "f"], np.array(["f", "b"]), ["b", -1], (5, 1)):
        found = CombatAligner(covariates).fit_transform(frame, sample_domain=DOMAIN)
        assert_array_equal(found, expected)


def test_nothing_but_covariates_and_no_source_change_nothing():
    assert_array_equal(CombatAligner().fit_transform(X), X)
    mapped = CombatAligner(range(6)).fit_transform(X, sample_domain=DOMAIN)
    assert_array_equal(mapped, X)


@pytest.mark.parametrize("covariates", [["g"], [6]])
def test_a_covariate_that_is_no_column_is_refused(covariates):
    sentence = (
        f"covariates={covariates}: X has no column {covariates[0]!r}, but 6 columns, no names; "
        "pass names or places of columns of X."
    )
    with pytest.raises(ValueError, match=whole(sentence)):
        CombatAligner(covariates).fit(X, sample_domain=DOMAIN)


def test_a_covariate_that_is_a_site_is_refused():
    rows = np.column_stack([X, SITES])
    sentence = (
        "covariates=[6] cannot be told from the sites of sample_domain: within sites, a column of X"
        " is constant or depends on the others; leave it out, or add rows."
    )
    with pytest.raises(ValueError, match=whole(sentence)):
        CombatAligner([6]).fit(rows, sample_domain=DOMAIN)
