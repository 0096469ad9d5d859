"""Printed digits mean the same, feature by feature, as scikit-learn's handwritten ones."""

import numpy as np
from sklearn.datasets import load_digits

from sktransfer.datasets import load_printed_digits


def test_the_format_is_that_of_load_digits():
    printed, handwritten = load_printed_digits(), load_digits()
    assert printed.data.shape[1:] == handwritten.data.shape[1:]
    assert printed.images.shape[1:] == handwritten.images.shape[1:]
    assert printed.data.dtype == handwritten.data.dtype
    assert printed.target.dtype == handwritten.target.dtype
    assert printed.feature_names == handwritten.feature_names
    assert printed.target_names == list(handwritten.target_names)


def test_images_count_the_ink_of_the_bitmaps_in_blocks_of_four():
    printed = load_printed_digits()
    assert set(np.unique(printed.bitmaps)) == {0, 1}
    block = printed.bitmaps[5, 4:8, 12:16]
    assert printed.images[5, 1, 3] == block.sum()
    assert printed.images.min() == 0
    assert printed.images.max() == 16
    np.testing.assert_array_equal(printed.data[5], printed.images[5].ravel())


def test_every_face_gives_every_digit_once():
    printed = load_printed_digits()
    faces, counts = np.unique(printed.face, return_counts=True)
    assert set(counts) == {10}
    for face in faces[:5]:
        assert sorted(printed.target[printed.face == face]) == list(range(10))


def test_no_face_imitates_handwriting():
    banned = ("breip", "dkg", "comic", "hand", "script", "brush", "chorus", "z003", "chancery")
    names = " ".join(load_printed_digits().face).lower()
    assert [word for word in banned if word in names] == []


def test_x_and_y_alone():
    X, y = load_printed_digits(return_X_y=True)
    printed = load_printed_digits()
    np.testing.assert_array_equal(X, printed.data)
    np.testing.assert_array_equal(y, printed.target)


def test_print_is_related_to_handwriting_but_not_the_same():
    """What makes it a source domain: better than chance on handwriting, worse than on print."""
    from sklearn.neighbors import NearestCentroid

    X, y = load_printed_digits(return_X_y=True)
    fitted = NearestCentroid().fit(X, y)
    handwritten = load_digits()
    on_print, on_hand = fitted.score(X, y), fitted.score(handwritten.data, handwritten.target)
    assert 0.3 < on_hand < on_print
