"""Draw distorted glyphs, a batch at a time, from the distance fields of the masters."""

from functools import lru_cache

import numpy as np
import torch
from torch.nn import functional as F

from .degrade import degrade
from .draws import DISTORTION, IMAGE_SIZE, chance, normal, uniform
from .render import GLYPH_SIZE, MASTER_SIZE


class Distorter:
    """Draw batches of distorted glyphs.

    Parameters
    ----------
    masters : Masters
        The glyphs as distance fields.
    generator : torch.Generator
        Source of all randomness.
    n_digits : int, default=10
        Number of leading classes that are digits, which are drawn more often.
    """

    def __init__(self, masters, generator, *, n_digits=10):
        self.fields = torch.from_numpy(np.stack([masters.outline, masters.skeleton]))
        self.depth = torch.from_numpy(masters.depth).float()
        self.target = torch.from_numpy(masters.target)
        self.generator = generator
        is_digit = self.target < n_digits
        self.digits = torch.nonzero(is_digit).squeeze(1)
        self.letters = torch.nonzero(~is_digit).squeeze(1)

    def batch(self, size):
        """Draw a batch.

        Parameters
        ----------
        size : int
            Number of images.

        Returns
        -------
        images : tensor of shape (size, 1, 32, 32)
            Grey levels in [0, 1].
        target : tensor of shape (size,)
            Classes.
        """
        rows = self.choose(size)
        images = self.ink(rows)
        images = degrade(images, self.generator)
        return images.clamp(0, 1), self.target[rows]

    def choose(self, size):
        """Choose masters, digits with probability ``DISTORTION["digits"]``.

        Parameters
        ----------
        size : int
            Number of masters.

        Returns
        -------
        tensor of shape (size,)
            Row numbers, shuffled.
        """
        n_digits = round(size * DISTORTION["digits"])
        digits = self.pick(self.digits, n_digits)
        letters = self.pick(self.letters, size - n_digits)
        order = torch.randperm(size, generator=self.generator)
        return torch.cat([digits, letters])[order]

    def pick(self, rows, size):
        """Pick rows with replacement.

        Parameters
        ----------
        rows : tensor
            Row numbers to pick from.
        size : int
            How many.

        Returns
        -------
        tensor of shape (size,)
            Row numbers.
        """
        return rows[torch.randint(len(rows), (size,), generator=self.generator)]

    def ink(self, rows):
        """Warp the fields of the masters and draw strokes along them.

        Parameters
        ----------
        rows : tensor of shape (n,)
            Row numbers of the masters.

        Returns
        -------
        tensor of shape (n, 1, 32, 32)
            Ink coverage in [0, 1].
        """
        n = len(rows)
        as_pen = chance(n, DISTORTION["skeleton"], self.generator)
        field = self.fields[as_pen.flatten().long(), rows].float()
        radius = uniform(n, DISTORTION["pen_radius"], self.generator)
        growth = uniform(n, DISTORTION["thickness"], self.generator)
        growth = torch.maximum(growth, 1 - self.depth[rows, None, None])
        threshold = torch.where(as_pen, radius, growth)
        warped = F.grid_sample(
            field[:, None], geometry(n, self.generator), padding_mode="border", align_corners=False
        )
        softness = uniform(n, DISTORTION["softness"], self.generator)
        return torch.sigmoid((threshold[:, None] - warped) / softness[:, None])


def geometry(n, generator):
    """Draw sampling grids: rotation, slant, proportions, size, position and elastic waves.

    Parameters
    ----------
    n : int
        Number of images.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    tensor of shape (n, 32, 32, 2)
        Where in the master to read each pixel of the image.
    """
    linear = torch.linalg.inv(linear_maps(n, generator))
    shift = normal(2 * n, DISTORTION["shift"], generator).reshape(n, 2, 1)
    theta = torch.cat([linear, -linear @ shift], dim=2)
    grid = F.affine_grid(theta, (n, 1, IMAGE_SIZE, IMAGE_SIZE), align_corners=False)
    strength = uniform(n, DISTORTION["elastic_spread"], generator)[..., None]
    for name in ("elastic_coarse", "elastic_fine"):
        knots, spread = DISTORTION[name]
        grid = grid + strength * waves(n, knots, spread, generator)
    return grid


def linear_maps(n, generator):
    """Draw the linear part of the geometry, from the master to the image.

    Parameters
    ----------
    n : int
        Number of images.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    tensor of shape (n, 2, 2)
        Rotation times slant times scale.
    """
    angle = normal(n, DISTORTION["rotation"], generator)
    slant = normal(n, DISTORTION["slant"], generator)
    low, high = DISTORTION["extent"]
    extent = uniform(n, (low, high), generator)
    extent = torch.where(chance(n, DISTORTION["full_frame"], generator), high, extent)
    scale = extent * MASTER_SIZE / GLYPH_SIZE
    stretch = torch.exp(normal(n, DISTORTION["aspect"], generator))
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rotation = matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos())
    return rotation @ matrix(one, slant, zero, one) @ matrix(scale * stretch, zero, zero, scale)


def matrix(a, b, c, d):
    """Put four batches of numbers into matrices.

    Parameters
    ----------
    a, b, c, d : tensor of shape (n, 1, 1)
        Entries, row by row.

    Returns
    -------
    tensor of shape (n, 2, 2)
        The matrices.
    """
    return torch.cat([torch.cat([a, b], dim=2), torch.cat([c, d], dim=2)], dim=1)


def waves(n, knots, spread, generator):
    """Draw smooth random displacements.

    Parameters
    ----------
    n : int
        Number of images.
    knots : int
        Independent displacements along each side.
    spread : float
        Standard deviation at the knots.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    tensor of shape (n, 32, 32, 2)
        Displacements between the knots, by bicubic interpolation.
    """
    coarse = spread * torch.randn(n, knots, knots, 2, generator=generator)
    curve = interpolation(knots)
    return torch.einsum("yk,nkjc,xj->nyxc", curve, coarse, curve)


@lru_cache
def interpolation(knots):
    """Compute the matrix of cubic interpolation from knots to pixels.

    Parameters
    ----------
    knots : int
        Knots, the first and the last on the rim of the image.

    Returns
    -------
    tensor of shape (32, knots)
        Each row sums to one.
    """
    peaks = torch.eye(knots)[:, None, :, None].expand(-1, -1, -1, 2)
    size = (IMAGE_SIZE, 2)
    return F.interpolate(peaks, size, mode="bicubic", align_corners=True)[:, 0, :, 0].T
