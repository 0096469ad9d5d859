"""The meaning of `random_state`, for a class of ours and for the estimators inside of it."""

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state


def generator(random_state):
    """Return a RandomState; None draws fresh entropy and leaves NumPy's global generator alone."""
    return check_random_state(np.random.RandomState() if random_state is None else random_state)


def seeded_clones(estimator, n_clones, *, generator, keep_seeds):
    """Yield fresh clones of `estimator`, each with seeds of its own, as AdaBoost makes them.

    Parameters
    ----------
    estimator : estimator
    n_clones : int
    generator : RandomState
        Draws the seeds.
    keep_seeds : bool
        Whether the seeds that a user gave to `estimator`, or to a part of it, are kept. Classes of
        ours keep them if their own `random_state` is None. A `random_state` of None next to or
        above such a seed then stays None, because a number would overwrite the seed later.

    Yields
    ------
    learner : estimator
        Every other parameter called `random_state`, nested ones too, is an integer.
    """
    largest = np.iinfo(np.int32).max
    for _ in range(n_clones):
        learner = clone(estimator)
        names = _seeds_to_set(learner, keep_seeds=keep_seeds)
        yield learner.set_params(**{name: generator.randint(largest) for name in names})


def _seeds_to_set(estimator, *, keep_seeds):
    """Return the sorted names of the parameters called `random_state` that get a new number."""
    seeds = {
        name: value
        for name, value in estimator.get_params().items()
        if f"__{name}".endswith("__random_state")
    }
    given = [name for name, value in seeds.items() if keep_seeds and value is not None]

    def overwrites_one(name):
        return any(kept.startswith(name.removesuffix("random_state")) for kept in given)

    return sorted(name for name in seeds if not overwrites_one(name))
