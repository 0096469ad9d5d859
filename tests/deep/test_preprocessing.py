"""What a user may say about how pixels become the input of a network."""

import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest

from sktransfer.deep._preprocessing import (
    Preprocessing,
    read_input_size,
    resolve_preprocessing,
)

OWN = Preprocessing((32, 48), 3, (0.1, 0.2, 0.3), (1.0, 2.0, 3.0), resize="bicubic")


def resolve(preprocessing, *, own=None, size=(224, 224), channels=3):
    return resolve_preprocessing(
        preprocessing, own=own, size=size, channels=channels, of="backbone='net.onnx'"
    )


def network_values(preprocessing, levels):
    """The values of grey levels 0..255, in the order of the input's channels."""
    mean, std = np.array(preprocessing.mean), np.array(preprocessing.std)
    return (np.asarray(levels)[:, None] / 255 - mean) / std


def test_the_names_mean_what_keras_means():
    levels = [0, 1, 128, 255]
    tf, caffe = resolve("tf"), resolve("caffe")
    by_hand = np.array(levels)[:, None] / 127.5 - 1
    np.testing.assert_allclose(network_values(tf, levels), np.repeat(by_hand, 3, axis=1))
    blue_green_red = np.array(levels)[:, None] - [103.939, 116.779, 123.68]
    np.testing.assert_allclose(network_values(caffe, levels), blue_green_red, atol=1e-12)
    assert (tf.channel_order, caffe.channel_order) == ("rgb", "bgr")
    torch = resolve("torch")
    assert torch.mean == (0.485, 0.456, 0.406)
    assert torch.std == (0.229, 0.224, 0.225)
    assert torch.channel_order == "rgb"


@pytest.mark.parametrize("name", ["torch", "tf", "caffe"])
def test_a_name_brings_the_geometry_of_photographs(name):
    found = resolve(name)
    assert (found.size, found.crop, found.resize) == ((224, 224), 224 / 256, "bilinear")


def test_a_pair_of_numbers_holds_for_every_channel():
    assert resolve((0.5, 0.25)).mean == (0.5, 0.5, 0.5)
    assert resolve((0.5, 0.25), channels=1).std == (0.25,)
    assert resolve(([0.1, 0.2, 0.3], 0.25)).mean == (0.1, 0.2, 0.3)
    assert resolve("tf", channels=1).mean == (0.5,)


def test_values_alone_leave_the_network_its_geometry():
    found = resolve("tf", own=OWN, size=None)
    assert found == replace(OWN, mean=(0.5,) * 3, std=(0.5,) * 3)
    assert resolve("tf", own=replace(OWN, channel_order="bgr")).channel_order == "rgb"


def test_a_description_replaces_all_and_none_keeps_all():
    other = Preprocessing((64, 64), 3, (0.0,) * 3, (1.0,) * 3, crop=0.9)
    assert resolve(other, own=OWN, size=None) == other
    assert resolve(other, own=OWN, size=(96, 96)) == replace(other, size=(96, 96))
    assert resolve(None, own=OWN, size=None) == OWN


def test_where_nothing_says_it_the_message_does():
    message = (
        "^backbone='net.onnx' does not say how pixels become its input: pass "
        "preprocessing='torch' .* 'tf' .* 'caffe' .* or a Preprocessing; for sounds a "
        "SoundPreprocessing.$"
    )
    with pytest.raises(ValueError, match=message):
        resolve(None)


@pytest.mark.parametrize(
    ("preprocessing", "options", "message"),
    [
        ("keras", {}, r"^preprocessing='keras' is not known: expected 'torch', 'tf', 'caffe', a"),
        ((1, 2, 3), {}, r"^preprocessing=\(1, 2, 3\) is not known"),
        (("0", "1"), {}, r"is not known"),
        ((0.5, None), {}, r"is not known"),
        (
            ((0.5, 0.5), 1),
            {},
            r"has 2 values for mean, but the input of the network has 3 channels",
        ),
        ("torch", {"channels": 1}, r"has 3 values for mean, but .* has 1 channel: pass"),
        (OWN, {"channels": 1}, r"has 3 channels, but the input of backbone='net.onnx' has 1\.$"),
        (
            "torch",
            {"size": None},
            r"^backbone='net.onnx' takes images of any size: pass input_size",
        ),
        ((0.5, 0.0), {}, r"std=\(0.0, 0.0, 0.0\) must be positive"),
    ],
)
def test_what_does_not_fit_is_refused(preprocessing, options, message):
    with pytest.raises(ValueError, match=message):
        resolve(preprocessing, **options)


def test_all_faults_of_a_description_are_named_at_once():
    message = (
        "A preprocessing cannot be used: size=(0, 1) must be a height and a width in pixels; "
        "channels=2 must be 1 or 3; mean=(0.0,) and std=(-1.0,) must have one value for each "
        "channel; std=(-1.0,) must be positive and finite; resize='nearest' must be 'bilinear' or "
        "'bicubic'; crop=1.5 must be None or a share in [0.1, 1]; channel_order='gbr' "
        "must be 'rgb' or 'bgr'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Preprocessing((0, 1), 2, (0.0,), (-1.0,), "nearest", 1.5, "gbr")


@pytest.mark.parametrize(
    "preprocessing", [OWN, replace(OWN, crop=0.875, channel_order="bgr", draft=True)]
)
def test_what_is_written_is_read_again(preprocessing):
    fields = asdict(preprocessing) | {"range": [0, 1]}
    assert Preprocessing.from_json(json.dumps(fields)) == preprocessing


def test_input_size():
    assert read_input_size(None) is None
    assert read_input_size(np.int64(96)) == (96, 96)
    assert read_input_size([96, 128]) == (96, 128)
    for wrong in (0, 1.5, (96,), (96, 0), "96", True, (True, True)):
        with pytest.raises(ValueError, match="is no size of an image"):
            read_input_size(wrong)
