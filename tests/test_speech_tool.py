"""The training of the network for speech: short runs of it."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from sktransfer import PretrainedAudioExtractor

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("soxr")
if shutil.which("espeak-ng") is None:
    pytest.skip("espeak-ng is not installed", allow_module_level=True)

from tools.glyphs.export import describe, save  # noqa: E402
from tools.speech import __main__ as command  # noqa: E402
from tools.speech import evaluate, export, voices  # noqa: E402
from tools.speech.network import STAGES  # noqa: E402
from tools.speech.synthesize import DIGIT_SHARE, DIGITS  # noqa: E402
from tools.speech.train import Training  # noqa: E402

WORDS, EACH, CYCLES = 14, 2, (2, 1)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    work = tmp_path_factory.mktemp("speech")
    return SimpleNamespace(
        work=work, seed=0, words=WORDS, each=EACH, parts=1, cycles=CYCLES, minutes=0
    )


@pytest.fixture(scope="module")
def clips(options):
    return command.clips_of(options, held_out=False)


@pytest.fixture(scope="module")
def trained(clips):
    training = Training(clips, WORDS, cycles=CYCLES, seed=0)
    assert training.run(report=print)
    return training


def test_every_word_is_spoken_and_a_second_run_reads_the_first(clips, options, monkeypatch):
    n_common = WORDS - len(DIGITS)
    expected = [EACH * DIGIT_SHARE] * len(DIGITS) + [EACH] * n_common
    np.testing.assert_array_equal(np.bincount(clips.word), expected)
    for digits, counts in ((False, []), (True, expected[:10])):
        chosen = command.learned(clips, WORDS, digits=digits)
        np.testing.assert_array_equal(np.bincount(chosen.word), [EACH] * n_common + counts)
    assert clips.length.sum() == len(clips.frames) == len(clips.phoneme)
    assert clips.phonemes[0] == "_"
    assert not any(map(voices.is_held_out, clips.voice))

    def fail(*arguments):
        raise AssertionError("spoken again")

    monkeypatch.setattr(command, "elsewhere", fail)
    again = command.clips_of(options, held_out=False)
    for name, values in vars(again).items():
        np.testing.assert_array_equal(values, getattr(clips, name))


def test_an_interrupted_training_goes_on_to_the_same_bits(clips, trained, tmp_path):
    path, finished = tmp_path / "state.pt", False
    for _ in CYCLES:
        assert not finished
        training = Training(clips, WORDS, cycles=CYCLES, seed=0)
        if path.is_file():
            training.load(path)
        for _ in range(2):
            finished = training.run(seconds=0, report=print)
            if finished:
                break
        training.save(path)
    assert finished
    expected = trained.average.state_dict()
    for name, values in training.average.state_dict().items():
        assert torch.equal(values, expected[name]), name


def test_a_training_starts_from_a_network_that_knows_fewer_words(trained, clips):
    start = trained.average.eval()
    network = Training(clips, WORDS + 2, cycles=CYCLES, seed=1, start=start).average.eval()
    inputs = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 1, 96, 32))).float()
    with torch.no_grad():
        (words, phonemes), (known, expected) = network(inputs), start(inputs)
    torch.testing.assert_close(phonemes, expected)
    torch.testing.assert_close(words[:, :WORDS], known)
    torch.testing.assert_close(words[:, WORDS:], known.mean(dim=1, keepdim=True).expand(-1, 2))


def test_the_extractor_gives_the_features_of_the_trained_network(trained, tmp_path):
    network, path = trained.average.eval(), tmp_path / "speech.onnx"
    model = export.to_onnx(network)
    describe(model, stages=list(STAGES), preprocessing=export.PREPROCESSING)
    save(model, path)
    extractor = PretrainedAudioExtractor(path, stage=STAGES[-1], sample_rate=16000, cache=None)
    rng = np.random.default_rng(0)
    sounds = [0.1 * rng.normal(size=n) for n in (3000, 9000, 16000)]
    found = extractor.fit_transform(sounds)
    inputs = extractor.backbone_.preprocessing
    windows = [inputs.windows(inputs.decibels(sound)) for sound in sounds]
    assert [len(part) for part in windows] == [1, 1, 1]
    expected = evaluate.embed(network, torch.from_numpy(np.concatenate(windows)))
    np.testing.assert_allclose(found, expected, atol=1e-4)
