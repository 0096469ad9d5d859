"""Images moved by an affine map and recoloured, many of one size at once."""

import numpy as np

# ITU-R BT.601, the weights of red, green and blue in grey.
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

# Pixel values that are moved in one go: more would leave the processor's cache.
_VALUES_AT_ONCE = 2**15

# Rows and columns around an image: one before, two after.
_FRAME = 3


def inverse_affine(*, rotation, shear, zoom, flip_rows, flip_columns):
    r"""Where the pixels of a moved image come from: one matrix an image.

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
        As `inverse_affine` makes them.
    shifts : ndarray of shape (n, 2)
        Down and to the right, in pixels.
    fill : {"nearest", "constant", "reflect"}, default="nearest"
        What lies outside of the image: the nearest pixel of its edge, `fill_value`, or its mirror
        image, with the edge pixel twice (d c b a | a b c d | d c b a).
    fill_value : float, default=0.0
        For "constant".

    Returns
    -------
    moved : ndarray of shape (n, h, w, c), float32
        An image gives the same bits alone as among others, and itself under the identity.
    """
    n, h, w, c = images.shape
    moved = np.empty(images.shape, dtype=np.float32)
    step = max(1, _VALUES_AT_ONCE // (h * w * c))
    band = max(1, _VALUES_AT_ONCE // (w * c))
    for first in range(0, n, step):
        some = slice(first, first + step)
        framed = _framed(images[some], fill, fill_value)
        for top in range(0, h, band):
            rows = np.arange(top, min(top + band, h))
            moved[some, top : top + band] = _warp(framed, rows, matrices[some], shifts[some], fill)
    return moved


def _warp(framed, rows, matrices, shifts, fill):
    """Some rows of the moved images, from framed ones."""
    n, height, width, c = framed.shape
    h, w = height - _FRAME, width - _FRAME
    down, across = _sources(matrices, shifts, rows, h, w)
    if fill == "reflect":
        down, across = _mirrored(down, h), _mirrored(across, w)
    reach = 1.0 if fill == "constant" else 0.5 if fill == "reflect" else 0.0
    # With a frame around it every pixel has the same three neighbours: one list of places, read
    # from four beginnings, finds them all.
    top, down = _split(down, -reach, h - 1 + reach)
    left, across = _split(across, -reach, w - 1 + reach)
    top *= width
    top += left
    top += (np.arange(n) * (height * width))[:, None, None]
    pixels = framed.reshape(-1, c)
    corners = [pixels[first:].take(top, axis=0) for first in (0, 1, width, width + 1)]
    upper = _between(corners[0], corners[1], across)
    lower = _between(corners[2], corners[3], across)
    return _between(upper, lower, down)


def _framed(images, fill, fill_value):
    """The images with one pixel before and two after each axis: of their edge, or of a value."""
    n, h, w, c = images.shape
    framed = np.full((n, h + _FRAME, w + _FRAME, c), np.float32(fill_value))
    framed[:, 1 : h + 1, 1 : w + 1] = images
    if fill != "constant":
        framed[:, 0], framed[:, h + 1 :] = framed[:, 1], framed[:, h : h + 1]
        framed[:, :, 0], framed[:, :, w + 1 :] = framed[:, :, 1], framed[:, :, w : w + 1]
    return framed


def _sources(matrices, shifts, rows, h, w):
    """The coordinates, two arrays (n, len(rows), w), that each pixel is taken from."""
    centre = (h - 1) / 2, (w - 1) / 2
    down = rows[:, None] - centre[0] - shifts[:, 0, None, None]
    across = np.arange(w) - centre[1] - shifts[:, 1, None, None]
    return tuple(
        matrices[:, axis, 0, None, None] * down
        + (matrices[:, axis, 1, None, None] * across + centre[axis])
        for axis in (0, 1)
    )


def _mirrored(places, n):
    """Coordinates folded into the image, -1/2 to n - 1/2."""
    folded = np.mod(places + 0.5, 2 * n)
    return np.minimum(folded, 2 * n - folded) - 0.5


def _split(places, low, high):
    """Coordinates, clipped, as the pixel of the frame before and the share of the way on."""
    np.clip(places, low, high, out=places)
    places += 1.0
    before = places.astype(np.intp)
    places -= before
    return before, places.astype(np.float32)[..., None]


def _between(first, second, share):
    """``first + share * (second - first)``, which a share of 0 leaves as it is; overwrites."""
    second -= first
    second *= share
    second += first
    return second


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
