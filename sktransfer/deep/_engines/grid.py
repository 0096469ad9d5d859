"""The positions of a feature map: rows and columns of an image."""

from typing import NamedTuple

import numpy as np

from sktransfer._messages import shown

# Tokens before the patches of an image, at most: of the class, of a teacher, registers.
_MOST_FIRST_TOKENS = 8


class Grid(NamedTuple):
    """The positions of the features of an image: rows, columns, channels.

    `n_first` tokens of a sequence precede those of the patches; None for a map with its channels
    first.
    """

    height: int
    width: int
    channels: int
    n_first: int | None = None

    @property
    def n_features(self):
        """How many features there are in all."""
        return self.height * self.width * self.channels

    def rows(self, flat):
        """Return (n, height * width * channels) of flattened activations, position by position."""
        n = len(flat)
        if self.n_first is None:
            maps = flat.reshape(n, self.channels, self.height * self.width).transpose(0, 2, 1)
        else:
            maps = flat[:, self.n_first * self.channels :]
        return np.ascontiguousarray(maps).reshape(n, self.n_features)

    def maps(self, rows):
        """Return (n, height, width, channels) of the result of `rows`."""
        return rows.reshape(len(rows), self.height, self.width, self.channels)

    def names(self):
        """Return the names of the features of one image, as in "0_3_17" for row 0, column 3."""
        return [
            f"{row}_{column}_{channel}"
            for row in range(self.height)
            for column in range(self.width)
            for channel in range(self.channels)
        ]


def find_grid(backbone, stage):
    """Return the `Grid` of a stage, or raise a ValueError if it keeps no positions of an image."""
    inputs, (name, shape) = backbone.preprocessing, backbone.locate(stage)
    if inputs.kind != "image":
        raise ValueError(
            f"backbone={shown(backbone.name)} reads {inputs.kind}s, and only images have rows and "
            "columns: expected pooling='avg', 'max' or None."
        )
    if len(shape) == 3:
        channels, height, width = shape
        return Grid(height, width, channels)
    grid = _patches(*shape, *inputs.size) if len(shape) == 2 else None
    if grid is None:
        maps = [stage for stage, shape in zip(backbone.stages, backbone.shapes) if len(shape) == 3]
        raise ValueError(
            f"stage={shown(name)} of backbone={shown(backbone.name)} has the shape {shape}, which "
            f"keeps no positions of the image: expected a feature map{f', {maps}' if maps else ''}."
        )
    return grid


def _patches(n_tokens, channels, height, width):
    """The grid of square patches with the fewest tokens before them; None if there is none."""
    found = []
    for side in range(1, min(height, width) + 1):
        rows, columns = height // side, width // side
        n_first = n_tokens - rows * columns
        if 0 <= n_first <= _MOST_FIRST_TOKENS:
            found.append((n_first, rows, columns))
    if not found:
        return None
    n_first, rows, columns = min(found)
    return Grid(rows, columns, channels, n_first)
