"""Pictures that a user passed, read once: their format, their digests, and batches of them."""

import hashlib
from abc import abstractmethod
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sktransfer._messages import shortened
from sktransfer.deep._cache.file_digest import known, remember, signature
from sktransfer.deep._images.batching import Recycled, gather, share_memory
from sktransfer.deep._images.containers import validate_images
from sktransfer.deep._images.decode import (
    decode,
    depth_of,
    digest,
    digest_pixels,
    dtype_range,
    open_picture,
)
from sktransfer.deep._images.image_format import ImageFormat, learn_image_format
from sktransfer.deep._images.network_input import (
    network_bytes,
    network_input,
    scale_bytes,
    uncut,
    with_proportions,
)
from sktransfer.deep._images.sources import check_pixels, import_pillow, is_encoded, load
from sktransfer.deep._images.value_range import warn_of_other_scale
from sktransfer.deep._items import Fault, Items, Unreadable, path_of
from sktransfer.deep._threads import n_threads, ordered_map

# The number of pixel values that are scaled and resized in one go.
VALUES_AT_ONCE = 2**21

# The number of files that a thread reads in one go, so that handing them over costs nothing.
FILES_AT_ONCE = 16

# The number of files that are looked up in one go: their rows are in memory twice for a moment.
LOOKED_UP_AT_ONCE = 1024

# Arrays of a list that have together at most so many values are read as one array.
LARGEST_STACK = 2**21

# Of files of 16 bits `fit` decodes so many, to see whether they use their range.
DEEP_FILES = 8

NOT_FINITE = "contains NaN or infinity"


def read_pictures(X, estimator, *, reset, on_error="raise"):
    """Check X, and return its pictures; as for `InputDescription.read`.

    After a fit it warns of pixels on another scale than those of `fit`.
    """
    X = validate_images(estimator, X, reset=reset, on_error=on_error)
    format_ = None if reset else getattr(estimator, "image_format_", None)
    pictures = (ListOfPictures if isinstance(X, list) else ArrayOfPictures)(X, format_)
    if format_ is not None:
        warn_of_other_scale(pictures.by_dtype(), format_)
    return pictures


