"""From pixels to the input of a network: size, colors, and the scale that it was trained with."""

import math
import warnings
from dataclasses import replace

import numpy as np

from sktransfer._kernels.resize import resize_images
from sktransfer._kernels.warp import LUMA

# Up to so many pixels a picture is resized whole and then cut, to Pillow's very bits. Of a larger
# one only the middle is computed; Pillow may then take rows before columns, and a level moves.
RESIZED_WHOLE = 2**20


def network_input(images, preprocessing, *, out=None):
    """Make images of one size the input of a network: (n, channels, H, W), float32, C-contiguous.

    The images are an array (n, h, w, c), float32 in [0, 1] or uint8, or a list of Pillow images of
    mode "L" or "RGB", of any sizes. A large photograph is therefore resized before it becomes an
    array. The result goes to `out`, if given.

    A network for color sees pictures of 8 bits as in its training: resized by Pillow and rounded to
    8 bits again. Values in [0, 1] that are multiples of 1/255 are such pictures, too, and give the
    same bits. All else is resized in floating point. An image gives the same bits alone as among
    others. The costly parts run without Python's lock, so that threads pay.
    """
    shape = (len(images), preprocessing.channels, *preprocessing.size)
    batch = np.empty(shape, dtype=np.float32) if out is None else out
    if preprocessing.channels == 1 and isinstance(images, list):
        for image, target in zip(images, batch, strict=True):
            network_input(_planes_last(image)[np.newaxis], preprocessing, out=target[np.newaxis])
        return batch
    if preprocessing.channels == 1:
        batch[:] = _resized(_as_unit(images), preprocessing)
        batch -= np.float32(preprocessing.mean[0])
        batch /= np.float32(preprocessing.std[0])
        return batch
    for image, target in zip(images, batch, strict=True):
        pixels = as_bytes(image)
        if pixels is None:
            _scale_into(target, _resized(image[np.newaxis], preprocessing)[0], preprocessing, 1)
        else:
            planes = np.moveaxis(_pillow_resized(pixels, preprocessing), -1, 0)
            _scale_into(target, planes, preprocessing, 255)
    return batch


def network_bytes(images, preprocessing, out):
    """Resize pictures for a network for color, and leave their values bytes: (n, 3, H, W), uint8.

    Returns False, with any values in `out`, if a picture has more than 8 bits. `scale_bytes` makes
    of the result that of `network_input`, to the bit.
    """
    for image, target in zip(images, out, strict=True):
        pixels = as_bytes(image)
        if pixels is None:
            return False
        _put_planes(
            target, np.moveaxis(_pillow_resized(pixels, preprocessing), -1, 0), preprocessing
        )
    return True


def scale_bytes(batch, preprocessing):
    """Scale the result of `network_bytes` as a network for color wants it, in float32."""
    factors, shifts = scaling(preprocessing, 255)
    scaled = batch.astype(np.float32)
    scaled *= factors[:, np.newaxis, np.newaxis]
    scaled -= shifts[:, np.newaxis, np.newaxis]
    return scaled


def scaling(preprocessing, white):
    """Return float32 factors and shifts, by channel: the input is ``value * factor - shift``."""
    mean, std = np.array(preprocessing.mean), np.array(preprocessing.std)
    return np.float32(1 / (white * std)), np.float32(mean / std)


def uncut(images, preprocessing):
    """Shrink images to the size that a network needs, with their proportions and their edges.

    Random views of a photograph cost time in proportion to its pixels, most of which are then
    discarded. Smaller images are not changed, and neither is the result of `network_input`. The
    result is (n, h, w, c), float32 in [0, 1].
    """
    first = images[0]
    shape = first.shape[:2] if isinstance(first, np.ndarray) else first.size[::-1]
    size, _ = resize_plan(shape, with_proportions(preprocessing))
    if size[0] >= shape[0]:
        return _as_unit(np.stack([_planes_last(image) for image in images]))
    whole = replace(preprocessing, size=size, crop=None)
    return np.stack([_shrunk(image, whole) for image in images])


def with_proportions(preprocessing):
    """Return the preprocessing by which `uncut` shrinks: an image is not squashed."""
    return replace(preprocessing, crop=preprocessing.crop or 1.0)


