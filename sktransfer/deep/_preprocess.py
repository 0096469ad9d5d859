"""From the user's X to the batches that a network takes."""

from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.utils import gen_batches

from sktransfer.deep._decode import (
    Unreadable,
    decode,
    dtype_range,
    find_fault,
    import_pillow,
    load,
    raise_faults,
)
from sktransfer.deep._digest import digest, digest_pixels
from sktransfer.deep._network_input import network_input
from sktransfer.deep._onnx_engine import n_threads
from sktransfer.deep._stream import ordered_map

# How many values of pixels are scaled and resized in one go.
VALUES_AT_ONCE = 2**21

# How many files a thread reads in one go, so that handing them over costs nothing.
FILES_AT_ONCE = 16


@dataclass
class Slice:
    """What was read of a few neighbouring images.

    Parameters
    ----------
    positions : list of int
        Those of X whose inputs follow.
    inputs : ndarray of shape (len(positions), channels, h, w), float32, or None
        What the network takes; None where nothing is to be computed.
    faults : list of Fault
        What could not be read.
    """

    positions: list
    inputs: np.ndarray | None
    faults: list


def n_images(X):
    """Return the number of images in validated X."""
    return len(X)


def image_batches(X, *, image_format, preprocessing, batch_size, n_jobs=None):
    """Read images and make them the input of a network, batch by batch.

    Reading runs in threads beside whoever takes the batches, at most two batches ahead.

    Parameters
    ----------
    X : ndarray of 2, 3 or 4 dimensions, or list
        What `validate_images` returned.
    image_format : ImageFormat
        How its pixels are read.
    preprocessing : Preprocessing
        What the network wants.
    batch_size : int
        The number of images in a batch; the last one may have fewer.
    n_jobs : int or None, default=None
        The number of threads, as for the network.

    Yields
    ------
    batch : ndarray of shape (b, channels, h, w), float32
        C-contiguous. An image gives the same bits in any batch.

    Raises
    ------
    ValueError
        When images cannot be read; one message lists all of X, with the reasons.
    """
    faults = []
    slices = read_slices(
        X,
        image_format=image_format,
        preprocessing=preprocessing,
        batch_size=batch_size,
        n_jobs=n_jobs,
    )
    with closing(slices), closing(gather(slices, batch_size=batch_size, faults=faults)) as batches:
        for _, batch in batches:
            yield batch
    raise_faults(faults, len(X))


def find_unreadable(X, n_jobs=None):
    """Decode all images of X, in threads, and list those that cannot be read.

    Parameters
    ----------
    X : ndarray of 2, 3 or 4 dimensions, or list
        What `validate_images` returned.
    n_jobs : int or None, default=None
        The number of threads.

    Returns
    -------
    faults : list of Fault
    """
    if not isinstance(X, list):
        return []
    import_pillow()
    threads = n_threads(n_jobs)
    found = ordered_map(_fault_of, enumerate(X), n_threads=threads, look_ahead=4 * threads)
    return [fault for fault in found if fault is not None]


def _fault_of(numbered):
    position, item = numbered
    try:
        decode(item)
    except Unreadable as reason:
        return find_fault(item, position, reason)
    return None


def gather(slices, *, batch_size, faults, stop_at_faults=True):
    """Put what was read together into batches of one size.

    Parameters
    ----------
    slices : iterable of Slice
    batch_size : int
    faults : list
        Those of the slices are added to it.
    stop_at_faults : bool, default=True
        Whether the first fault ends the batches; the other slices are still asked for theirs.

    Yields
    ------
    positions : list of int
    batch : ndarray of shape (b, channels, h, w), float32
    """
    positions, parts = [], []
    for part in slices:
        faults += part.faults
        if part.inputs is None or (faults and stop_at_faults):
            continue
        positions += part.positions
        parts.append(part.inputs)
        while len(positions) >= batch_size:
            batch, parts = _split(parts, batch_size)
            yield positions[:batch_size], batch
            positions = positions[batch_size:]
    if positions and not (faults and stop_at_faults):
        yield positions, _split(parts, batch_size)[0]


