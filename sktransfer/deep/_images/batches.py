"""From the user's X to the batches that a network takes."""

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sktransfer.deep._cache.file_digest import known_digest, remember_digest, signature
from sktransfer.deep._images.decode import decode, dtype_range, open_picture
from sktransfer.deep._images.digest import digest, digest_pixels
from sktransfer.deep._images.faults import Fault, Unreadable, find_fault, raise_faults
from sktransfer.deep._images.network_input import network_input, uncut
from sktransfer.deep._images.other_scale import warn_of_other_scale
from sktransfer.deep._images.sources import import_pillow, is_encoded, load
from sktransfer.deep._images.stream import n_threads, ordered_map

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

    Reading runs in threads beside whoever takes the batches, about one batch ahead.

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


def find_unreadable(X, n_jobs=None, *, image_format=None):
    """Decode all images of X, in threads, and list those that cannot be read.

    Parameters
    ----------
    X : ndarray of 2, 3 or 4 dimensions, or list
        What `validate_images` returned.
    n_jobs : int or None, default=None
        The number of threads.
    image_format : ImageFormat or None, default=None
        If given, pixels whose range nothing says are faults, too.

    Returns
    -------
    faults : list of Fault
    """
    if not isinstance(X, list):
        bad = np.flatnonzero(~_are_finite(X))
        return [Fault(int(position), None, "contains NaN or infinity") for position in bad]
    import_pillow()
    threads = n_threads(n_jobs)
    find = partial(_fault_of, image_format=image_format)
    found = ordered_map(find, enumerate(X), n_threads=threads, look_ahead=4 * threads)
    return [fault for fault in found if fault is not None]


def _fault_of(numbered, *, image_format):
    position, item = numbered
    try:
        pixels, implied = decode(item)
        if image_format is not None:
            image_format.require_range(pixels.dtype, implied)
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
    joined = parts[0] if len(parts) == 1 else _joined(parts)
    return joined[:n_rows], [joined[n_rows:]] if len(joined) > n_rows else []


def _joined(parts):
    """Put parts together; those that are all of one array, in its order, are that array."""
    whole = parts[0].base
    of_one = whole is not None and all(part.base is whole for part in parts)
    if of_one and sum(map(len, parts)) == len(whole):
        return whole
    return np.concatenate(parts)


class Recycled:
    """Memory of batches that have been used, for those to come.

    The system hands new memory out page by page, which takes as long as making a batch of bytes.
    """

    def __init__(self):
        self._free = []

    def take(self, shape):
        """An array of this shape, float32, with any values."""
        place = next((i for i, batch in enumerate(self._free) if batch.shape == shape), None)
        return np.empty(shape, np.float32) if place is None else self._free.pop(place)

    def give(self, batch):
        """Let a batch that `gather` has yielded be written over."""
        whole = batch if batch.base is None else batch.base
        if batch.shape == whole.shape:
            self._free.append(whole)


