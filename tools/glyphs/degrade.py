"""Spoil drawn glyphs: resolution, blur, clutter, contrast, inversion and noise."""

import math

import torch
from torch.nn import functional as F

from .draws import DISTORTION, IMAGE_SIZE, chance, uniform


def degrade(images, generator):
    """Lose resolution, then add blur, clutter, poor contrast, inversion and noise.

    Parameters
    ----------
    images : tensor of shape (n, 1, 32, 32)
        Ink coverage.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    tensor of shape (n, 1, 32, 32)
        Grey levels, which noise may carry out of [0, 1].
    """
    n_low = round(len(images) * DISTORTION["low_resolution"])
    low, high = images[:n_low], images[n_low:]
    images = torch.cat([coarsen(low, generator), resample(high, generator)])
    images = clutter(images, generator)
    images = blur(images, generator)
    images = contrast(images, generator)
    loud = chance(len(images), DISTORTION["noise"], generator)[..., None]
    level = loud * DISTORTION["noise_spread"] * uniform(len(images), (0, 1), generator)[..., None]
    return images + level * torch.randn(images.shape, generator=generator)


def coarsen(images, generator):
    """Average over the blocks of a coarse grid, keep few grey levels, and scale up again.

    Parameters
    ----------
    images : tensor of shape (n, 1, 32, 32)
        Ink coverage.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    tensor of shape (n, 1, 32, 32)
        Blurred by the way down to one of ``DISTORTION["low_sizes"]`` and back.
    """
    sharp = chance(len(images), DISTORTION["binary"], generator)[..., None]
    images = torch.where(sharp, (images > 0.5).float(), images)
    sizes = DISTORTION["low_sizes"]
    parts = images.tensor_split(len(sizes))
    return torch.cat([scale_back(part, size) for part, size in zip(parts, sizes, strict=True)])


def scale_back(images, size):
    """Reduce to a small grid of `DISTORTION["grey_levels"]` levels and enlarge bilinearly.

    Parameters
    ----------
    images : tensor of shape (n, 1, 32, 32)
        Grey levels in [0, 1].
    size : int
        Side of the small grid.

    Returns
    -------
    tensor of shape (n, 1, 32, 32)
        Grey levels in [0, 1].
    """
    levels = DISTORTION["grey_levels"]
    small = (F.adaptive_avg_pool2d(images, size) * levels).round() / levels
    return F.interpolate(small, (IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", align_corners=False)


def resample(images, generator):
    """Go through a grid a little smaller than the image, as resizing a photograph does.

    Parameters
    ----------
    images : tensor of shape (n, 1, 32, 32)
        Ink coverage.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    tensor of shape (n, 1, 32, 32)
        Half of the images resampled, half as they were.
    """
    half = len(images) // 2
    low, high = DISTORTION["mid_resolution"]
    side = int(torch.randint(low, high + 1, (1,), generator=generator))
    small = F.interpolate(images[:half], (side, side), mode="bilinear", antialias=True)
    back = F.interpolate(small, (IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", align_corners=False)
    return torch.cat([back, images[half:]])


def clutter(images, generator):
    """Put a piece of another glyph beside some of the glyphs.

    Parameters
    ----------
    images : tensor of shape (n, 1, 32, 32)
        Grey levels.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    tensor of shape (n, 1, 32, 32)
        Grey levels.
    """
    n = len(images)
    other = images[torch.randperm(n, generator=generator)]
    away = 0.75 * IMAGE_SIZE
    steps = torch.randint(-3, 4, (2,), generator=generator).tolist()
    pieces = F.pad(other, (IMAGE_SIZE,) * 4)
    top, left = IMAGE_SIZE + steps[0], IMAGE_SIZE + steps[1]
    if torch.rand(1, generator=generator) < 0.5:
        left += math.copysign(away, steps[1] + 0.5)
    else:
        top += math.copysign(away, steps[0] + 0.5)
    top, left = int(top), int(left)
    pieces = pieces[:, :, top : top + IMAGE_SIZE, left : left + IMAGE_SIZE]
    hit = chance(n, DISTORTION["clutter"], generator)[..., None]
    return torch.where(hit, torch.maximum(images, pieces), images)


def blur(images, generator):
    """Average some images over three by three pixels.

    Parameters
    ----------
    images : tensor of shape (n, 1, 32, 32)
        Grey levels.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    tensor of shape (n, 1, 32, 32)
        Grey levels.
    """
    hit = chance(len(images), DISTORTION["blur"], generator).flatten()
    soft = F.avg_pool2d(images[hit], 3, stride=1, padding=1, count_include_pad=False)
    images = images.clone()
    images[hit] = soft
    return images


def contrast(images, generator):
    """Shrink the range of grey levels, place it anywhere in [0, 1], and invert some images.

    Parameters
    ----------
    images : tensor of shape (n, 1, 32, 32)
        Grey levels in [0, 1].
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    tensor of shape (n, 1, 32, 32)
        Grey levels in [0, 1].
    """
    n = len(images)
    width = uniform(n, DISTORTION["contrast"], generator)[..., None]
    images = width * images + (1 - width) * uniform(n, (0, 1), generator)[..., None]
    dark = chance(n, DISTORTION["invert"], generator)[..., None]
    return torch.where(dark, 1 - images, images)