def _split(parts, n_rows):
    joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return joined[:n_rows], [joined[n_rows:]] if len(joined) > n_rows else []


def read_slices(
    X, *, image_format, preprocessing, batch_size, n_jobs=None, augmented=None, choose=None
):
    """Read images in threads, a few at a time, in the order of X.

    Parameters
    ----------
    X : ndarray of 2, 3 or 4 dimensions, or list
        What `validate_images` returned.
    image_format : ImageFormat
    preprocessing : Preprocessing
    batch_size : int
        About two batches are read ahead.
    n_jobs : int or None, default=None
        The number of threads, as for the network.
    augmented : callable or None, default=None
        Changes images with values in [0, 1]: ``augmented.many(images, digests)``.
    choose : callable or None, default=None
        ``choose(positions, digests, value_range)`` returns a bool for each image: whether its
        input is wanted. It is called in the threads, before anything is decoded. `value_range`
        is the one that the pixels are read with, or None where the file decides.

    Returns
    -------
    slices : generator of Slice
    """
    is_list = isinstance(X, list)
    if is_list:
        import_pillow()
    threads = n_threads(n_jobs)
    if is_list:
        step = max(1, min(FILES_AT_ONCE, batch_size // threads, -(-len(X) // threads)))
    else:
        step = max(1, VALUES_AT_ONCE // max(X[0].size, np.prod(preprocessing.size)))
    read = partial(
        _read_slice,
        X,
        image_format=image_format,
        preprocessing=preprocessing,
        augmented=augmented,
        choose=choose,
    )
    return ordered_map(
        read,
        gen_batches(len(X), step),
        n_threads=threads if len(X) > step else 0,
        look_ahead=max(threads, 2 * batch_size // step),
    )


def _read_slice(X, rows, *, image_format, preprocessing, augmented, choose):
    images = image_format.stack(X[rows])
    positions = range(rows.start, rows.start + len(images))
    if isinstance(images, np.ndarray):
        return _read_array(images, positions, image_format, preprocessing, augmented, choose)
    return _read_items(images, positions, image_format, preprocessing, augmented, choose)


def _read_array(images, positions, image_format, preprocessing, augmented, choose):
    implied = dtype_range(images.dtype)
    digests = None
    if choose or augmented:
        digests = digest_pixels(images)
    if choose:
        chosen = np.flatnonzero(choose(positions, digests, image_format.range_of(implied)))
        if len(chosen) < len(images):
            images = images[chosen]
            digests = [digests[i] for i in chosen]
            positions = [positions[i] for i in chosen]
    if not len(images):
        return Slice([], None, [])
    images = image_format.to_unit(images, implied)
    if augmented:
        images = augmented.many(images, digests)
    return Slice(list(positions), network_input(images, preprocessing), [])


def _read_items(items, positions, image_format, preprocessing, augmented, choose):
    """Files and the like: hash what is in them, and decode those that are wanted one by one."""
    faults, sources = [], []
    for position, item in zip(positions, items, strict=True):
        try:
            source = load(item)
            sources.append((position, source, digest(source) if choose or augmented else None))
        except Unreadable as reason:
            faults.append(find_fault(item, position, reason))
    if choose and sources:
        places, _, digests = zip(*sources, strict=True)
        wanted = choose(places, digests, image_format.range_of(None))
        sources = [source for source, want in zip(sources, wanted, strict=True) if want]
    done, inputs = [], []
    for position, source, own in sources:
        try:
            pixels, implied = decode(source)
        except Unreadable as reason:
            faults.append(find_fault(items[position - positions[0]], position, reason))
            continue
        images = image_format.to_unit(pixels, implied)[np.newaxis]
        if augmented:
            images = augmented.many(images, [own])
        done.append(position)
        inputs.append(network_input(images, preprocessing))
    faults.sort()
    return Slice(done, np.concatenate(inputs) if inputs else None, faults)
