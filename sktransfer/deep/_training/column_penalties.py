"""A penalty for each of several columns of labels. Importing this module imports torch."""

from types import SimpleNamespace

import torch

from sktransfer.deep._training.penalty import Penalty


class ColumnPenalties(Penalty):
    """The mean of the penalties of an adaptation that reads classes, one for each column of y.

    `sizes` are the numbers of classes of the columns, whose logits are concatenated.
    """

    def __init__(self, adaptation, network, how, sizes):
        parts = [
            adaptation._make_penalty(
                SimpleNamespace(coef=coef), how._replace(seed=how.seed + place)
            )
            for place, coef in enumerate(network.coef.split(sizes))
        ]
        super().__init__(parts[0].strength, parts[0].ramp, parts[0].own_rate)
        self.parts, self.sizes = torch.nn.ModuleList(parts), sizes

    def of_tensors(self, source, target, progress):
        """The mean loss of the columns."""
        columns = zip(self.parts, self._columns(source), self._columns(target), strict=True)
        return torch.stack([part.of_tensors(*seen, progress) for part, *seen in columns]).mean()

    def _columns(self, seen):
        """The minibatch as each column has it."""
        for place, outputs in enumerate(seen.outputs.split(self.sizes, dim=1)):
            y = None if seen.y is None else seen.y[:, place]
            yield seen._replace(outputs=outputs, y=y)

    def weight(self, progress):
        """Return the factor of the loss."""
        return self.parts[0].weight(progress)

    def doubt(self):
        """Return the doubts of the columns, each sentence once."""
        return " ".join(dict.fromkeys(filter(None, (part.doubt() for part in self.parts))))
