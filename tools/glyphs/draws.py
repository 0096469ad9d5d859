"""The parameters of the distortion, and the random numbers that each image draws."""

import torch

IMAGE_SIZE = 32

DISTORTION = {
    "digits": 0.45,
    "skeleton": 0.6,
    "rotation": 0.17,
    "slant": 0.3,
    "extent": [0.5, 1.02],
    "full_frame": 0.4,
    "aspect": 0.22,
    "shift": 0.06,
    "elastic_coarse": [3, 0.13],
    "elastic_fine": [6, 0.05],
    "elastic_spread": [0.2, 1.5],
    "pen_radius": [0.9, 4.5],
    "thickness": [-2.0, 2.5],
    "softness": [0.25, 1.3],
    "low_resolution": 0.55,
    "low_sizes": [8, 8, 8, 10, 12, 14, 16],
    "binary": 0.5,
    "grey_levels": 16,
    "mid_resolution": [20, 28],
    "blur": 0.2,
    "clutter": 0.08,
    "invert": 0.08,
    "contrast": [0.5, 1.0],
    "noise": 0.3,
    "noise_spread": 0.1,
}
"""Parameters of the distortion: probabilities, ranges, standard deviations.

Lengths of strokes are in pixels of a master, those of the geometry in half image sides, angles in
radians.
"""


def chance(n, probability, generator):
    """Toss a coin for each image.

    Parameters
    ----------
    n : int
        Number of images.
    probability : float
        Probability of True.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    tensor of shape (n, 1, 1), bool
        The outcomes.
    """
    return torch.rand(n, 1, 1, generator=generator) < probability


def uniform(n, bounds, generator):
    """Draw one number for each image, uniformly.

    Parameters
    ----------
    n : int
        Number of images.
    bounds : sequence of two floats
        Lower and upper bound.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    tensor of shape (n, 1, 1)
        The numbers.
    """
    low, high = bounds
    return low + (high - low) * torch.rand(n, 1, 1, generator=generator)


def normal(n, spread, generator):
    """Draw one number for each image from a normal distribution cut at two deviations.

    Parameters
    ----------
    n : int
        Number of images.
    spread : float
        Standard deviation.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    tensor of shape (n, 1, 1)
        The numbers.
    """
    return spread * torch.randn(n, 1, 1, generator=generator).clamp(-2, 2)
