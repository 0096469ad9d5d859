"""Seeds of parts: which of them are drawn, and which are kept."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from sktransfer import DiscriminatorWeighter
from sktransfer._random import generator, seeded_clones


def seeds(estimator, *, keep_seeds):
    (clone,) = seeded_clones(
        estimator, 1, generator=np.random.RandomState(0), keep_seeds=keep_seeds
    )
    return {
        name: value for name, value in clone.get_params().items() if name.endswith("random_state")
    }


def test_a_seed_beside_a_given_one_is_drawn():
    pipe = make_pipeline(DecisionTreeClassifier(random_state=5), LogisticRegression())
    found = seeds(pipe, keep_seeds=True)
    assert found["decisiontreeclassifier__random_state"] == 5
    assert isinstance(found["logisticregression__random_state"], int)
    replaced = seeds(pipe, keep_seeds=False)
    assert replaced["decisiontreeclassifier__random_state"] != 5


def test_a_seed_above_a_given_one_stays_none():
    # A number there would make the weighter overwrite the seed of its classifier.
    weighter = DiscriminatorWeighter(DecisionTreeClassifier(random_state=5))
    found = seeds(weighter, keep_seeds=True)
    assert found == {"random_state": None, "estimator__random_state": 5}
    assert isinstance(seeds(weighter, keep_seeds=False)["random_state"], int)


@pytest.mark.parametrize("keep_seeds", [True, False])
def test_clones_without_a_given_seed_get_different_numbers(keep_seeds):
    clones = seeded_clones(
        DecisionTreeClassifier(), 3, generator=generator(0), keep_seeds=keep_seeds
    )
    assert len({clone.random_state for clone in clones}) == 3
