"""How well the domains can be told apart by the features. Importing this module imports torch."""

import numpy as np
import torch


class DomainScore:
    """The share of rows nearer to the mean of their own domain than to that of the other.

    The means are those of the minibatch before. 1/2 says that the means do not tell the domains
    apart, 1 that they always do.
    """

    def __init__(self, means=None):
        self._means, self._shares = means, []

    def see(self, labelled, unlabelled):
        """Judge the features of a minibatch of each domain, and remember their means."""
        parts = labelled.detach(), unlabelled.detach()
        if self._means is not None:
            middle, towards_second = self._means.mean(dim=0), self._means[1] - self._means[0]
            sides = [(part - middle) @ towards_second for part in parts]
            right = (sides[0] <= 0).double().mean() + (sides[1] > 0).double().mean()
            self._shares.append(right.item() / 2)
        self._means = torch.stack([part.mean(dim=0) for part in parts])

    def end_epoch(self):
        """Return the mean share since the last call; NaN if there is none."""
        shares, self._shares = self._shares, []
        return float(np.mean(shares)) if shares else np.nan

    def state(self):
        """All that later epochs depend on, as arrays."""
        return {} if self._means is None else {"means": self._means.cpu().numpy().copy()}

    def restore(self, state, device):
        """Go back to a `state`."""
        means = state.get("means")
        self._means = None if means is None else torch.as_tensor(means.copy()).to(device)
