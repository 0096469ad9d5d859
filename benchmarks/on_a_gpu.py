"""Images a second on a GPU, beside the bare network.

Which share of a network's own speed do features have, from pixels and from JPEG files in memory,
and what limits them? ResNet-50, ViT-B/16 and ConvNeXt-B are written in plain torch with random
weights, so the run needs no other package. It is meant to take less than five minutes on a GPU.
``--quick`` takes small networks, also on a processor alone, and shows that all of it runs.
"""

import copy
import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from functools import partial

import numpy as np
from PIL import Image

from benchmarks._runner import Table, _processor
from benchmarks._speed_networks import THREADS, by_turns, timed
from sktransfer import PretrainedFeatureExtractor
from sktransfer.deep import Preprocessing
from sktransfer.deep._engines.engine import read_for

BATCH = 256

# Mean and standard deviation. Nothing is cut, so that pixels of the right size are not resized.
PHOTOGRAPHS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COLUMNS = (
    *("network", "precision", "from", "bare", "bare compiled", "reading", "ours"),
    *("share", "limit", "first batch, seconds"),
)


def run(data_home, *, quick=False):
    """Measure all networks.

    Parameters
    ----------
    data_home : Path or None
        Not used: the pictures are made.
    quick : bool, default=False
        Small networks, few images, one run of each.

    Returns
    -------
    tables : list of Table
    """
    import torch

    from benchmarks._gpu_networks import make_networks

    device = "cuda" if torch.cuda.is_available() else "cpu"
    tiny, size = quick, 32 if quick else 224
    if device == "cpu" and not quick:
        note = "There is no GPU here; --quick runs small networks on the processor."
        return [Table("Images a second on a GPU", COLUMNS, [], notes=[note])]
    n_images = 64 if quick else 4096
    sources = {"pixels": _pixels(n_images, size), "JPEG": _jpeg(n_images, 2 * size)}
    rows = []
    for name, network in make_networks(tiny=tiny).items():
        for precision in ("float32", "bfloat16"):
            rows += _measure(name, network, precision, sources, device, size, quick)
            print(f"{name}, {precision}: done", flush=True)
    card = torch.cuda.get_device_name() if device == "cuda" else _processor()
    return [Table("Images a second on a GPU", COLUMNS, rows, notes=_notes(card, n_images, size))]


def _notes(card, n_images, size):
    return [
        f"{card}; {n_images} images, {size} x {size}, {THREADS} threads; random weights, no cache.",
        "Bare: the module alone, batches on the device already, channels last, float32 without "
        "TF32; pooled. Compiled: the same by torch.compile, in bfloat16 on a GPU. Reading: all but "
        "the network: hash, decode, resize (JPEG only). Share: ours over the smaller of reading "
        "and the quickest bare one (goal .8), which is the limit. First batch: one image, not "
        "counted in the rates; the network is built and moved.",
    ]


def _pixels(n_images, size):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n_images, size, size, 3), dtype=np.uint8)


def _jpeg(n_images, width):
    """Files with the content of soft pictures, 4 : 3, each another one."""

    def encode(number):
        levels = np.random.default_rng(number).integers(0, 256, (12, 16, 3), dtype=np.uint8)
        stream = io.BytesIO()
        picture = Image.fromarray(levels).resize((width, 3 * width // 4), Image.Resampling.BICUBIC)
        picture.save(stream, "JPEG", quality=90)
        return stream.getvalue()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(encode, range(n_images)))


def _measure(name, network, precision, sources, device, size, quick):
    """The rows of one network in one precision, one for each source."""
    extractor = PretrainedFeatureExtractor(
        network,
        preprocessing=Preprocessing((size, size), 3, *PHOTOGRAPHS),
        precision=precision,
        device=device,
        batch_size=BATCH,
        cache=None,
    ).fit(sources["pixels"][:4])
    first, _ = timed(lambda: extractor.transform(sources["pixels"][:1]))
    jobs = _bare(network, precision, device, size, quick)
    for source, X in sources.items():
        jobs["reading", source] = partial(_read, extractor, X)
        jobs["ours", source] = partial(extractor.transform, X)
    seconds = by_turns(jobs, repeats=1 if quick else 2)
    n_images = len(sources["pixels"])
    n_bare = _n_batches(quick) * (8 if quick else BATCH)
    rate = {
        job: (n_bare if isinstance(job, str) else n_images) / taken
        for job, taken in seconds.items()
    }
    bare = max(rate["bare"], rate.get("compiled", 0))
    rows = []
    for source in sources:
        reading, ours = rate["reading", source], rate["ours", source]
        limit = "network" if bare < reading else "reading"
        known = rate["bare"], rate.get("compiled"), reading, ours, ours / min(bare, reading)
        rows.append([name, precision, source, *known, limit, first])
    return rows


def _n_batches(quick):
    return 2 if quick else 8


def _bare(network, precision, device, size, quick):
    """Jobs that run the module alone; compiled only if that is worth its minutes."""
    import torch

    bare = copy.deepcopy(network).to(device).to(memory_format=torch.channels_last)
    batch = torch.rand(8 if quick else BATCH, 3, size, size, device=device)
    batch = batch.to(memory_format=torch.channels_last)
    dtype = getattr(torch, precision)

    def job(module):
        quickest = nullcontext()
        if device == "cuda":
            quickest = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)
        with (
            quickest,
            torch.inference_mode(),
            torch.autocast(device, dtype, enabled=dtype != torch.float32),
        ):
            for _ in range(_n_batches(quick)):
                found = module(batch)
                found.mean(dim=(2, 3) if found.ndim == 4 else 1)
        if device == "cuda":
            torch.cuda.synchronize()

    jobs = {"bare": partial(job, bare)}
    if device == "cuda" and precision != "float32" and not quick:
        jobs["compiled"] = partial(job, torch.compile(bare))
    return jobs


def _all(positions, digests, reading):
    return np.ones(len(positions), dtype=bool)


def _read(extractor, X):
    """Do all that comes before the network, as `transform` does."""
    inputs = extractor.backbone_.preprocessing
    items = inputs.read(X, extractor, reset=False)
    run = read_for(extractor.engine_, inputs.kind, extractor._run())
    with closing(items.batches(inputs, run, [], choose=_all)) as batches:
        for _ in batches:
            pass
