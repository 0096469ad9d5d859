"""Spoken digits: which clips are labels and which are the test, and how frames are summarized."""

import numpy as np

from benchmarks import spoken_digits
from benchmarks.spoken_digits import few_labels, frames_of, leave_one_out, segments, speed


class Recorder:
    """A classifier that remembers the rows it was fitted and scored on."""

    seen = []

    def fit(self, X, y):
        self.fitted = X.ravel()
        return self

    def score(self, X, y):
        self.seen.append((self.fitted, X.ravel()))
        return 0.5


def test_labels_are_drawn_from_clips_that_are_no_test(monkeypatch):
    monkeypatch.setattr(spoken_digits, "linear_model", Recorder)
    Recorder.seen = []
    y, number = np.tile(np.arange(10), 12), np.repeat(np.arange(12), 10)
    X, test = np.arange(120.0)[:, None], number < 5
    assert few_labels(X, y, test, seeds=range(3)).tolist() == [0.5] * 3
    for fitted, scored in Recorder.seen:
        assert np.bincount(y[fitted.astype(int)]).tolist() == [5] * 10
        assert (number[fitted.astype(int)] >= 5).all()
        assert scored.tolist() == np.flatnonzero(test).tolist()


def test_a_new_speaker_is_not_among_the_labels(monkeypatch):
    monkeypatch.setattr(spoken_digits, "linear_model", Recorder)
    Recorder.seen = []
    speaker = np.array(["a", "b", "a", "c"])
    assert leave_one_out(np.arange(4.0)[:, None], speaker, speaker) == dict.fromkeys("abc", 0.5)
    assert [scored.tolist() for _, scored in Recorder.seen] == [[0, 2], [1], [3]]


def test_clips_are_in_the_middle_of_one_second():
    tone = np.sin(np.arange(2000))
    short, long = frames_of([tone, np.concatenate([np.zeros(9000), tone, np.zeros(9000)])])
    assert short.shape == long.shape == (97, 32)
    for frames in (short, long):
        loud = np.flatnonzero(frames.max(axis=1) > frames.max() - 20)
        assert abs(loud.mean() - 48) < 2


def test_segments_are_means_of_eight_frames():
    frames = np.arange(97.0 * 32).reshape(1, 97, 32)
    found = segments(frames)
    assert found.shape == (1, 384)
    np.testing.assert_array_equal(found[0, 32:64], frames[0, 8:16].mean(axis=0))


def test_speed_is_next_to_the_session():
    waves = [np.random.default_rng(i).normal(0, 1000, 4000).astype(np.int16) for i in range(3)]
    table = speed(waves, repeats=1)
    assert table.rows[0][0] == "the session alone"
    assert table.rows[0][2] == 1