def _shrunk(image, whole):
    pixels = as_bytes(image)
    if pixels is None:
        resized = resize_images(image[np.newaxis], size=whole.size, method=whole.resize)[0]
        return np.clip(resized, 0.0, 1.0, out=resized)  # bicubic overshoots
    return _as_unit(_pillow_resized(pixels, whole))


def _scale_into(target, planes, preprocessing, white):
    """Write (value / white - mean) / std into the planes of a network's input, one by one."""
    _put_planes(target, planes, preprocessing)
    for plane, factor, shift in zip(target, *scaling(preprocessing, white), strict=True):
        plane *= factor
        plane -= shift


def _put_planes(target, planes, preprocessing):
    """Copy planes of gray or color in the order of the network's channels."""
    order = (0, 1, 2) if preprocessing.channel_order == "rgb" else (2, 1, 0)
    for plane, channel in zip(target, order, strict=True):
        np.copyto(plane, planes[channel if len(planes) == 3 else 0])


def as_bytes(image):
    """Return an image with values in [0, 1] as bytes, if it has no more than 8 bits; else None."""
    if not isinstance(image, np.ndarray) or image.dtype == np.uint8:
        return image
    # Most deeper images show it in their first row.
    for part in (image[:1], image):
        levels = np.rint(part * np.float32(255))
        if not np.array_equal(levels / np.float32(255), part):
            return None
    return levels.astype(np.uint8)


def _as_unit(images):
    return images / np.float32(255) if images.dtype == np.uint8 else images


def resize_plan(shape, preprocessing):
    """Return the size that an image gets, and the part (top, left, height, width) of it.

    With ``crop`` the proportions stay, up to a pixel: the longer side is rounded down.
    """
    (h, w), (height, width) = shape, preprocessing.size
    if preprocessing.crop is None:
        return (height, width), (0, 0, height, width)
    least_h, least_w = (round(side / preprocessing.crop) for side in (height, width))
    if least_h * w >= least_w * h:
        size = (least_h, least_h * w // h)
    else:
        size = (least_w * h // w, least_w)
    top, left = round((size[0] - height) / 2), round((size[1] - width) / 2)
    return size, (top, left, height, width)


def _resized(images, preprocessing):
    """Resize in floating point; planes (n, channels, H, W)."""
    size, box = resize_plan(images.shape[1:3], preprocessing)
    resized = resize_images(images, size=size, method=preprocessing.resize, box=box)
    return to_channels(resized, preprocessing.channels)


def _pillow_resized(pixels, preprocessing):
    """Resize a picture of bytes (h, w, c), or one of Pillow's, as Pillow does."""
    with warnings.catch_warnings():
        from PIL import Image
    shape = pixels.shape[:2] if isinstance(pixels, np.ndarray) else pixels.size[::-1]
    size, (top, left, height, width) = resize_plan(shape, preprocessing)
    middle = np.s_[top : top + height, left : left + width]
    if size == shape:
        return _planes_last(pixels)[middle]
    method = pillow_filter(preprocessing)
    if isinstance(pixels, np.ndarray):
        pixels = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if max(math.prod(size), math.prod(shape)) <= RESIZED_WHOLE:
        return _planes_last(pixels.resize(size[::-1], method))[middle]
    rows, columns = (old / new for old, new in zip(shape, size, strict=True))
    # Rounding must not lead out of the picture.
    right = min((left + width) * columns, shape[1])
    bottom = min((top + height) * rows, shape[0])
    box = (left * columns, top * rows, right, bottom)
    return _planes_last(pixels.resize((width, height), method, box=box))


def pillow_filter(preprocessing):
    """Return the filter by which Pillow resizes."""
    from PIL import Image

    return {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}[preprocessing.resize]


def _planes_last(picture):
    pixels = np.asarray(picture)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def to_channels(images, channels):
    """Convert between gray and color, by the luma of ITU-R BT.601, and put the channels first."""
    planes = np.moveaxis(images, -1, 1)
    if planes.shape[1] == 3 and channels == 1:
        red, green, blue = (planes[:, i : i + 1] * LUMA[i] for i in range(3))
        planes = red + green + blue
    elif planes.shape[1] == 1 and channels == 3:
        planes = np.repeat(planes, 3, axis=1)
    return np.ascontiguousarray(planes)
