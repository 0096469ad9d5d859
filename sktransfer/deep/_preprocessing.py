"""How pictures become the input of a network: a small frozen description, and its known forms."""

import json
import math
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import TypeGuard

import numpy as np

from sktransfer._messages import shown
from sktransfer.deep._images.pictures import read_pictures
from sktransfer.deep._items import InputDescription
from sktransfer.deep._sounds.sound_preprocessing import SoundPreprocessing

# 224 of 256 pixels: the geometry with which nearly every network for photographs is evaluated.
PHOTO_CROP = 0.875

# Beyond these, a description is broken: an image would not fit into memory.
LONGEST_SIDE = 2**14
SMALLEST_CROP = 0.1

# The names are Keras's `mode`; values for the input's own channels, images in [0, 1].
_KNOWN = {
    "torch": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    "tf": {"mean": 0.5, "std": 0.5},
    "caffe": {
        "mean": (103.939 / 255, 116.779 / 255, 123.68 / 255),
        "std": 1 / 255,
        "channel_order": "bgr",
    },
}


@dataclass(frozen=True)
class Preprocessing(InputDescription):
    """How an image with values in [0, 1] becomes the input of a network.

    Parameters
    ----------
    size : tuple of int
        Height and width of the input, in pixels.
    channels : {1, 3}
        Gray or color.
    mean, std : tuple of float
        One value a channel of the input: the input is ``(image - mean) / std``.
    resize : {"bilinear", "bicubic"}, default="bilinear"
        How images get their size; both antialias when they shrink, as Pillow does.
    crop : float or None, default=None
        None squashes an image to `size`. Otherwise its proportions stay: it is resized until it
        just covers ``size / crop``, and the middle is cut out. For the usual 0.875 and 224 pixels
        the shorter side becomes 256. This holds for images
        of exactly `size`, too. ``dataclasses.replace(preprocessing, crop=None)`` turns the cut off.
    channel_order : {"rgb", "bgr"}, default="rgb"
        The order of the input's colors, also of `mean` and `std`.
    draft : bool, default=False
        Whether large JPEG files are decoded at 1/2, 1/4 or 1/8 of their size, by libjpeg's scaled
        DCT, and then resized as the others. They stay at least twice as large as the network needs
        them. It is about twice as fast for photographs of 12 megapixels, and moves the features
        slightly. Smaller files and other formats give the same bits as without it.
        ``dataclasses.replace(preprocessing, draft=True)`` turns it on.

    Raises
    ------
    ValueError
        When a field is none of these; all faults in one message.
    """

    size: tuple[int, int]
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: str = "bilinear"
    crop: float | None = None
    channel_order: str = "rgb"
    draft: bool = False

    kind = "image"

    def __post_init__(self):
        faults = []
        if len(self.size) != 2 or not all(is_whole(side) and side > 0 for side in self.size):
            faults.append(f"size={shown(self.size)} must be a height and a width in pixels")
        elif max(self.size) > LONGEST_SIDE:
            faults.append(f"size={shown(self.size)} must be at most {LONGEST_SIDE} pixels a side")
        if not is_whole(self.channels) or self.channels not in (1, 3):
            faults.append(f"channels={shown(self.channels)} must be 1 or 3")
        if not len(self.mean) == len(self.std) == self.channels:
            faults.append(
                f"mean={shown(self.mean)} and std={shown(self.std)} must have one value for each "
                "channel"
            )
        if not all(math.isfinite(value) for value in self.mean):
            faults.append(f"mean={shown(self.mean)} must be finite")
        if not all(math.isfinite(value) and value > 0 for value in self.std):
            faults.append(f"std={shown(self.std)} must be positive and finite")
        if self.resize not in ("bilinear", "bicubic"):
            faults.append(f"resize={shown(self.resize)} must be 'bilinear' or 'bicubic'")
        if self.crop is not None and not SMALLEST_CROP <= self.crop <= 1:
            faults.append(
                f"crop={shown(self.crop)} must be None or a share in [{SMALLEST_CROP}, 1]"
            )
        if self.channel_order not in ("rgb", "bgr"):
            faults.append(f"channel_order={shown(self.channel_order)} must be 'rgb' or 'bgr'")
        if not isinstance(self.draft, bool):
            faults.append(f"draft={shown(self.draft)} must be True or False")
        if faults:
            raise ValueError(f"A preprocessing cannot be used: {'; '.join(faults)}.")

    def __repr__(self):
        # Features that were stored before `draft` came are known by this text.
        named = [each.name for each in fields(self) if each.name != "draft" or self.draft]
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in named)
        return f"{type(self).__name__}({values})"

    @classmethod
    def from_json(cls, text: str) -> "Preprocessing":
        """Read the description that a network file carries.

        Parameters
        ----------
        text : str
            A JSON object with ``size``, ``channels``, ``range`` ([0, 1]), ``resize``, ``mean``
            and ``std``, and ``crop``, ``channel_order`` and ``draft`` if they differ from the
            default.

        Returns
        -------
        preprocessing : Preprocessing
        """
        fields = json.loads(text)
        value_range = fields.get("range", [0, 1])
        if list(value_range) != [0, 1]:
            raise ValueError(
                f"A preprocessing cannot be used: range={shown(value_range)} is not [0, 1]."
            )
        return cls(
            size=tuple(fields["size"]),
            channels=fields["channels"],
            mean=tuple(map(float, fields["mean"])),
            std=tuple(map(float, fields["std"])),
            resize=fields.get("resize", "bilinear"),
            crop=fields.get("crop"),
            channel_order=fields.get("channel_order", "rgb"),
            draft=fields.get("draft", False),
        )

    def read(self, X, estimator, *, reset, on_error="raise"):
        """Check X, in any form that `PretrainedFeatureExtractor` takes; return `Pictures`."""
        return read_pictures(X, estimator, reset=reset, on_error=on_error)

    def input_shape(self, items):
        """Return the shape of one image as the input."""
        return self.channels, *self.size

    def count_batches(self, n, batch_size):
        """Return the number of batches that n images become."""
        return math.ceil(n / batch_size)


