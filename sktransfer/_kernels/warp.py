"""Images moved by an affine map and recoloured, many of one size at once."""

import numpy as np
from scipy.ndimage import affine_transform

# ITU-R BT.601, the weights of red, green and blue in grey.
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def inverse_affine(*, rotation, shear, zoom, flip_rows, flip_columns):
    r"""Return the origin of the pixels of a transformed image: one matrix per image.

    An image is mirrored (F), turned counter-clockwise by :math:`\theta` (R), sheared by
    :math:`\sigma` (S) and enlarged by :math:`\zeta`, all about its centre. The pixel at ``(row,
    column)``, counted from the centre, is taken from

    .. math:: F \begin{pmatrix} \cos\theta & \sin\theta \\ -\sin\theta & \cos\theta \end{pmatrix}
              \begin{pmatrix} 1 & 0 \\ -\tan\sigma & 1 \end{pmatrix} \zeta^{-1}
              \begin{pmatrix} row \\ column \end{pmatrix}.

    Parameters
    ----------
    rotation, shear : ndarray of shape (n,)
        Angles in radians.
    zoom : ndarray of shape (n,)
        More than 1 enlarges.
    flip_rows, flip_columns : ndarray of shape (n,), bool
        Mirrored upside down, and left to right.

    Returns
    -------
    matrices : ndarray of shape (n, 2, 2), float64
    """
    cos, sin, slope = np.cos(rotation), np.sin(rotation), np.tan(shear)
    matrices = np.empty((len(rotation), 2, 2))
    matrices[:, 0, 0], matrices[:, 0, 1] = cos - sin * slope, sin
    matrices[:, 1, 0], matrices[:, 1, 1] = -sin - cos * slope, cos
    signs = np.where(np.stack([flip_rows, flip_columns], axis=1), -1.0, 1.0)
    return matrices * (signs / np.asarray(zoom)[:, None])[:, :, None]


def warp_images(images, matrices, shifts, *, fill="nearest", fill_value=0.0):
    """Move images of one size by affine maps, with bilinear interpolation.

    The pixel at ``p`` becomes the value at ``matrix @ (p - centre - shift) + centre``.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, c), float32
    matrices : ndarray of shape (n, 2, 2)
        As `inverse_affine` returns them.
    shifts : ndarray of shape (n, 2)
        Down and to the right, in pixels.
    fill : {"nearest", "constant", "reflect"}, default="nearest"
        The value outside of the image: the nearest pixel of its edge, `fill_value`, or its mirror
        image, with the edge pixel twice (d c b a | a b c d | d c b a).
    fill_value : float, default=0.0
        For "constant".

    Returns
    -------
    moved : ndarray of shape (n, h, w, c), float32
        An image gives the same bits alone as among others, and itself under the identity.
    """
    moved = np.empty(images.shape, dtype=np.float32)
    centre = (np.array(images.shape[1:3]) - 1) / 2
    mode = "grid-constant" if fill == "constant" else fill
    for image, out, matrix, shift in zip(images, moved, matrices, shifts, strict=True):
        offset = centre - matrix @ (centre + shift)
        for channel in range(images.shape[3]):
            affine_transform(
                image[..., channel],
                matrix,
                offset,
                output=out[..., channel],
                order=1,
                mode=mode,
                cval=fill_value,
            )
    return moved


def recolour_images(images, *, brightness=None, contrast=None, saturation=None):
    """Scale brightness, then contrast about the mean grey, then saturation about each grey.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, c), float32 in [0, 1], c in 1, 3
    brightness, contrast, saturation : ndarray of shape (n,) or None
        Factors; 1 changes nothing, None skips the step. 0 gives black, the mean grey, and grey.

    Returns
    -------
    recoloured : ndarray of shape (n, h, w, c), float32 in [0, 1]
    """
    images = images.astype(np.float32)
    if brightness is not None:
        images *= _per_image(brightness)
    if contrast is not None:
        mean = _per_image(_grey(images).reshape(len(images), -1).mean(axis=1))
        _scale_about(images, mean, contrast)
    if saturation is not None and images.shape[-1] == 3:
        _scale_about(images, _grey(images), saturation)
    return np.clip(images, np.float32(0), np.float32(1), out=images)


def _scale_about(images, greys, factors):
    """Scale the distances of pixels from greys, in place."""
    images -= greys
    images *= _per_image(factors)
    images += greys


def _per_image(values):
    return np.asarray(values, dtype=np.float32)[:, None, None, None]


def _grey(images):
    if images.shape[-1] == 1:
        return images
    grey, green, blue = (images[..., i : i + 1] * LUMA[i] for i in range(3))
    grey += green
    grey += blue
    return grey
