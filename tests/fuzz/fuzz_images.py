"""Images: mutated files of all usual formats, and odd arrays, beside two good pictures."""

import io

import numpy as np
from PIL import Image

from sktransfer import PretrainedFeatureExtractor

FORMATS = ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "ICO", "TGA", "PCX", "JPEG2000")
MODES = ("L", "RGB", "RGBA", "P", "LA", "1", "CMYK", "I;16", "F", "I")


def case(seed, folder):
    rng = np.random.default_rng(seed)
    item = odd_array(rng) if rng.random() < 0.2 else odd_file(rng, folder)
    good = [_picture(np.random.default_rng(i), "RGB") for i in range(2)]
    extractor = PretrainedFeatureExtractor(cache=None, n_jobs=1, on_error="nan").fit(good)
    expected = extractor.transform(good)
    faults = extractor.find_unreadable([good[0], item])
    rows = extractor.transform([good[0], item, good[1]])
    np.testing.assert_array_equal(rows[[0, 2]], expected)
    assert np.isnan(rows[1]).all() or np.isfinite(rows[1]).all(), "some values are NaN"
    assert np.isnan(rows[1]).all() == bool(faults), f"unreadable: {faults}"
    assert all(0 < len(fault.reason) < 400 for fault in faults), f"reasons: {faults}"
    if not faults:
        np.testing.assert_array_equal(extractor.transform([item]), rows[1:2])
    extractor.set_params(on_error="raise").transform([good[0], item])


def odd_file(rng, folder):
    """The bytes of a file, most of them damaged, as bytes or as a path."""
    content = damaged(rng, bytearray(_encoded(rng)))
    if rng.random() < 0.5:
        return content
    path = folder / "image.bin"
    path.write_bytes(content)
    return path


def damaged(rng, content):
    """The bytes of a file after one of several kinds of damage, or none."""
    damage = rng.integers(6)
    if damage == 1:  # a few bytes anywhere
        for place in rng.integers(len(content), size=rng.integers(1, 12)):
            content[place] = rng.integers(256)
    elif damage == 2:  # the header, in which sizes and offsets are
        for place in rng.integers(min(len(content), 64), size=rng.integers(1, 4)):
            content[place] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
    elif damage == 3:
        del content[rng.integers(len(content)) :]
    elif damage == 4:
        start, stop = np.sort(rng.integers(len(content), size=2))
        content[start:stop] = content[start:stop][::-1]
    elif damage == 5:
        start, stop = np.sort(rng.integers(len(content), size=2))
        place = rng.integers(len(content))
        content[place:place] = content[start : min(stop, start + 500)]
    return bytes(content)


def odd_array(rng):
    """An array of any dtype and shape, with values that may be anything."""
    ndim = rng.choice([0, 1, 2, 3, 3, 3, 4])
    shape = tuple(rng.choice([0, 1, 2, 3, 4, 5, 12], size=ndim))
    dtype = rng.choice(["?", "u1", "i1", "u2", "i2", "i4", "u8", "f2", "f4", "f8", "c8", "O", "U3"])
    values = rng.choice([0, 1, 255, -1, 1000, 0.5], size=shape)
    with np.errstate(all="ignore"):
        array = np.asarray(values).astype(dtype)
    if array.dtype.kind == "f" and array.size and rng.random() < 0.3:
        array.flat[0] = rng.choice([np.nan, np.inf, -np.inf, np.finfo(array.dtype).max])
    return array


def _encoded(rng):
    picture = _picture(rng, rng.choice(MODES))
    kind, options, stream = rng.choice(FORMATS), {}, io.BytesIO()
    if rng.random() < 0.2:
        exif = Image.Exif()
        exif[0x0112] = int(rng.integers(10))
        options["exif"] = exif
    if kind == "TIFF":
        options["compression"] = rng.choice(["raw", "tiff_lzw", "tiff_deflate", "packbits"])
    try:
        picture.save(stream, kind, **options)
    except (OSError, ValueError, KeyError):  # this format does not have this mode
        stream = io.BytesIO()
        picture.convert("RGB").save(stream, kind)
    return stream.getvalue()


def _picture(rng, mode):
    """A small picture with edges, a gradient and noise."""
    h, w = rng.integers(5, 40, size=2)
    pixels = np.add.outer(np.arange(h) * 5, np.arange(w) * 3) % 256
    pixels[h // 4 : h // 2, w // 3 :] = 250
    pixels = np.clip(pixels[..., None] + rng.normal(0, 20, (h, w, 3)), 0, 255).astype(np.uint8)
    if mode == "I;16":
        return Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    return Image.fromarray(pixels).convert(mode)
