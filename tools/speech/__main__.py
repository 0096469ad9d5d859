"""Make the network for speech and the spoken digits that ship with sktransfer.

Needs espeak-ng, soxr, torch, onnx and onnxruntime. It can be interrupted at any time, and goes on
where it was; the folder `--work` keeps the state of the training.
"""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from tools.glyphs.export import describe, save
from tools.glyphs.printed_digits import write

from . import evaluate, export, spoken_digits, voices
from .network import STAGES
from .synthesize import DIGITS, Clips, draw_clips, synthesize, words
from .train import Training

CYCLES = (1600,)
SEED = 0
N_EACH, N_EACH_HELD_OUT = 60, 6
WEIGHTS = Path("sktransfer/deep/weights")
NETWORK = "speech.onnx"
SPOKEN = Path("datasets/data/synthetic_digits.npz")


def arguments():
    """Read the command line.

    Returns
    -------
    argparse.Namespace
        Its values.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.speech", description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder of the ONNX file")
    parser.add_argument("--work", type=Path, default=Path("build/speech"))
    parser.add_argument(
        "--cycles", type=int, nargs="+", default=CYCLES, help="batches of each cycle of training"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="end after so many, to go on later"
    )
    return parser.parse_args()


def log(text):
    """Print a line at once.

    Parameters
    ----------
    text : str
        The line.
    """
    print(text, flush=True)


def elsewhere(function, *arguments):
    """Call a function in a process of its own, in which espeak-ng is opened.

    Parameters
    ----------
    function : callable
    *arguments
        What it is called with.

    Returns
    -------
    object
        What it returns.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def clips_of(folder, *, held_out, seed):
    """Synthesize the words of a set of voices, or read those of an earlier run.

    Parameters
    ----------
    folder : Path
    held_out : bool
        Whether the voices are those of validation.
    seed : int

    Returns
    -------
    Clips
    """
    path = folder / f"{'held_out' if held_out else 'train'}_{seed}.npz"
    if not path.is_file():
        n_each = N_EACH_HELD_OUT if held_out else N_EACH
        drawn = draw_clips(n_each, held_out=held_out, seed=seed)
        clips = elsewhere(synthesize, drawn, folder / "data" / "espeak-ng-data")
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            np.savez(file, **vars(clips))
        unfinished.rename(path)
        log(f"{len(clips.word)} clips in {path}")
    with np.load(path) as stored:
        return Clips(**stored)


def without_digits(clips):
    """Leave the digits out.

    Parameters
    ----------
    clips : Clips

    Returns
    -------
    Clips
        The words are numbered from 0 again.
    """
    clips = clips.take(np.flatnonzero(clips.word >= len(DIGITS)))
    return replace(clips, word=clips.word - len(DIGITS))


def train(options, *, digits):
    """Train a network, or go on with its training.

    Parameters
    ----------
    options : argparse.Namespace
    digits : bool
        Whether the ten digits are among the words.

    Returns
    -------
    network : SpeechNet or None
        None if it is not finished.
    results : dict
        Of the evaluation.
    """
    clips, unheard = (clips_of(options.work, held_out=part, seed=options.seed) for part in (0, 1))
    if not digits:
        clips, unheard = without_digits(clips), without_digits(unheard)
    n_words = len(words(digits=digits))
    training = Training(clips, n_words, cycles=options.cycles, seed=options.seed)
    name, cycles = "with" if digits else "without", "_".join(map(str, options.cycles))
    path = options.work / f"{name}_{cycles}_{options.seed}.pt"
    if path.is_file():
        training.load(path)
    finished = training.run(seconds=60 * options.minutes, report=log)
    training.save(path)
    if not finished:
        return None, {}
    network = training.average.eval()
    results = {
        "voices": evaluate.on_voices(network, unheard),
        "people": evaluate.on_people(network),
    }
    log(f"{name} the digits: {json.dumps(results)}")
    return network, results


def build(options):
    """Make everything; the network that is written has not heard the digits.

    So its features of spoken digits are of new words. Both networks are measured.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    bool
        Whether all is done.
    """
    options.work.mkdir(parents=True, exist_ok=True)
    voices.write_voices(options.work / "data" / "espeak-ng-data", seed=options.seed)
    write(elsewhere(spoken_digits.spoken_digits), options.out.parents[1] / SPOKEN)
    network, results = train(options, digits=False)
    if network is None:
        return False
    model = export.to_onnx(network)
    other, heard = train(options, digits=True)
    describe(
        model,
        stages=list(STAGES),
        preprocessing=export.PREPROCESSING,
        recipe=export.recipe(cycles=options.cycles, seed=options.seed, n_each=N_EACH, digits=False),
        evaluation=results,
        licence=export.LICENCE,
    )
    save(model, options.out / NETWORK)
    report = {"without digits": results, "with digits": heard}
    (options.out / evaluate.REPORT).write_text(json.dumps(report, indent=2) + "\n")
    return other is not None


def main():
    """Run the command, or say what is missing.

    Returns
    -------
    int
        Exit status: 0 if all is done.
    """
    options = arguments()
    torch.set_num_threads(options.threads)
    try:
        return 0 if build(options) else 1
    except RuntimeError as missing:
        log(str(missing))
        return 1


if __name__ == "__main__":
    sys.exit(main())
