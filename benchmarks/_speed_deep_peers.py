"""The same network and images in embetter, and in a skorch recipe."""

import tempfile
import warnings
from functools import partial
from importlib.util import find_spec

import numpy as np

from benchmarks._runner import Table
from benchmarks._speed_images import find_files
from benchmarks._speed_networks import BATCH, THREADS, by_turns, timed
from sktransfer import FineTuneClassifier, PretrainedFeatureExtractor

NETWORK = "mobilenetv2_100"
EPOCHS = 5
COLUMNS = ("job", "peer", "ours", "peer / ours")


def beside_peers(data_home, folder, *, quick):
    """Seconds of embetter's encoder and of a skorch recipe, with the weights of one file."""
    missing = _missing("torchvision", "timm", "embetter", "skorch")
    rows, notes = [], [f"Not run: {missing}."]
    if not missing:
        paths, what = find_files(data_home, folder, n_files=398)
        paths = [str(path) for path in paths[:: 25 if quick else 4]]
        try:
            found, rows = _encoders(paths, folder, quick)
            rows.append(_fits(paths))
        except Exception as error:  # a peer that fails is a finding, not the end of the run
            found = [f"Stopped by {type(error).__name__}: {error}"]
        notes = [
            f"Seconds; {NETWORK} of timm with random weights, {len(paths)} files, {what}; torch "
            f"in as many threads on both sides, {THREADS}. Ours has no cache in the first job.",
            "embetter: ImageLoader and TimmEncoder, one image at a time. skorch: frozen network "
            f"and a linear head, {EPOCHS} epochs of Adam over images in memory as tensors; ours "
            "converges.",
            *found,
        ]
    return Table("Beside embetter and skorch", COLUMNS, rows, notes=notes, digits=3)


def _missing(*names):
    """Say which packages cannot be imported; None where all can."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if find_spec("torchvision"):
            _declare_operators()
        for name in names:
            try:
                __import__(name)
            except Exception as error:  # a torchvision built for another torch raises anything
                return f"{name} cannot be imported ({type(error).__name__})"
    return None


def _declare_operators():
    """Let a torchvision without compiled operators be imported; none of them is used here."""
    import torch

    box = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    for name in ("nms", "qnms"):
        try:
            torch.library.define(f"torchvision::{name}", box)
        except RuntimeError:  # it has them
            return


def _save_network(folder):
    """Write a network as timm does, a folder of a configuration and weights; its name in timm."""
    import timm
    import torch
    from timm.models import save_for_hf

    torch.manual_seed(0)
    network = timm.create_model(NETWORK, pretrained=False)
    save_for_hf(network, folder, safe_serialization=True)
    return f"local-dir:{folder}"


def _encoders(paths, folder, quick):
    import torch
    from embetter.vision import ImageLoader, TimmEncoder

    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory(dir=folder) as weights:
        name = _save_network(weights)
        loader, encoder = ImageLoader(), TimmEncoder(name=name)
        ours = PretrainedFeatureExtractor(
            f"timm:{name}", batch_size=BATCH, n_jobs=THREADS, cache=None
        ).fit(paths[:4])
        again = PretrainedFeatureExtractor(f"timm:{name}", n_jobs=THREADS).fit(paths[:4])
        again.transform(paths)
        jobs = {
            "peer": lambda: encoder.transform(loader.fit_transform(paths)),
            "ours": partial(ours.transform, paths),
            "again": partial(again.transform, paths),
        }
        taken = by_turns(jobs, repeats=1 if quick else 3)
        features = ours.transform(paths)
        as_it_is = _agreement(jobs["peer"](), features)
        fresh = TimmEncoder(name=name)  # training mode has changed the statistics of the other
        fresh.model.eval()
        evaluated = _agreement(fresh.transform(loader.transform(paths)), features)
    notes = [
        f"embetter leaves the network in training mode, in which batch-norm takes the statistics "
        f"of the one image: its features are {as_it_is} of the largest value from ours, in "
        f"evaluation mode {evaluated}.",
    ]
    return notes, [
        ["embetter: encode", *_compared(taken["peer"], taken["ours"])],
        ["embetter: encode again, ours cached", *_compared(taken["peer"], taken["again"])],
    ]


def _compared(peer, ours):
    return [peer, ours, peer / ours]


def _agreement(found, expected):
    return f"{np.abs(found - expected).max() / np.abs(expected).max():.0e}"


def _fits(paths):
    """A classifier on frozen features: one fit."""
    import timm
    import torch
    from PIL import Image
    from skorch import NeuralNetClassifier

    y = np.arange(len(paths)) % 2
    network = timm.create_model(NETWORK, pretrained=False, num_classes=0).eval()
    config = timm.data.resolve_data_config({}, model=network)
    prepare = timm.data.create_transform(**config)

    class Frozen(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network.requires_grad_(False)
            self.head = torch.nn.Linear(network.num_features, 2)

        def forward(self, X):
            return self.head(self.network.eval()(X))

    def recipe():
        X = torch.stack([prepare(Image.open(path).convert("RGB")) for path in paths])
        net = NeuralNetClassifier(
            Frozen,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            max_epochs=EPOCHS,
            batch_size=BATCH,
            train_split=None,
            verbose=0,
        )
        net.fit(X, torch.as_tensor(y))

    def ours():
        model = FineTuneClassifier(
            network, preprocessing=(config["mean"], config["std"]), input_size=224, cache=None
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(paths, y)

    ours()
    seconds = [timed(job)[0] for job in (recipe, ours)]
    return [f"skorch: fit a head, {EPOCHS} epochs", *_compared(*seconds)]
