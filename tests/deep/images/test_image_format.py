"""What X may be, the shape of its images, and the range of its values."""

import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import BaseEstimator

from sktransfer.deep import PretrainedFeatureExtractor
from sktransfer.deep._images.containers import validate_images
from sktransfer.deep._images.decode import decode, dtype_range
from sktransfer.deep._images.image_format import row_shape
from sktransfer.deep._images.value_range import scale_to_unit
from sktransfer.deep._preprocessing import Preprocessing

GREY = Preprocessing((32, 32), 1, (0.0,), (1.0,))


def read_pictures(X, *, on_error="raise", **parameters):
    """The pictures of anything that a user passes, with their format."""
    estimator = PretrainedFeatureExtractor(on_error=on_error, **parameters)
    pictures = GREY.read(X, estimator, reset=True, on_error=on_error)
    return pictures.learn(estimator, on_error=on_error)


def learn_image_format(X, **options):
    return read_pictures(X, **options).format


def to_list(rows):
    return [row[np.newaxis] for row in rows]


def to_tensors(rows):
    torch = pytest.importorskip("torch")
    return [torch.from_numpy(row[np.newaxis]) for row in rows]


def read_later(X, image_format):
    """Read X after a fit that has learned a format."""
    estimator = BaseEstimator()
    estimator.image_format_ = image_format
    return GREY.read(X, estimator, reset=False)


def read(image_format, X):
    """All images with values in [0, 1]."""
    if isinstance(X, list):
        return [image_format.to_unit(*decode(item)) for item in X]
    images = image_format.as_images(X)
    return image_format.to_unit(images, dtype_range(images.dtype))


@pytest.mark.parametrize(
    ("length", "image_shape", "expected"),
    [
        (64, None, (8, 8, 1)),
        (1, None, (1, 1, 1)),
        (2, None, (1, 2, 1)),
        (12, (3, 4), (3, 4, 1)),
        (12, (2, 2, 3), (2, 2, 3)),
        (64, [4, 16], (4, 16, 1)),
    ],
)
def test_row_shape(length, image_shape, expected):
    assert row_shape(length, image_shape) == expected