def read_preprocessing(text):
    """Read the description that a network file carries, of images or of sounds."""
    kind = json.loads(text).get("kind", "image")
    if kind not in ("image", "sound"):
        raise ValueError(f"A preprocessing cannot be used: kind={shown(kind)} is not known.")
    return (Preprocessing if kind == "image" else SoundPreprocessing).from_json(text)


def resolve_preprocessing(preprocessing, *, own, size, channels, of):
    """Return the description of one network's input, from the user's parameter and from its own.

    Names and (mean, std) change the values of `own` alone; a `Preprocessing` replaces all. `size`
    is the height and width of the input if something else fixes them, and `of` the name of the
    network in messages.
    """
    described = own if preprocessing is None else preprocessing
    if getattr(described, "kind", "image") != "image":
        return described.fit_to(channels, of)
    if getattr(own, "kind", "image") != "image":
        raise ValueError(
            f"preprocessing={shown(preprocessing)} is for images, but {of} reads {own.kind}s: pass "
            f"None, or a {type(own).__name__}."
        )
    if channels not in (1, 3):
        raise ValueError(
            f"{of} takes images of {channels} channels; expected 1 (grey) or 3 (colour): use "
            "another network, or put a layer before it that makes its channels of these."
        )
    if preprocessing is None and own is None:
        raise ValueError(
            f"{of} does not say how pixels become its input: pass preprocessing='torch' (mean "
            ".485 .456 .406 and std .229 .224 .225, most networks made with torch), 'tf' (values "
            "from -1 to 1), 'caffe' (blue first, means subtracted), (mean, std) of pixels in "
            "[0, 1], or a Preprocessing; for sounds a SoundPreprocessing."
        )
    if preprocessing is None:
        preprocessing = own
    elif not isinstance(preprocessing, Preprocessing):
        values = _values(preprocessing, channels)
        if own is not None and own.channels == channels:
            preprocessing = replace(own, **({"channel_order": "rgb"} | values))
        elif size is None:
            raise ValueError(
                f"{of} takes images of any size: pass input_size=224, or the size that it was "
                "trained with."
            )
        else:
            preprocessing = Preprocessing(size, channels, crop=PHOTO_CROP, **values)
    if preprocessing.channels != channels:
        raise ValueError(
            f"preprocessing={shown(preprocessing)} has {preprocessing.channels} channels, but "
            f"the input of {of} has {channels}."
        )
    return preprocessing if size is None else replace(preprocessing, size=tuple(size))


def is_whole(value: object) -> TypeGuard[int]:
    """Tell whether a value is an integer, and no bool."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def read_input_size(input_size):
    """Return the parameter `input_size` as (height, width), or None."""
    if input_size is None:
        return None
    sides = (input_size,) * 2 if isinstance(input_size, Integral) else input_size
    try:
        sides = tuple(sides)
    except TypeError:
        sides = ()
    if len(sides) != 2 or not all(map(is_whole, sides)) or min(sides) < 1:
        raise ValueError(
            f"input_size={shown(input_size)} is no size of an image: expected None, the side of a "
            "square in pixels, or (height, width)."
        )
    return int(sides[0]), int(sides[1])


def _values(preprocessing, channels):
    """Mean, std and channel order of a name or a pair, one value a channel."""
    if isinstance(preprocessing, str) and preprocessing in _KNOWN:
        known = dict(_KNOWN[preprocessing])
    else:
        try:
            mean, std = preprocessing
            known = {"mean": _numbers(mean), "std": _numbers(std)}
        except (TypeError, ValueError):
            raise ValueError(
                f"preprocessing={shown(preprocessing)} is not known: expected {_list_known()}, a "
                "pair (mean, std) of numbers or of one number a channel, for pixels in [0, 1], or "
                "a Preprocessing."
            ) from None
    for name in ("mean", "std"):
        values = np.atleast_1d(known[name])
        if len(values) not in (1, channels):
            raise ValueError(
                f"preprocessing={shown(preprocessing)} has {len(values)} values for {name}, but "
                f"the input of the network has {channels} channel{'s' * (channels > 1)}: pass "
                "(mean, std) with one value a channel."
            )
        known[name] = tuple(np.broadcast_to(values, channels).tolist())
    return known


def _numbers(values):
    if isinstance(values, (str, bytes)):
        raise TypeError("text is no number")
    numbers = values if np.iterable(values) else [values]
    return tuple(float(value) for value in numbers if isinstance(value, Real) or float(value))


def _list_known():
    return ", ".join(map(repr, _KNOWN))
