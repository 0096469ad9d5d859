"""How pixels are read: the shape of a row, black and white, and pixels in [0, 1]."""

import math
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from sktransfer._messages import shown, warn
from sktransfer.deep._images.decode import as_pixels
from sktransfer.deep._images.value_range import check_value_range, learn_range, scale_to_unit
from sktransfer.deep._items import Unreadable

LONGEST_SILENT_ROW = 64


@dataclass(frozen=True)
class ImageFormat:
    """How the pixels of X are to be read; learned once, in `fit`, so that folds agree.

    Parameters
    ----------
    image_shape : (int, int, int) or None
        Height, width and channels of a row of pixels; None: as the length of the row allows.
    value_range : (float, float) or None
        Black and white, for values whose dtype or file does not imply their range.
    imposed : bool
        Whether the user gave `value_range`, so that it holds for all values.
    """

    image_shape: tuple[int, int, int] | None
    value_range: tuple[float, float] | None
    imposed: bool = False

    def as_images(self, X):
        """Bring an array of 2, 3 or 4 dimensions into the shape (n, h, w, c)."""
        if X.ndim == 2:
            return X.reshape(len(X), *row_shape(X.shape[1], self.image_shape))
        return X[..., np.newaxis] if X.ndim == 3 else X

    def range_of(self, implied):
        """Return the values of black and white.

        Parameters
        ----------
        implied : (float, float) or None
            The range implied by the dtype or the file's mode.

        Returns
        -------
        value_range : (float, float) or None
            None if it is unknown.
        """
        return self.value_range if self.imposed else implied or self.value_range

    def require_range(self, dtype, implied):
        """Return the values of black and white, or raise `Unreadable` if nothing says them."""
        value_range = self.range_of(implied)
        if value_range is None:
            raise Unreadable(
                f"value_range=None: X holds pixels of dtype {dtype}, but fit has seen only images "
                "that imply their range; pass value_range=(low, high)."
            )
        return value_range

    def to_input(self, picture, implied):
        """Map pixels to [0, 1], unless they are bytes that `network_input` takes as they are.

        Parameters
        ----------
        picture : PIL.Image.Image of mode "L" or "RGB", or ndarray of shape (..., c)
        implied : (float, float) or None
            The range that the dtype or the file's mode implies.

        Returns
        -------
        images : PIL.Image.Image, or ndarray of shape (..., c), uint8 or float32, c in 1, 3
        """
        is_array = isinstance(picture, np.ndarray)
        of_bytes = not is_array or (picture.dtype == np.uint8 and picture.shape[-1] < 4)
        if of_bytes and self.range_of(implied) == (0, 255):
            return picture
        return self.to_unit(as_pixels(picture), implied)

    def to_unit(self, pixels, implied):
        """Map pixels to [0, 1].

        Transparent pixels are composed over white. Values outside of the range are clipped.

        Parameters
        ----------
        pixels : ndarray of shape (..., c), c in 1, 3, 4
        implied : (float, float) or None
            The range that their dtype or file's mode implies.

        Returns
        -------
        images : ndarray of shape (..., c), float32, c in 1, 3

        Raises
        ------
        Unreadable
            If black and white are unknown.
        """
        value_range = self.require_range(pixels.dtype, implied)
        images = scale_to_unit(pixels, value_range=value_range)
        if images.shape[-1] < 4:
            return images
        alpha = images[..., 3:]
        if self.imposed and implied:
            alpha = scale_to_unit(pixels[..., 3:], value_range=implied)
        return images[..., :3] * alpha + (1 - alpha)


def learn_image_format(blocks, row_length=None, *, image_shape=None, value_range=None):
    """Learn how the pixels of X are to be read; the parameters are those of the estimators.

    `blocks` are as for `learn_range`, and used if `value_range` is None. `row_length` is None if X
    has no rows of pixels.
    """
    shape = None
    if image_shape is not None or row_length is not None:
        shape = row_shape(row_length, image_shape)
        if image_shape is None and shape[0] == 1 and row_length > LONGEST_SILENT_ROW:
            warn(
                f"image_shape=None: a row of {row_length} pixels is no square and is read as an "
                "image of one row; pass image_shape=(h, w) or (h, w, c).",
                UserWarning,
            )
    if value_range is not None:
        return ImageFormat(shape, check_value_range(value_range), imposed=True)
    return ImageFormat(shape, learn_range(blocks))


def row_shape(length, image_shape):
    """Return height, width and channels of a row of pixels; a length of None is not compared."""
    if image_shape is None:
        side = math.isqrt(length)
        return (side, side, 1) if side * side == length else (1, length, 1)
    shape = tuple(image_shape) if np.iterable(image_shape) else ()
    if (
        len(shape) not in (2, 3)
        or not all(isinstance(n, Integral) and n > 0 for n in shape)
        or (len(shape) == 3 and shape[2] not in (1, 3, 4))
    ):
        raise ValueError(
            f"image_shape={shown(image_shape)} is no shape of an image: expected (h, w), or "
            "(h, w, c) with 1, 3 or 4 channels last."
        )
    if length is not None and math.prod(shape) != length:
        raise ValueError(
            f"image_shape={shown(image_shape)} holds {math.prod(shape)} values, but a row of X has "
            f"{length}: pass the shape that the rows had before they were flattened."
        )
    return (*map(int, shape), 1)[:3]
