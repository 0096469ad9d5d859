"""The network: four stages of convolutions, and a head that only training sees."""

import torch
from torch import nn
from torch.nn import functional as F

CHANNELS = (16, 32, 80, 160)
CONVOLUTIONS = (1, 2, 1, 2)
STAGES = tuple(f"stage{i + 1}" for i in range(len(CHANNELS)))
DROPOUT = 0.2


def stage(n_in, n_out, n_convolutions):
    """Build a stage: convolutions with batch normalisation and ReLU, then a halving of the size.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    n_convolutions : int
        Number of convolutions.

    Returns
    -------
    nn.Sequential
        The stage.
    """
    layers = []
    for i in range(n_convolutions):
        width = n_out if i else n_in
        layers += [nn.Conv2d(width, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out)]
        layers += [nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


class GlyphNet(nn.Module):
    """Classify glyphs.

    Parameters
    ----------
    n_classes : int
        Number of classes of the head.
    """

    def __init__(self, n_classes):
        super().__init__()
        widths = (1, *CHANNELS)
        stages = zip(widths[:-1], widths[1:], CONVOLUTIONS, strict=True)
        self.stages = nn.ModuleList(stage(*sizes) for sizes in stages)
        self.head = nn.Linear(CHANNELS[-1], n_classes)

    def features(self, images):
        """Run all stages.

        Parameters
        ----------
        images : tensor of shape (n, 1, 32, 32)
            Grey levels.

        Returns
        -------
        tensor of shape (n, 160, 2, 2)
            The feature map of the last stage.
        """
        maps = images
        for part in self.stages:
            maps = part(maps)
        return maps

    def forward(self, images):
        """Compute the logits from the spatial mean of the features.

        Parameters
        ----------
        images : tensor of shape (n, 1, 32, 32)
            Grey levels.

        Returns
        -------
        tensor of shape (n, n_classes)
            Logits.
        """
        pooled = self.features(images).mean(dim=(2, 3))
        return self.head(F.dropout(pooled, DROPOUT, self.training))


def average_into(average, network, decay):
    """Move the running average of a network's state towards its present state.

    Parameters
    ----------
    average, network : nn.Module
        Two copies of one architecture; the first is changed in place.
    decay : float
        Weight of the past.
    """
    present = network.state_dict()
    with torch.no_grad():
        for name, value in average.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(present[name], 1 - decay)
            else:
                value.copy_(present[name])
