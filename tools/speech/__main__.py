"""Make the network for speech and the spoken digits that ship with sktransfer.

Needs espeak-ng, soxr, torch, onnx and onnxruntime. It can be interrupted at any time, and goes on
where it was; the folder `--work` keeps the state of the training.
"""

import argparse
import json
import shutil
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
from .synthesize import DIGITS, Clips, draw_clips, joined, synthesize, words
from .train import Training

CYCLES = (2500, 1500)
SEED = 0
N_EACH, N_PARTS = 10, 4
NAMES = ("without digits", "with digits")
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
        "--cycles",
        type=int,
        nargs=2,
        default=CYCLES,
        help="batches of the training on words that are no digits, and on all words after it",
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--words", type=int, default=len(words()), help="the first so many")
    parser.add_argument("--each", type=int, default=N_EACH, help="clips of a word, in a part")
    parser.add_argument("--parts", type=int, default=N_PARTS, help="sets of voices and accents")
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


def clips_of(options, *, held_out):
    """Synthesize the words of all sets of voices, or read those of an earlier run.

    Parameters
    ----------
    options : argparse.Namespace
    held_out : bool
        Whether the voices are those of validation, of the first set.

    Returns
    -------
    Clips
    """
    parts = []
    for part in range(1 if held_out else options.parts):
        path = options.work / f"{'held_out' if held_out else 'train'}_{part}.npz"
        if not path.is_file():
            data, seed = options.work / f"voices_{part}" / "espeak-ng-data", [options.seed, part]
            voices.write_voices(data, seed=seed)
            n_each = max(1, options.each // 2) if held_out else options.each
            drawn = draw_clips(options.words, n_each, held_out=held_out, seed=seed)
            clips = elsewhere(synthesize, drawn, data)
            unfinished = path.with_suffix(".part")
            with unfinished.open("wb") as file:
                np.savez(file, **vars(clips))
            unfinished.rename(path)
            log(f"{len(clips.word)} clips in {path}")
        with np.load(path) as stored:
            parts.append(Clips(**stored))
    return joined(parts)


def learned(clips, n_words, *, digits):
    """Number the words that a network learns; the digits come last.

    Parameters
    ----------
    clips : Clips
    n_words : int
        With the digits.
    digits : bool
        Whether they are among those that are learned.

    Returns
    -------
    Clips
    """
    word = (clips.word - len(DIGITS)) % n_words
    clips = replace(clips, word=word)
    return clips if digits else clips.take(np.flatnonzero(word < n_words - len(DIGITS)))


def train(options, clips, *, digits, start):
    """Train a network, or go on with its training.

    Parameters
    ----------
    options : argparse.Namespace
    clips : Clips
    digits : bool
        Whether the digits are among the words.
    start : SpeechNet or None
        The network that it begins from.

    Returns
    -------
    SpeechNet or None
        None if it is not finished.
    """
    n_words, steps, seed = int(clips.word.max()) + 1, options.cycles[digits], options.seed + digits
    training = Training(clips, n_words, cycles=(steps,), seed=seed, start=start)
    path = options.work / f"{NAMES[digits]}_{steps}_{seed}.pt"
    if path.is_file():
        training.load(path)
    finished = training.run(seconds=60 * options.minutes, report=log)
    training.save(path)
    return training.average.eval() if finished else None


def write_and_measure(options, network, unheard, *, digits):
    """Write a network into the folder of the work, and measure it.

    Parameters
    ----------
    options : argparse.Namespace
    network : SpeechNet
    unheard : Clips
        Of voices that it has not heard.
    digits : bool
        Whether it has learned the digits.

    Returns
    -------
    path : Path
    results : dict
    """
    model, path = export.to_onnx(network), options.work / f"{NAMES[digits]}.onnx"
    describe(
        model,
        stages=list(STAGES),
        preprocessing=export.PREPROCESSING,
        recipe=export.recipe(options, digits=digits),
        licence=export.LICENCE,
    )
    save(model, path)
    results = {
        "voices": evaluate.on_voices(network, unheard, n_common=options.words - len(DIGITS)),
        "people": evaluate.on_people(path),
    }
    log(f"{NAMES[digits]}: {json.dumps(results)}")
    return path, results


def build(options):
    """Make everything.

    A network learns the words that are no digits: it ships. Another one goes on from it, with the
    digits, for the comparison.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    bool
        Whether all is done.
    """
    options.work.mkdir(parents=True, exist_ok=True)
    write(elsewhere(spoken_digits.spoken_digits), options.out.parents[1] / SPOKEN)
    clips, unheard = (clips_of(options, held_out=held_out) for held_out in (False, True))
    network, report = None, {}
    for digits in (False, True):
        chosen, others = (learned(part, options.words, digits=digits) for part in (clips, unheard))
        network = train(options, chosen, digits=digits, start=network)
        if network is None:
            return False
        path, report[NAMES[digits]] = write_and_measure(options, network, others, digits=digits)
        if not digits:
            shutil.copyfile(path, options.out / NETWORK)
    (options.out / evaluate.REPORT).write_text(json.dumps(report, indent=2) + "\n")
    return True


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