@dataclass(frozen=True, eq=False)
class Pictures(Items):
    """Pictures, and how their pixels are read; a format of None is not learned yet.

    `content` is the result of `validate_images`.
    """

    content: object
    format: ImageFormat | None = None
    positions: np.ndarray | None = None

    noun = "image"

    def __len__(self):
        return len(self.content)

    def take(self, rows):
        """Return some of the pictures."""
        positions = rows if self.positions is None else self.positions[rows]
        return replace(self, content=self._rows(rows), positions=positions)

    def learn(self, estimator, *, on_error="raise"):
        """Learn the format from the pixels, `image_shape` and `value_range`: `image_format_`."""
        format_ = learn_image_format(
            self._blocks(on_error),
            self.item_shape[0] if len(self.item_shape or ()) == 1 else None,
            image_shape=estimator.image_shape,
            value_range=estimator.value_range,
        )
        warn_of_other_scale(self.by_dtype(), format_)
        estimator.image_format_ = format_
        return replace(self, format=format_)

    def batches(self, inputs, run, faults, *, choose=None, view=None):
        """Read pictures in threads, about one batch ahead; arrays (b, channels, h, w).

        They are float32, or bytes for `scale_bytes` if the run allows it and all are of 8 bits.
        """
        reader = _Reader(self.format, inputs, choose, view)
        rows = self._left_to_read(reader)
        # A network for gray, and a view, compute in floating point.
        stay_bytes = run.as_bytes and inputs.channels == 3 and view is None
        threads = n_threads(run.n_jobs)
        recycled = Recycled(np.uint8 if stay_bytes else np.float32)
        step = self._step(len(rows), run.batch_size, threads, inputs)
        slices = ordered_map(
            partial(self._read, reader),
            share_memory(rows, max(step, run.batch_size), step, inputs, recycled),
            n_threads=threads if len(rows) > step else 0,
            # More than one batch would take memory, and new memory takes time.
            look_ahead=max(2 * threads, -(-run.batch_size // step)),
        )
        stop = run.on_error == "raise"
        batches = gather(
            slices,
            batch_size=run.batch_size,
            faults=faults,
            stop_at_faults=stop,
            scale=partial(scale_bytes, preprocessing=inputs),
        )
        with closing(slices), closing(batches):
            for positions, batch in batches:
                yield positions, batch
                recycled.give(batch)

    @abstractmethod
    def by_dtype(self):
        """Return the arrays among the pictures: a dict of dtype to a list of blocks (n, ...)."""

    @abstractmethod
    def _blocks(self, on_error):
        """Yield pixels (n, ...), the range that they imply, and whether they are of a file."""

    @abstractmethod
    def _rows(self, rows):
        """Return the content of some rows."""

    @abstractmethod
    def _left_to_read(self, reader):
        """Return the rows whose digest is not known yet."""

    @abstractmethod
    def _step(self, n_rows, batch_size, threads, inputs):
        """Return how many pictures a thread reads in one go."""

    @abstractmethod
    def _read(self, reader, task):
        """Return the `Slice` of a few rows, for which there is memory."""


class ArrayOfPictures(Pictures):
    """Pictures of one size in an array (n, d), (n, h, w) or (n, h, w, c)."""

    @property
    def item_shape(self):
        """The shape of a picture in X."""
        return self.content.shape[1:]

    def digest(self):
        """Hash shape, dtype and pixels."""
        X = self.content
        hasher = hashlib.sha256(f"{X.shape} {X.dtype.str}".encode())
        hasher.update(np.ascontiguousarray(X).view(np.uint8).reshape(-1))
        return hasher.hexdigest()

    def find_unreadable(self, estimator):
        """List the pictures with values that are not finite."""
        bad = np.flatnonzero(~are_finite(self.content))
        return [self.fault(int(row), NOT_FINITE) for row in bad]

    def by_dtype(self):
        """Return the array as one block."""
        return {self.content.dtype: [self.content]}

    def _blocks(self, on_error):
        yield self.content, dtype_range(self.content.dtype), False

    def _rows(self, rows):
        return self.content[rows]

    def _left_to_read(self, reader):
        return range(len(self))

    def _step(self, n_rows, batch_size, threads, inputs):
        step = max(1, VALUES_AT_ONCE // max(self.content[0].size, np.prod(inputs.size)))
        return step - step % batch_size if step > batch_size else step

    def _read(self, reader, task):
        rows, out = task
        images = self.format.as_images(self.content[rows.start : rows.stop])
        return reader.read_array(images, rows, out)


class ListOfPictures(Pictures):
    """Pictures in a list: paths, bytes, file objects, Pillow images or arrays."""

    def digest(self):
        """Hash files by their bytes, one after the other."""
        hasher = hashlib.sha256(b"items")
        for item in self.content:
            try:
                hasher.update(digest(load(item)))
            except Unreadable as reason:  # the fit will raise it
                hasher.update(str(reason).encode())
        return hasher.hexdigest()

    def find_unreadable(self, estimator):
        """Decode all pictures, in threads; after a fit, pixels must have a value range."""
        import_pillow()
        threads, format_ = n_threads(estimator.n_jobs), getattr(estimator, "image_format_", None)
        find = partial(self._fault_of, format_)
        found = ordered_map(find, range(len(self)), n_threads=threads, look_ahead=4 * threads)
        return [fault for fault in found if fault is not None]

    def _fault_of(self, format_, row):
        try:
            pixels, implied = decode(self.content[row])
            if format_ is not None:
                format_.require_range(pixels.dtype, implied)
        except Unreadable as reason:
            return self.fault(row, reason)
        return None

    def fault(self, row, reason):
        """Return a `Fault` with the path, if the picture is one."""
        return super().fault(row, reason)._replace(path=path_of(self.content[row]))

    def by_dtype(self):
        """Return the arrays by their dtype."""
        groups = {}
        for item in self.content:
            if not is_encoded(item) and getattr(item, "ndim", 0) >= 2:
                with suppress(Exception):  # its reason is given when it is read
                    pixels = np.asarray(item)
                    if pixels.dtype.kind in "biuf" and pixels.size:
                        groups.setdefault(pixels.dtype, []).append(pixels[np.newaxis])
        return groups

    def _blocks(self, on_error):
        import_pillow()
        faults, n_deep = [], 0
        for row, item in enumerate(self.content):
            try:
                of_file = is_encoded(item)
                depth = depth_of(item) if of_file else None
                n_deep += depth == "sixteen"
                if depth == "bytes" or (depth == "sixteen" and n_deep > DEEP_FILES):
                    continue
                pixels, own = decode(item)
            except Unreadable as reason:
                faults.append(self.fault(row, reason))
                continue
            yield pixels[np.newaxis], own, of_file
        if on_error == "raise":
            self.raise_faults(faults)

    def _rows(self, rows):
        return [self.content[row] for row in rows]

    def _left_to_read(self, reader):
        """Ask for files that were read before: a search transforms the same ones again."""
        if reader.choose is None:
            return range(len(self))
        left, value_range = [], self.format.range_of(None)
        for start in range(0, len(self), LOOKED_UP_AT_ONCE):
            rows = range(start, min(start + LOOKED_UP_AT_ONCE, len(self)))
            digests = {row: known(self.content[row], "digest") for row in rows}
            read = [row for row in rows if digests[row] is not None]
            chosen = reader.choose(read, [digests[row] for row in read], value_range)
            found = {row for row, wanted in zip(read, chosen, strict=True) if not wanted}
            left += [row for row in rows if row not in found]
        return left

    def _step(self, n_rows, batch_size, threads, inputs):
        import_pillow()
        return max(1, min(FILES_AT_ONCE, batch_size // threads, -(-n_rows // threads)))

    def _read(self, reader, task):
        rows, out = task
        items = [self.content[row] for row in rows]
        stacked = _stack_equal(items)
        if stacked is not None:
            with suppress(Unreadable):  # one by one each has its reason
                return reader.read_array(self.format.as_images(stacked), rows, out)
        return reader.read_items(items, rows, out)


@dataclass
class Slice:
    """The inputs of a few neighboring pictures, by their rows, and the faults of the others.

    `inputs` has the shape (len(positions), channels, h, w), float32 or bytes, or is None.
    """

    positions: list
    inputs: np.ndarray | None
    faults: list


@dataclass(frozen=True)
class _Reader:
    """How a few pictures become the input of a network, in one of the threads.

    If the memory `out` is of bytes, pictures of 8 bits stay bytes; deeper ones get other memory.
    """

    format: ImageFormat
    inputs: object
    choose: object
    view: object

    def read_array(self, images, positions, out):
        """Read an array (n, h, w, c), and leave out the images that hold NaN or infinity."""
        finite = are_finite(images)
        if finite.all():
            return self._read_finite(images, positions, out)
        good = np.flatnonzero(finite)
        bad = [positions[place] for place in np.flatnonzero(~finite)]
        part = self._read_finite(images[good], [positions[place] for place in good], out)
        return replace(part, faults=[Fault(position, None, NOT_FINITE) for position in bad])

    def _read_finite(self, images, positions, out):
        implied, digests = dtype_range(images.dtype), None
        if len(images) and (self.choose or self.view):
            digests = digest_pixels(images)
        if len(images) and self.choose:
            chosen = self.choose(positions, digests, self.format.range_of(implied))
            chosen = np.flatnonzero(chosen)
            if len(chosen) < len(images):
                images = images[chosen]
                digests = [digests[place] for place in chosen]
                positions = [positions[place] for place in chosen]
        if not len(images):
            return Slice([], None, [])
        images = self.format.to_input(images, implied)
        # Beside the other slices, or in memory of their own if some images are left out.
        if len(out) != len(images):
            out = np.empty((len(images), *out.shape[1:]), out.dtype)
        return Slice(list(positions), self._network_input(images, digests, out), [])

    def read_items(self, items, positions, out):
        """Read files and the like: hash each, and decode those that are wanted one by one."""
        faults, sources = [], []
        for position, item in zip(positions, items, strict=True):
            try:
                sources.append((position, item, *self._load_and_hash(item)))
            except Unreadable as reason:
                faults.append(Fault(position, path_of(item), shortened(reason)))
        if self.choose and sources:
            places, _, _, digests = zip(*sources, strict=True)
            wanted = self.choose(places, digests, self.format.range_of(None))
            sources = [source for source, want in zip(sources, wanted, strict=True) if want]
        if len(out) != len(sources):
            out = np.empty((len(sources), *out.shape[1:]), out.dtype)
        done = []
        for position, item, source, own in sources:
            try:
                place = out[len(done) : len(done) + 1]
                found = self._read_item(item, source, own, place)
            except Unreadable as reason:
                faults.append(Fault(position, path_of(item), shortened(reason)))
            except MemoryError:
                reason = "the picture needs more memory than there is"
                faults.append(Fault(position, path_of(item), reason))
            else:
                if found.dtype != out.dtype:
                    out = scale_bytes(out, self.inputs)
                    out[len(done)] = found[0]
                done.append(position)
        faults.sort()
        return Slice(done, out[: len(done)] if done else None, faults)

    def _read_item(self, item, source, own, out):
        if source is None:
            source = load(item)
            if digest(source) != own:
                raise Unreadable("changed while it was read")
        inputs = with_proportions(self.inputs) if self.view else self.inputs
        picture, implied = open_picture(source, preprocessing=inputs)
        if implied is None and is_encoded(item):
            warn_of_other_scale({picture.dtype: [picture[np.newaxis]]}, self.format)
        images = self.format.to_input(picture, implied)
        images = images[np.newaxis] if isinstance(images, np.ndarray) else [images]
        return self._network_input(images, [own], out)

    def _network_input(self, images, digests, out):
        if self.view:
            images = self.view.many(uncut(images, self.inputs), digests)
        if out.dtype == np.uint8:
            if network_bytes(images, self.inputs, out):
                return out
            out = None
        return network_input(images, self.inputs, out=out)

    def _load_and_hash(self, item):
        """The content of an item and its digest; no content if the digest is known without it."""
        if not (self.choose or self.view):
            return load(item), None
        own = known(item, "digest")
        if own is not None:
            return None, own
        before = signature(item)
        source = load(item)
        own = digest(source)
        remember(item, before, "digest", own)
        return source, own


def are_finite(images):
    """Tell of each image whether all its values are finite."""
    flat = images.reshape(len(images), -1)
    if images.dtype.kind != "f":
        return np.ones(len(images), dtype=bool)
    # The smallest and the largest value are NaN if one is.
    return np.isfinite(flat.min(axis=1)) & np.isfinite(flat.max(axis=1))


def _stack_equal(items):
    """Return small sound arrays of one shape and dtype as one array, else None."""
    first = items[0]
    if not all(isinstance(item, np.ndarray) for item in items):
        return None
    if first.size * len(items) > LARGEST_STACK:
        return None
    if any(item.shape != first.shape or item.dtype != first.dtype for item in items):
        return None
    stacked = np.stack(items)
    try:
        check_pixels(first)
        check_pixels(stacked.reshape(1, -1, 1))
    except Unreadable:
        return None
    return stacked
