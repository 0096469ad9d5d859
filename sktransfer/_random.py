"""What `random_state` means: said once, here."""

import numpy as np
from sklearn.utils import check_random_state


def generator(random_state):
    """Give a RandomState; None draws fresh entropy and leaves NumPy's global generator alone."""
    return check_random_state(np.random.RandomState() if random_state is None else random_state)
