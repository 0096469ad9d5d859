"""Make the network and the printed digits that ship with sktransfer.

Needs Debian, torch, onnx, onnxruntime and the packages of `tools.glyphs.fonts.LICENCES`.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch

from . import evaluate, export, fonts, printed_digits, render, train

STEPS = 2500
SEED = 0
THREADS = 2
WEIGHTS = Path("sktransfer/deep/weights")
NETWORK = "glyphs.onnx"
DIGITS = Path("datasets/data/printed_digits.npz")


def arguments():
    """Read the command line.

    Returns
    -------
    argparse.Namespace
        Its values.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.glyphs", description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder of the ONNX file")
    parser.add_argument("--digits", type=Path, help="file of the printed digits")
    parser.add_argument("--steps", type=int, default=STEPS, help="batches of training")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--threads", type=int, default=THREADS)
    return parser.parse_args()


def log(text):
    """Print a line at once.

    Parameters
    ----------
    text : str
        The line.
    """
    print(text, flush=True)


def build(options):
    """Draw the fonts, train, and write all files.

    Parameters
    ----------
    options : argparse.Namespace
        What `arguments` returns.
    """
    faces = [face for found in fonts.installed_faces().values() for face in render.select(found)]
    digits = options.digits or options.out.parents[1] / DIGITS
    printed_digits.write(printed_digits.printed_digits(faces), digits)
    seen = [face for face in faces if not face.held_out]
    unseen = [face for face in faces if face.held_out]
    log(f"{len(seen)} faces to learn from, {len(unseen)} held out: drawing their glyphs")
    masters, validation = render.masters_of(seen), render.masters_of(unseen)
    start = time.monotonic()
    network = train.train(masters, steps=options.steps, seed=options.seed, report=log)
    seconds = time.monotonic() - start
    recipe = export.recipe(options.steps, options.seed, seconds)
    publish(network, validation, faces, recipe, options.out)


def publish(network, validation, faces, recipe, folder):
    """Write the network with its description and its evaluation.

    Parameters
    ----------
    network : GlyphNet
        The trained network.
    validation : Masters
        Glyphs of the held-out faces.
    faces : list of Face
        All faces used.
    recipe : dict
        How the network was trained.
    folder : Path
        Where the files go.
    """
    model = export.to_onnx(network)
    session = evaluate.open_network(model.SerializeToString())
    head = tuple(p.detach().numpy() for p in (network.head.weight, network.head.bias))
    images, target = (part.numpy() for part in train.validation_batches(validation))
    results = {
        "held_out_faces": evaluate.held_out_accuracy(session, head, images[:, 0], target),
        **evaluate.evaluate(session),
    }
    export.describe(
        model,
        stages=list(export.architecture.STAGES),
        preprocessing=export.PREPROCESSING,
        recipe=recipe,
        fonts=export.packages(faces),
        evaluation=results,
        licence=export.LICENCE,
    )
    export.save(model, folder / NETWORK)
    (folder / evaluate.REPORT).write_text(json.dumps(results, indent=2) + "\n")
    log(evaluate.table(results))


def main():
    """Run the command, or say which fonts are missing.

    Returns
    -------
    int
        Exit status.
    """
    options = arguments()
    torch.set_num_threads(options.threads)
    try:
        build(options)
    except fonts.FontsMissing as missing:
        log(str(missing))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