def test_a_long_row_that_is_no_square_warns_and_names_the_parameter():
    message = (
        "image_shape=None: a row of 65 pixels is no square and is read as an image of one row; "
        "pass image_shape=(h, w) or (h, w, c)."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        learn_image_format(np.zeros((2, 65)))
    learn_image_format(np.zeros((2, 63)))
    learn_image_format(np.zeros((2, 65)), image_shape=(1, 65))


def test_a_shape_that_does_not_fit_is_an_error():
    message = (
        "image_shape=(8, 9) holds 72 values, but a row of X has 64: pass the shape that the rows "
        "had before they were flattened."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        learn_image_format(np.zeros((2, 64)), image_shape=(8, 9))


@pytest.mark.parametrize(
    "image_shape", [8, (64,), (8, 4, 2), (0, 64), (8.0, 8), "8x8", (1, 2, 3, 4)]
)
def test_what_is_no_shape_is_an_error(image_shape):
    message = (
        f"image_shape={image_shape!r} is no shape of an image: expected (h, w), or (h, w, c) with "
        "1, 3 or 4 channels last."
    )
    for X in (np.zeros((2, 64)), np.zeros((2, 8, 8))):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            learn_image_format(X, image_shape=image_shape)


def test_only_rows_have_features_in():
    estimator = BaseEstimator()
    frame = pd.DataFrame(np.zeros((2, 4)), columns=list("abcd"))
    validate_images(estimator, frame, reset=True)
    assert estimator.n_features_in_ == 4
    assert list(estimator.feature_names_in_) == list("abcd")
    nine = pd.DataFrame(np.zeros((2, 9)), columns=list("abcdefghi"))
    with pytest.raises(ValueError, match="feature names should match those that were passed"):
        validate_images(estimator, nine, reset=False)
    validate_images(estimator, np.zeros((2, 3, 3)), reset=False)
    assert estimator.n_features_in_ == 4
    validate_images(estimator, np.zeros((2, 4)), reset=True)
    with pytest.raises(ValueError, match="X has 9 features, but BaseEstimator is expecting 4"):
        validate_images(estimator, np.zeros((2, 9)), reset=False)
    validate_images(estimator, np.zeros((2, 3, 3)), reset=True)
    assert not hasattr(estimator, "n_features_in_")
    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, (0, 1)),
        (0.2, 0.3, (0, 1)),
        (-0.1, 1, (-1, 1)),
        (0, 1.5, (0, 16)),
        (0, 16, (0, 16)),
        (0, 16.5, (0, 255)),
        (3, 256, (0, 65535)),
        (-1.5, 1, (-1.5, 1)),
        (0, 70000, (0, 70000)),
        (-5, -2, (-5, -2)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_smallest_known_range_that_holds_the_data(low, high, expected, dtype):
    X = np.array([[low, high]]).astype(dtype)
    learned = learn_image_format(X).value_range
    assert learned == pytest.approx(expected)
    assert learn_image_format([X, X]).value_range == learned


def test_wide_integers_learn_like_floats():
    assert learn_image_format(np.array([[0, 9]])).value_range == (0, 16)
    assert learn_image_format(np.array([[0, 9]], dtype=np.uint32)).value_range == (0, 16)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_narrow_integers_have_their_own_range(dtype):
    limits = np.iinfo(dtype)
    X = np.array([[limits.min, 0, 3, limits.max]], dtype=dtype)
    image_format = learn_image_format(X[:, [1, 3, 1, 3]])
    width = float(limits.max) - float(limits.min)
    expected = (X[0] - float(limits.min)) / width
    np.testing.assert_allclose(read(image_format, X)[0].ravel(), expected, rtol=1e-6)
    swapped = X.astype(X.dtype.newbyteorder())
    assert learn_image_format(swapped[:, 1:2]).value_range == image_format.value_range
    np.testing.assert_array_equal(read(image_format, swapped), read(image_format, X))


def test_booleans_are_black_and_white():
    X = np.array([[True, False]])
    np.testing.assert_array_equal(read(learn_image_format(X), X).ravel(), [1, 0])


def test_the_range_is_learned_once_and_the_rest_is_clipped():
    image_format = learn_image_format(np.array([[0.0, 16.0, 1.0]]))
    np.testing.assert_array_equal(
        read(image_format, np.array([[-3.0, 4.0, 99.0]])).ravel(), [0, 0.25, 1]
    )


def test_narrow_integers_keep_their_own_range_after_a_fit_on_floats(pictures):
    image_format = learn_image_format(pictures / 255)
    assert image_format.value_range == (0, 1)
    np.testing.assert_array_equal(read(image_format, pictures), read(image_format, pictures / 255))


def test_floats_after_a_fit_on_narrow_integers_have_their_range(pictures):
    image_format = learn_image_format(pictures)
    floats = pictures.astype(np.float32)
    np.testing.assert_array_equal(read(image_format, floats), read(image_format, pictures))


def test_a_given_range_holds_for_every_value():
    image_format = learn_image_format(np.zeros((1, 3), dtype=np.uint8), value_range=(0, 20))
    images = read(image_format, np.array([[0, 10, 30]], dtype=np.uint8))
    np.testing.assert_array_equal(images.ravel(), [0, 0.5, 1])


@pytest.mark.parametrize(
    "value_range", [(1, 0), (0, 0), (0,), 255, (0, np.inf), (np.nan, 1), ("0", "1")]
)
def test_what_is_no_range_is_an_error(value_range):
    message = (
        f"value_range={value_range!r} is no range: expected None or two finite numbers (low, high) "
        "with low < high."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        learn_image_format(np.zeros((2, 4)), value_range=value_range)


def test_a_range_without_width_is_black():
    X = np.full((2, 4), 70000.0)
    np.testing.assert_array_equal(read(learn_image_format(X), X), 0)


def test_floats_after_a_fit_on_files_need_a_range(pictures):
    X = validate_images(BaseEstimator(), [Image.fromarray(pictures[0])], reset=True)
    message = (
        "value_range=None: X holds pixels of dtype float64, but fit has seen only images that "
        "imply their range; pass value_range=(low, high)."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read(learn_image_format(X), pictures.astype(float))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_narrow_integers_have_the_bits_of_float64(dtype):
    limits = np.iinfo(dtype)
    values = np.arange(limits.min, limits.max + 1, dtype=dtype)
    for value_range in ((limits.min, limits.max), (-3, 11), (0.1, 100.7)):
        low, high = value_range
        expected = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1)
        scaled = scale_to_unit(values, value_range=value_range)
        np.testing.assert_array_equal(scaled, expected.astype(np.float32))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.arange(5.0), "Reshape your data"),
        ([1, 2, 3], "Reshape your data"),
        (np.zeros((2, 3, 4, 5)), r"X of shape \(2, 3, 4, 5\) holds no images: each is an array of"),
        (np.zeros((2, 1, 3, 4, 3)), r"X of shape \(2, 1, 3, 4, 3\) holds no images"),
        (np.zeros((0, 8, 8)), "Found array with 0 sample"),
        (np.full((2, 3, 3), np.inf), "infinity"),
        ([[[0, 1], [1, 0]], [[0, 1]]], "a list of lists of unequal lengths"),
        (
            pd.DataFrame({"path": ["a.png"], "size": [1]}),
            r"X has 2 columns, of which \['path'\] hold text, files or images: select one column",
        ),
    ],
)
def test_what_is_no_x_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        validate_images(BaseEstimator(), X, reset=True)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("kind", [np.asarray, np.ndarray.tolist])
def test_one_colour_image_is_not_many_narrow_grey_ones(channels, reset, kind):
    image = np.random.default_rng(0).integers(0, 256, (9, 7, channels), dtype=np.uint8)
    message = (
        f"X of shape (9, 7, {channels}) looks like one colour image, expected several: pass [X] or "
        f"X[np.newaxis], or X[..., np.newaxis] if it holds 9 grey images of 7 x {channels} pixels."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        validate_images(BaseEstimator(), kind(image), reset=reset)
    for several in (image[np.newaxis], image[..., np.newaxis]):
        assert validate_images(BaseEstimator(), several, reset=reset) is several
    assert validate_images(BaseEstimator(), [image], reset=reset)[0] is image


@pytest.mark.parametrize("shape", [(3, 7, 3), (4, 7, 4), (9, 3, 3), (9, 2, 4), (9, 7, 5)])
def test_what_cannot_well_be_one_image_stays_many(shape):
    X = np.zeros(shape)
    assert validate_images(BaseEstimator(), X, reset=True) is X


def test_a_batch_in_which_every_image_is_missing_is_a_batch():
    for X in ([None, None], np.array([None, pd.NA]), pd.DataFrame({"path": [None, None]})):
        items = validate_images(BaseEstimator(), X, reset=True)
        assert len(items) == 2
        message = (
            "2 of 2 images cannot be read: X[0] (missing), X[1] (missing); repair or remove them."
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            learn_image_format(items)
        assert learn_image_format(items, on_error="nan").value_range is None


@pytest.mark.parametrize(
    ("X", "kind"),
    [
        ((path for path in ["a.png"]), "generator"),
        (map(str, ["a.png"]), "map"),
        ({"a.png"}, "set"),
        ({"a.png": 1}, "dict"),
        ({"a.png": 1}.values(), "dict_values"),
    ],
    ids=["generator", "map", "set", "dict", "values"],
)
def test_what_has_no_length_or_no_order_is_refused_in_one_sentence(X, kind):
    message = (
        f"X is a {kind}, expected a sequence of images, with a length and an order: pass a list, "
        "list(X) for a generator."
    )
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        validate_images(BaseEstimator(), X, reset=True)


@pytest.mark.parametrize("X", [[], (), np.array([]), pd.Series([], dtype=object)])
def test_nothing_is_refused_in_one_sentence(X):
    message = f"X is an empty {type(X).__name__}, expected a sequence of images: pass one or more."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        validate_images(BaseEstimator(), X, reset=True)


@pytest.mark.parametrize(
    ("seen", "given", "message"),
    [
        (
            np.array([[0.0, 16.0]]),
            np.array([[0, 9]], dtype=np.uint8),
            "X holds uint8 pixels that lie within 0..16, which fit has seen, but are read as "
            "0..255, nearly black",
        ),
        (
            np.array([[0.0, 1.0]]),
            np.array([[0, 1]], dtype=np.uint8),
            "X holds uint8 pixels that lie within 0..1, which fit has seen, but are read as "
            "0..255, nearly black",
        ),
        (
            np.array([[0, 255]], dtype=np.uint8),
            np.array([[0.0, 0.9]]),
            "X holds float64 pixels that lie within 0..1, but are read as 0..255, which fit has "
            "seen, nearly black",
        ),
        (
            np.array([[0.0, 255.0]]),
            np.array([[0.0, 15.0]]),
            "X holds float64 pixels that lie within 0..16, but are read as 0..255, which fit has "
            "seen, nearly black",
        ),
        (
            np.array([[0.0, 65535.0]]),
            np.array([[0, 255]], dtype=np.int64),
            "X holds int64 pixels that lie within 0..255, but are read as 0..65535, which fit has "
            "seen, nearly black",
        ),
        (
            np.array([[0.0, 1.0]]),
            np.array([[0.0, 254.0]]),
            "X holds float64 pixels from 0 to 254, far beyond the 0..1 that fit has seen, and they "
            "are clipped to it",
        ),
        (
            np.array([[0.0, 1.0]]),
            np.array([[-1.0, 1.0], [0.0, 1.0]]),
            "X holds float64 pixels from -1 to 1 in 1 of 2 images, far beyond the 0..1 that fit "
            "has seen, and they are clipped to it",
        ),
        (
            np.array([[-1.0, 1.0]]),
            np.array([[0.0, 1.0]]),
            "X holds float64 pixels that lie within 0..1, but are read as -1..1, which fit has "
            "seen",
        ),
        (
            np.array([[0.0, 255.0]]),
            np.array([[0.0, 255.0], [0.0, 0.7]]),
            "X holds float64 pixels that lie within 0..1 in 1 of 2 images, but are read as 0..255, "
            "which fit has seen, nearly black",
        ),
    ],
)
@pytest.mark.parametrize("as_form", [np.asarray, to_list, to_tensors])
def test_numbers_on_another_scale_than_in_fit_are_named(seen, given, message, as_form):
    """In arrays, in lists, and in lists of tensors."""
    message += ": pass value_range=(low, high), or pixels of the dtype and scale that fit has seen."
    X = as_form(given)
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        read_later(X, learn_image_format(as_form(seen)))
    read_later(X, learn_image_format(as_form(seen), value_range=(0, 16)))


@pytest.mark.parametrize(
    ("seen", "given"),
    [
        (np.array([[0.0, 1.0]]), np.array([[0, 200]], dtype=np.uint8)),
        (np.array([[0.0, 255.0]]), np.array([[0, 9]], dtype=np.uint8)),
        (np.array([[0.0, 16.0]]), np.array([[0, 9]])),
        (np.array([[0.0, 16.0]]), np.zeros((2, 2), dtype=np.uint8)),
        (np.array([[0, 255]], dtype=np.uint8), np.array([[0.0, 200.0]])),
        (np.array([[0, 255]], dtype=np.uint8), np.array([[0, 1]], dtype=np.uint8)),
        (np.array([[0, 1]], dtype=np.int16) * 32767, np.array([[0, 250]], dtype=np.uint8)),
        (np.array([[0.0, 1.0]]), np.array([[-0.1, 1.2]])),
        (np.array([[-1.0, 1.0]]), np.array([[0.1, 1.0]])),
        (np.array([[0.0, 255.0]]), np.array([[0.0, 40.0]])),
        (np.array([[0.0, 255.0]]), np.array([[0.0, 1.0], [0.0, 255.0]])),
        (np.array([[0, 255]], dtype=np.uint8), np.zeros((2, 2))),
        (np.array([[0, 255]], dtype=np.uint8), [np.zeros((2, 2))]),
    ],
)
def test_the_same_scale_is_silent(seen, given):
    read_later(given, learn_image_format(seen))


def test_fit_reads_of_most_files_the_beginning_alone(tmp_path):
    """A picture without its second half has a range; a file of no image is named at once."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
    paths = []
    for kind in ("png", "jpeg", "gif", "bmp"):
        paths.append(tmp_path / f"half.{kind}")
        picture.save(paths[-1])
        content = paths[-1].read_bytes()
        paths[-1].write_bytes(content[: len(content) // 2])
    paths.append(tmp_path / "start.jpeg")
    paths[-1].write_bytes(b"\xff\xd8\xff\xe0")
    assert learn_image_format(paths).value_range is None
    text = tmp_path / "text.png"
    text.write_text("no image")
    for value_range in (None, (0, 255)):
        learn_image_format([*paths, text], on_error="nan", value_range=value_range)
    with pytest.raises(ValueError, match=r"^1 of 6 images cannot be read: X\[5\] "):
        learn_image_format([*paths, text])
