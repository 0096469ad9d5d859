"""Random views of images: the possible changes, and one drawn view of each image."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cached_property
from numbers import Real

import numpy as np

from sktransfer._kernels.warp import inverse_affine, recolour_images, warp_images
from sktransfer._messages import shown

FILLS = ("nearest", "constant", "reflect")

# Part of the keys of cached views: raise it when the same fields come to mean other pixels.
_VERSION = 3

# The numbers of a draw, in the order of its bytes.
_DRAWN = (
    "rotation",
    "down",
    "across",
    "shear",
    "zoom",
    "flip_rows",
    "flip_columns",
    "brightness",
    "contrast",
    "saturation",
)


@dataclass(frozen=True)
class Augmentation:
    """By how much images may be changed at random; 0 and False change nothing.

    All geometry is one affine map with bilinear interpolation, then come the colors. Every
    number is drawn evenly and on its own.

    Parameters
    ----------
    rotation : float, default=0.0
        Turns by up to so many degrees, to either side.
    shift : float, default=0.0
        Shifts by up to this share of the height, and of the width.
    shear : float, default=0.0
        Shears along the rows by up to so many degrees, less than 90.
    zoom : float, default=0.0
        Enlarges by factors from ``1 - zoom`` to ``1 + zoom``; less than 1.
    horizontal_flip, vertical_flip : bool, default=False
        Mirrors every second image, on average, left to right or upside down. Letters, digits and
        whatever else knows left from right should not be mirrored.
    fill : {"nearest", "constant", "reflect"}, default="nearest"
        The pixels beyond the edge: its nearest pixel, `fill_value` or the mirrored image.
    fill_value : float, default=0.0
        From 0 (black) to 1 (white), for "constant".
    brightness, contrast, saturation : float, default=0.0
        Factors from ``1 - value`` to ``1 + value``, for values up to 1. They multiply the pixels,
        their distance from the image's mean gray, and their distance from their own gray.

    Raises
    ------
    ValueError
        When fields are out of range; one message names all of them.
    """

    rotation: float = 0.0
    shift: float = 0.0
    shear: float = 0.0
    zoom: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    fill: str = "nearest"
    fill_value: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    def __post_init__(self):
        faults = [
            f"{name}={shown(getattr(self, name))} must be {words}"
            for name, (holds, words) in _EXPECTED.items()
            if not holds(getattr(self, name))
        ]
        if faults:
            raise ValueError(f"An augmentation cannot be used: {'; '.join(faults)}.")

    @property
    def moves(self):
        """Whether any of the geometry may change."""
        names = "rotation", "shift", "shear", "zoom", "horizontal_flip", "vertical_flip"
        return any(getattr(self, name) for name in names)


def _up_to(limit, *, closed=True):
    """A test for numbers from 0 to a limit, and its words."""

    def holds(value):
        return isinstance(value, Real) and 0 <= value <= limit and (closed or value < limit)

    return holds, f"a number from 0{' to' if closed else ', less than'} {limit:g}"


_YES_OR_NO = (lambda value: isinstance(value, (bool, np.bool_)), "True or False")

_EXPECTED = {
    "rotation": _up_to(180),
    "shift": _up_to(1),
    "shear": _up_to(90, closed=False),
    "zoom": _up_to(1, closed=False),
    "horizontal_flip": _YES_OR_NO,
    "vertical_flip": _YES_OR_NO,
    "fill": (lambda value: isinstance(value, str) and value in FILLS, f"one of {shown(FILLS)}"),
    "fill_value": _up_to(1),
    "brightness": _up_to(1),
    "contrast": _up_to(1),
    "saturation": _up_to(1),
}


def read_augmentation(augment):
    """Return the parameter `augment`, a dict of fields or an `Augmentation`, as one, or None."""
    if augment is None or isinstance(augment, Augmentation):
        return augment
    if not isinstance(augment, Mapping):
        raise TypeError(
            f"augment={shown(augment)} is no augmentation: expected None, a dict such as "
            "{'rotation': 10, 'horizontal_flip': True}, or an Augmentation."
        )
    known = [field.name for field in fields(Augmentation)]
    unknown = [name for name in augment if name not in known]
    if unknown:
        near = get_close_matches(str(unknown[0]), known, n=1)
        hint = f"did you mean {shown(near[0])}? " if near else ""
        raise ValueError(
            f"augment has the unknown keys {shown(unknown)}: {hint}Known are {', '.join(known)}."
        )
    return Augmentation(**augment)


@dataclass(frozen=True)
class View:
    """One random view of every image: the same again for the same seed, number and content.

    `number` is that of the view, or of the epoch.
    """

    augmentation: Augmentation
    seed: int
    number: int

    def key(self):
        """Return bytes that identify this view, for a cache."""
        return repr((_VERSION, self)).encode()

    def many(self, images, digests):
        """Change images (n, h, w, c), float32 in [0, 1], by the digests of their contents.

        An image gets the same bits alone as among others.
        """
        if not len(images):
            return images
        drawn = dict(zip(_DRAWN, self._draw(digests), strict=False))
        if self.augmentation.moves:
            images = self._move(images, drawn)
        factors = {
            name: 1.0 + getattr(self.augmentation, name) * _sides(drawn[name])
            for name in ("brightness", "contrast", "saturation")
            if getattr(self.augmentation, name)
        }
        return recolour_images(images, **factors) if factors else images

    def _move(self, images, drawn):
        limits = self.augmentation
        matrices = inverse_affine(
            rotation=np.deg2rad(limits.rotation * _sides(drawn["rotation"])),
            shear=np.deg2rad(limits.shear * _sides(drawn["shear"])),
            zoom=1.0 + limits.zoom * _sides(drawn["zoom"]),
            flip_rows=limits.vertical_flip & (drawn["flip_rows"] < 0.5),
            flip_columns=limits.horizontal_flip & (drawn["flip_columns"] < 0.5),
        )
        shifts = limits.shift * _sides(np.stack([drawn["down"], drawn["across"]], axis=1))
        shifts = shifts * images.shape[1:3]
        return warp_images(images, matrices, shifts, fill=limits.fill, fill_value=limits.fill_value)

    def _draw(self, digests):
        """Numbers in [0, 1): a row for each number of a draw, a column for each image."""
        bits = [hashlib.blake2b(digest, key=self._hash_key).digest() for digest in digests]
        words = np.frombuffer(b"".join(bits), dtype="<u4").reshape(len(bits), -1)
        return words.T / 2.0**32

    @cached_property
    def _hash_key(self):
        return hashlib.blake2b(repr((self.seed, self.number)).encode()).digest()


def _sides(shares):
    """From [0, 1) to [-1, 1)."""
    return 2.0 * shares - 1.0
