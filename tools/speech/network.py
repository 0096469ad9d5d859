"""The network: maps over time and pitch, then sequences over time, and a head for training."""

import torch
from torch import nn
from torch.nn import functional as F

STAGES = ("stage1", "stage2", "stage3", "stage4", "embedding")
WIDTHS = (24, 48, 96, 224)
PROJECTION = 160
DROPOUT = 0.1

LEVEL = 3.0
"""The loudest value of each input, to the network: its values lie in -LEVEL..LEVEL."""


class Separable(nn.Module):
    """A convolution of each channel by itself, then one over channels.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    kernel, stride : (int, int)
        Over time and over pitch.
    """

    def __init__(self, n_in, n_out, kernel, stride=(1, 1)):
        super().__init__()
        padding = tuple(k // 2 for k in kernel)
        self.own = nn.Conv2d(n_in, n_in, kernel, stride, padding, groups=n_in, bias=False)
        self.mixed = nn.Conv2d(n_in, n_out, 1, bias=False)
        self.norm = nn.BatchNorm2d(n_out)
        self.adds = n_in == n_out and stride == (1, 1)

    def forward(self, maps):
        """Run the block; it adds its input if both have one shape."""
        found = self.norm(self.mixed(self.own(maps)))
        return F.relu(found + maps if self.adds else found)


class SpeechNet(nn.Module):
    """Classify spoken words.

    Parameters
    ----------
    n_words, n_phonemes : int
        Number of classes of the two heads.
    """

    def __init__(self, n_words, n_phonemes):
        super().__init__()
        a, b, c, d = WIDTHS
        first = nn.Conv2d(1, a, (5, 5), (2, 2), (2, 2), bias=False)
        self.stages = nn.ModuleList(
            [
                nn.Sequential(first, nn.BatchNorm2d(a), nn.ReLU()),
                nn.Sequential(Separable(a, b, (3, 3), (1, 2)), Separable(b, b, (5, 3))),
                nn.Sequential(
                    Separable(b, c, (3, 3), (2, 2)),
                    Separable(c, c, (5, 3)),
                    Separable(c, c, (5, 3)),
                ),
                nn.Sequential(
                    nn.Conv2d(c, d, (1, 4), bias=False),
                    nn.BatchNorm2d(d),
                    nn.ReLU(),
                    Separable(d, d, (7, 1)),
                    Separable(d, d, (7, 1)),
                    Separable(d, d, (7, 1)),
                    Separable(d, d, (7, 1)),
                ),
            ]
        )
        self.embed = nn.Linear(2 * d, PROJECTION)
        self.embed_norm = nn.BatchNorm1d(PROJECTION)
        self.head = nn.Linear(PROJECTION, n_words)
        self.phoneme_head = nn.Conv2d(d, n_phonemes, 1)

    def outputs(self, inputs):
        """Run all stages.

        Parameters
        ----------
        inputs : tensor of shape (n, 1, 96, 32)

        Returns
        -------
        list of tensor
            Those of `STAGES`; the last is the maximum over time of the one before.
        """
        maps, found = inputs - inputs.amax(dim=(1, 2, 3), keepdim=True) + LEVEL, []
        for part in self.stages:
            maps = part(maps)
            found.append(maps)
        return [*found, maps.amax(dim=(2, 3))]

    def forward(self, inputs):
        """Compute the logits of both heads.

        Parameters
        ----------
        inputs : tensor of shape (n, 1, 96, 32)

        Returns
        -------
        words : tensor of shape (n, n_words)
        phonemes : tensor of shape (n, n_phonemes, 24)
            Of each step of the last map.
        """
        *_, maps, loudest = self.outputs(inputs)
        pooled = torch.cat([maps.mean(dim=(2, 3)), loudest], dim=1)
        # Behind this projection features belong to the words of the training, and transfer less.
        projected = F.relu(self.embed_norm(self.embed(pooled)))
        return self.head(F.dropout(projected, DROPOUT, self.training)), self.phoneme_head(maps)[
            ..., 0
        ]
