"""select_by_agreement: the vote by hand, ties, and candidates that cannot vote together."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from sktransfer import TransferWarning, select_by_agreement

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 2))


def border_at(place, names=("a", "b")):
    model = LogisticRegression(C=100.0)
    return model.fit([[place - 1.0, 0.0], [place + 1.0, 0.0]], list(names))


CANDIDATES = {"source": border_at(-0.5), "coral": border_at(0.0), "transport": border_at(0.2)}


@pytest.mark.parametrize("vote", ["all", "others"])
def test_agreements_by_hand(vote):
    best, agreements = select_by_agreement(CANDIDATES, X, vote=vote)
    answers = {name: model.predict_proba(X)[:, 1] for name, model in CANDIDATES.items()}
    for name, answer in answers.items():
        voters = [each for other, each in answers.items() if vote == "all" or other != name]
        expected = np.mean((answer > 0.5) == (np.mean(voters, axis=0) > 0.5))
        assert_allclose(agreements[name], expected)
    assert best == "coral" == next(iter(agreements))
    assert list(agreements.values()) == sorted(agreements.values(), reverse=True)


def test_a_model_without_probabilities_votes_by_its_decisions():
    svc = LinearSVC().fit([[-1.0, 0.0], [1.0, 0.0]], ["a", "b"])
    _, agreements = select_by_agreement([svc, border_at(0.3)], X)
    assert set(agreements) == {"linearsvc", "logisticregression"}


def test_the_first_of_equal_candidates_is_chosen():
    models = {"b": border_at(0.0), "a": border_at(0.0), "far": border_at(9.0)}
    assert select_by_agreement(models, X)[0] == "b"
    with pytest.warns(TransferWarning, match="All 2 candidates agree on all 200 rows"):
        best, agreements = select_by_agreement({"b": border_at(0.0), "a": border_at(0.0)}, X)
    assert (best, agreements) == ("b", {"b": 1.0, "a": 1.0})


def test_candidates_that_cannot_vote_are_refused():
    with pytest.raises(ValueError, match="compares candidates with each other, but estimators has"):
        select_by_agreement({"one": border_at(0.0)}, X)
    with pytest.raises(ValueError, match="'two' with \\['a', 'c'\\]; pass classifiers of the same"):
        select_by_agreement({"one": border_at(0.0), "two": border_at(0.0, ("a", "c"))}, X)
    with pytest.raises(NotFittedError):
        select_by_agreement([border_at(0.0), LogisticRegression()], X)
    with pytest.raises(ValueError, match="scores classifiers, but Ridge is none"):
        select_by_agreement([border_at(0.0), Ridge().fit(X, X[:, 0])], X)
    with pytest.raises(ValueError, match="vote='mean': expected 'all' or 'others'"):
        select_by_agreement(CANDIDATES, X, vote="mean")
    with pytest.raises(ValueError, match="but X has none"):
        select_by_agreement(CANDIDATES, X[:0])
