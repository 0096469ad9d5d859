"""What an image is known by: a hash of its content."""

import hashlib

import numpy as np

from sktransfer.deep._cache.cache import memory
from sktransfer.deep._images.decode import turn_of, with_image
from sktransfer.deep._images.sources import is_pillow_image

SIZE = 16

# Below so many bytes a hash of one image costs more than the hashing.
SMALL_IMAGE = 8192


def digest(source):
    """Hash what `load` returned: equal contents have equal digests, wherever they come from.

    Parameters
    ----------
    source : bytes, bytearray, PIL.Image.Image or ndarray of shape (h, w, c)

    Returns
    -------
    digest : bytes of length 16

    Raises
    ------
    Unreadable
        When a Pillow image cannot be loaded.
    """
    if isinstance(source, np.ndarray):
        return digest_pixels(source[np.newaxis])[0]
    if is_pillow_image(source):
        return with_image(source, _digest_pillow)
    return _hash(b"file", source)


def digest_pixels(images):
    """Hash image arrays, shape and dtype included.

    Many small images are hashed as one first, and not one by one where the same array has been
    seen before: a search passes the same folds again and again.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, c)

    Returns
    -------
    digests : list of bytes of length 16
    """
    images = np.ascontiguousarray(images)
    start = _hasher(f"{images.shape[1:]}{images.dtype.str}".encode())
    if len(images) == 1 or images[0].nbytes > SMALL_IMAGE:
        return _digest_each(images, start)
    whole = start.copy()
    whole.update(images)
    key = b"digests" + whole.digest()
    (known,) = memory.get([key], len(images) * SIZE)
    if known is None:
        digests = _digest_each(images, start)
        memory.put([key], [np.frombuffer(b"".join(digests), dtype=np.uint8)])
        return digests
    joined = known.tobytes()
    return [joined[first : first + SIZE] for first in range(0, len(joined), SIZE)]


def _digest_each(images, start):
    digests = []
    for image in images:
        hasher = start.copy()
        hasher.update(image)
        digests.append(hasher.digest()[:SIZE])
    return digests


def _digest_pillow(image):
    """All that decides how a Pillow image, which is loaded, is decoded."""
    about = (
        image.mode,
        image.size,
        image.format,
        turn_of(image),
        image.info.get("transparency"),
        image.getpalette("RGBA") if image.mode in ("P", "PA") else None,
    )
    return _hash(repr(about).encode(), image.tobytes())


def _hash(kind, content):
    hasher = _hasher(kind)
    hasher.update(content)
    return hasher.digest()[:SIZE]


def _hasher(kind):
    return hashlib.sha256(kind, usedforsecurity=False)