def read_slices(
    X,
    *,
    image_format,
    preprocessing,
    batch_size,
    n_jobs=None,
    augmented=None,
    choose=None,
    recycled=None,
    positions=None,
):
    """Read images in threads, a few at a time, in the order of X.

    Parameters
    ----------
    X : ndarray of 2, 3 or 4 dimensions, or list
        What `validate_images` returned.
    image_format : ImageFormat
    preprocessing : Preprocessing
    batch_size : int
        About one batch is read ahead: more would take memory, and new memory takes time.
    n_jobs : int or None, default=None
        The number of threads, as for the network.
    augmented : callable or None, default=None
        Changes images with values in [0, 1]: ``augmented.many(images, digests)``.
    choose : callable or None, default=None
        ``choose(positions, digests, value_range)`` returns a bool for each image: whether its
        input is wanted. It is called in the threads, before anything is decoded. `value_range`
        is the one that the pixels are read with, or None where the file decides.
    recycled : Recycled or None, default=None
        Where memory for batches is taken from.
    positions : sequence of int or None, default=None
        The images of a list that are to be read; None: all of X.

    Returns
    -------
    slices : generator of Slice
    """
    is_list = isinstance(X, list)
    positions = range(len(X)) if positions is None else positions
    if is_list:
        import_pillow()
    threads = n_threads(n_jobs)
    if is_list:
        step = max(1, min(FILES_AT_ONCE, batch_size // threads, -(-len(positions) // threads)))
    else:
        step = max(1, VALUES_AT_ONCE // max(X[0].size, np.prod(preprocessing.size)))
        if step > batch_size:
            step -= step % batch_size
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
        _share_memory(
            positions, max(step, batch_size), step, preprocessing, recycled or Recycled()
        ),
        n_threads=threads if len(positions) > step else 0,
        look_ahead=max(2 * threads, -(-batch_size // step)),
    )


def _share_memory(positions, batch_size, step, preprocessing, recycled):
    """Which images each slice reads, and where to: the slices of a batch lie side by side."""
    shape = preprocessing.channels, *preprocessing.size
    for start in range(0, len(positions), batch_size):
        rows = positions[start : start + batch_size]
        batch = recycled.take((len(rows), *shape))
        for begin in range(0, len(rows), step):
            yield rows[begin : begin + step], batch[begin : begin + step]


def _read_slice(X, task, *, image_format, preprocessing, augmented, choose):
    positions, out = task
    if isinstance(positions, range):
        images = X[positions.start : positions.stop]
    else:
        images = [X[position] for position in positions]
    stacked = image_format.stack(images)
    about = image_format, preprocessing, augmented, choose
    if not isinstance(stacked, np.ndarray):
        return _read_items(stacked, positions, out, *about)
    try:
        return _read_finite(stacked, positions, out, *about)
    except Unreadable:
        if not isinstance(X, list):
            raise
        return _read_items(images, positions, out, *about)


def _read_finite(images, positions, out, *about):
    """Read an array, and leave out the images in it that hold NaN or infinity."""
    finite = _are_finite(images)
    if finite.all():
        return _read_array(images, positions, out, *about)
    faults = [
        Fault(position, None, "contains NaN or infinity")
        for position, good in zip(positions, finite, strict=True)
        if not good
    ]
    good = np.flatnonzero(finite)
    places = [positions[place] for place in good]
    if not places:
        return Slice([], None, faults)
    part = _read_array(images[good], places, out, *about)
    return replace(part, faults=faults)


def _are_finite(images):
    """Tell of each image whether all its values are finite."""
    flat = images.reshape(len(images), -1)
    if images.dtype.kind != "f":
        return np.ones(len(images), dtype=bool)
    # The smallest and the largest value are NaN if one is.
    return np.isfinite(flat.min(axis=1)) & np.isfinite(flat.max(axis=1))


def _read_array(images, positions, out, image_format, preprocessing, augmented, choose):
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
    images = image_format.to_input(images, implied)
    if augmented:
        images = augmented.many(uncut(images, preprocessing), digests)
    inputs = network_input(images, preprocessing, out=_if_whole(out, len(images)))
    return Slice(list(positions), inputs, [])


def _if_whole(out, n_images):
    """The memory beside the other slices; of their own, where some images are left out."""
    return out if len(out) == n_images else None


def _read_items(items, positions, out, image_format, preprocessing, augmented, choose):
    """Files and the like: hash what is in them, and decode those that are wanted one by one."""
    faults, sources = [], []
    for position, item in zip(positions, items, strict=True):
        try:
            sources.append((position, item, *_load_and_hash(item, choose or augmented)))
        except Unreadable as reason:
            faults.append(find_fault(item, position, reason))
    if choose and sources:
        places, _, _, digests = zip(*sources, strict=True)
        wanted = choose(places, digests, image_format.range_of(None))
        sources = [source for source, want in zip(sources, wanted, strict=True) if want]
    whole = _if_whole(out, len(sources))
    inputs = np.empty((len(sources), *out.shape[1:]), np.float32) if whole is None else whole
    done = []
    for position, item, source, own in sources:
        target = inputs[len(done) : len(done) + 1]
        try:
            source = _load_as_hashed(item, own) if source is None else source
            picture, implied = open_picture(source, preprocessing=preprocessing)
            if implied is None and is_encoded(item):
                warn_of_other_scale([picture], image_format)
            images = image_format.to_input(picture, implied)
            images = images[np.newaxis] if isinstance(images, np.ndarray) else [images]
            if augmented:
                images = augmented.many(uncut(images, preprocessing), [own])
            network_input(images, preprocessing, out=target)
        except Unreadable as reason:
            faults.append(find_fault(item, position, reason))
        except MemoryError:
            reason = "the picture needs more memory than there is"
            faults.append(find_fault(item, position, reason))
        else:
            done.append(position)
    faults.sort()
    return Slice(done, inputs[: len(done)] if done else None, faults)


def _load_and_hash(item, is_hashed):
    """The content of an item and its digest; no content where the digest is known without it."""
    if not is_hashed:
        return load(item), None
    own = known_digest(item)
    if own is not None:
        return None, own
    before = signature(item)
    source = load(item)
    own = digest(source)
    remember_digest(item, before, own)
    return source, own


def _load_as_hashed(item, own):
    """The content of a file whose digest was known; it has not changed since."""
    source = load(item)
    if digest(source) != own:
        raise Unreadable("changed while it was read")
    return source
