"""Images per second: from arrays, from files and from the cache; and the memory of many files."""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks._data import DataError, load_hymenoptera
from benchmarks._runner import Table
from benchmarks._speed_networks import (
    BATCH,
    THREADS,
    bare_network,
    by_turns,
    find_torch_networks,
    fitted_extractor,
    timed,
    uncut,
)
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._cache.cache import memory
from sktransfer.deep._engines.exported import find_export, output_names
from sktransfer.deep._images.decode import digest_pixels
from sktransfer.deep._images.network_input import network_input, resize_plan
from sktransfer.deep._networks.onnx.cut import cut_graph
from sktransfer.deep._networks.onnx.run import make_session

PER_SECOND = "Images per second, medians of runs by turns; threads on both sides: "


def from_arrays(networks, *, quick):
    """Pixels of the network's own size, beside the bare session on the batches made of them."""
    rows = []
    for name, options in networks.items():
        options = uncut(options)
        X = _pictures(64 if quick else 96 if name == "MobileNetV2" else 320, options)
        for n_jobs in sorted({1, THREADS}):
            rate = _array_rates(X, options, n_jobs, repeats=1 if quick else 5)
            ours = rate["ours"]
            compared = ours / rate["bare"], ours / rate["spinning"], rate["input"]
            rows.append([name, n_jobs, rate["bare"], rate["spinning"], ours, *compared])
    return Table(
        "Features from arrays",
        (
            "network",
            "threads",
            "bare session",
            "bare, spinning",
            "ours",
            "ours / bare (goal 0.95)",
            "ours / spinning",
            "making the input alone",
        ),
        rows,
        notes=(
            f"{PER_SECOND}as in the column; batches of {BATCH}. No cache.",
            "The bare session gets the batches ready made. Ours gets bytes (n, h, w, c) of the "
            "network's own size, and checks, hashes and scales them, in as many threads beside. "
            "Bare has the session options of ours; spinning has ONNX Runtime's own, whose idle "
            "threads burn their processor.",
            "Making the input alone: hashing and scaling, in one thread.",
        ),
    )


def _array_rates(X, options, n_jobs, *, repeats):
    model = fitted_extractor(X, options, n_jobs=n_jobs)
    preprocessing = model.backbone_.preprocessing
    size = preprocessing.channels, *preprocessing.size
    room = np.empty((len(X), *size), dtype=np.float32)
    parts = [slice(first, first + BATCH) for first in range(0, len(X), BATCH)]

    def make_input():
        for part in parts:
            digest_pixels(X[part])
            network_input(X[part], preprocessing, out=room[part])

    make_input()
    batches = [room[part] for part in parts]
    bare = partial(bare_network, model.backbone_, batches, n_jobs)
    jobs = {
        "bare": bare(spinning=False),
        "spinning": bare(spinning=True),
        "ours": partial(model.transform, X),
        "input": make_input,
    }
    taken = by_turns(jobs, repeats=repeats)
    return {job: len(X) / seconds for job, seconds in taken.items()}


def from_torch_networks(data_home, *, quick):
    """Torch networks of three routes, beside bare sessions of their exports and plain torch."""
    rows = []
    for name, route, options in find_torch_networks(data_home):
        options = uncut(options)
        X = _pictures(64 if quick or "MobileNet" in name else 640, options)
        rates, seconds = _torch_rates(X, options, repeats=1 if quick else 7)
        ours = rates["ours"]
        ratios = ours / rates["bare"], ours / rates["torch"]
        rows.append(
            [name, route, rates["bare"], ours, ratios[0], rates["torch"], ratios[1], seconds]
        )
    return Table(
        "Features of torch networks",
        (
            "network",
            "route",
            "bare session",
            "ours",
            "ours / bare (goal 0.75)",
            "plain torch",
            "ours / torch",
            "first fit, seconds",
        ),
        rows,
        notes=(
            f"{PER_SECOND}1; bare session and torch on batches of {BATCH}. No cache.",
            "The bare session runs the exported network on batches ready made; ours starts from "
            "bytes, as in the table above. Plain torch is the module without gradients.",
            "The first fit exports the network and compares it with the module.",
        ),
    )


def _torch_rates(X, options, *, repeats):
    import torch

    from sktransfer.deep._engines.torch_engine import build_torch_stages

    seconds, model = timed(lambda: fitted_extractor(X, options, n_jobs=1))
    backbone, last = model.backbone_, model.backbone_.stages[-1]
    inputs = network_input(X, backbone.preprocessing)
    batches = [inputs[first : first + BATCH] for first in range(0, len(X), BATCH)]
    export = find_export(backbone, last)
    if export is None:
        raise RuntimeError(f"{backbone.name} was not exported: is onnxscript installed?")
    graph = cut_graph(export.graph, output_names(backbone.stages)[last])
    session, stages = make_session(graph, 1), build_torch_stages(backbone)
    name = session.get_inputs()[0].name

    def run_torch():
        with torch.no_grad():
            for batch in batches:
                x = torch.as_tensor(batch)
                for stage in stages:
                    x = stage(x)

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    jobs = {
        "bare": lambda: [session.run(None, {name: batch}) for batch in batches],
        "ours": partial(model.transform, X),
        "torch": run_torch,
    }
    taken = by_turns(jobs, repeats=repeats)
    torch.set_num_threads(n_threads)
    return {job: len(X) / spent for job, spent in taken.items()}, seconds


def _pictures(n_images, options):
    preprocessing = resolve_backbone(**options).preprocessing
    shape = (n_images, *preprocessing.size, preprocessing.channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def find_files(data_home, folder, *, n_files):
    """Photographs where there are any, else pictures that are written to `folder`."""
    try:
        parts = load_hymenoptera(data_home)
        paths = [path for part in parts.values() for path in part[0]]
        return paths[:n_files], "photographs of ants and bees"
    except DataError:
        return write_pictures(folder, min(n_files, 200)), "made pictures of 256 x 256 pixels"


def write_pictures(folder, n_files):
    """Write JPEG files, no two alike; returns their paths."""
    from PIL import Image

    rng, paths = np.random.default_rng(0), []
    for number in range(n_files):
        coarse = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        paths.append(str(Path(folder, f"{number}.jpg")))
        Image.fromarray(coarse).resize((256, 256)).save(paths[-1], quality=90)
    return paths


def _decode(preprocessing, path):
    """The unavoidable work: a file becomes pixels of the network's size, with Pillow alone."""
    from PIL import Image

    with Image.open(path) as image:
        colour = image.convert("RGB" if preprocessing.channels == 3 else "L")
        (h, w), (top, left, height, width) = resize_plan(colour.size[::-1], preprocessing)
        resized = colour.resize((w, h), Image.BILINEAR)
        return np.asarray(resized)[top : top + height, left : left + width]


def from_files(networks, data_home, folder, *, quick):
    """JPEG files, cold and warm, beside decoding alone and the network alone."""
    paths, what = find_files(data_home, folder, n_files=64 if quick else 398)
    cold, warm = [], []
    for name, options in networks.items():
        some = paths if name != "MobileNetV2" else paths[:160]
        rates = _file_rates(some, options, folder, repeats=1 if quick else 3)
        slower = min(rates["decode"], rates["network"])
        limit = 1 / (1 / rates["decode"] + 1 / rates["network"])
        ours = rates["ours"]
        cold.append(
            [name, rates["decode"], rates["network"], limit, ours, ours / slower, ours / limit]
        )
        warm.append(
            [name, ours, *_compared(rates["memory"], ours), *_compared(rates["folder"], ours)]
        )
    return [
        Table(
            f"Features from {len(paths)} JPEG files",
            (
                "network",
                "decoding alone",
                "network alone",
                "both on the same processors",
                "ours",
                "ours / slower (goal 0.9)",
                "ours / both",
            ),
            cold,
            notes=(
                f"{PER_SECOND}{THREADS}; batches of {BATCH}; {what}. No cache.",
                "Decoding alone: Pillow reads, resizes and cuts out, in as many threads. Both "
                "alone keep every processor busy, so that no order of the work can beat "
                "1 / (1 / decoding + 1 / network) on processors that do both.",
            ),
        ),
        Table(
            "The same files again",
            ("network", "cold", "memory", "memory / cold (goal 30)", "folder", "folder / cold"),
            warm,
            notes=(
                f"{PER_SECOND}{THREADS}.",
                "Folder: a cache folder that another process has filled; memory is empty.",
            ),
        ),
    ]


def _compared(rate, cold):
    return [rate, rate / cold]


def _file_rates(paths, options, folder, *, repeats):
    model = fitted_extractor(paths, options)
    preprocessing = model.backbone_.preprocessing
    shape = (BATCH, preprocessing.channels, *preprocessing.size)
    batch = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    parts = [batch[: len(paths) - first] for first in range(0, len(paths), BATCH)]
    in_memory = fitted_extractor(paths, options, cache="memory")
    with (
        ThreadPoolExecutor(THREADS) as threads,
        tempfile.TemporaryDirectory(dir=folder) as store,
    ):
        in_folder = fitted_extractor(paths, options, cache=store)
        in_folder.transform(paths)

        def from_folder():
            memory.clear()
            in_folder.transform(paths)

        decode = partial(_decode, preprocessing)
        jobs = {
            "decode": lambda: list(threads.map(decode, paths)),
            "network": bare_network(model.backbone_, parts, THREADS, spinning=False),
            "ours": partial(model.transform, paths),
            "folder": from_folder,
        }
        taken = by_turns(jobs, repeats=repeats)
        in_memory.transform(paths)
        taken |= by_turns({"memory": partial(in_memory.transform, paths)}, repeats=3 * repeats)
    return {job: len(paths) / seconds for job, seconds in taken.items()}


# A process started by a large one counts its memory too, so a small one goes between.
_LAUNCHER = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"

_MEMORY_SCRIPT = """
import json, resource, sys
from pathlib import Path
from sktransfer import PretrainedFeatureExtractor
folder, n_files, options, cache, unit = sys.argv[1:]
paths = [str(Path(folder, f"{number}.jpg")) for number in range(int(n_files))]
model = PretrainedFeatureExtractor(**json.loads(options), cache=json.loads(cache)).fit(paths)
features = model.transform(paths)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * int(unit)
print(peak, features.nbytes)
"""


def peak_memory(networks, folder, *, quick):
    """The most memory that a process takes for few and for many files."""
    name, options = next(iter(networks.items()))
    counts = (50, 500) if quick else (500, 5000)
    rows = []
    with tempfile.TemporaryDirectory(dir=folder) as pictures:
        write_pictures(pictures, counts[-1])
        for cache in (None, "memory"):
            found = [_measure_memory(pictures, n_files, options, cache) for n_files in counts]
            beyond = [peak - result for peak, result in found]
            rows.append(
                [
                    str(cache),
                    *(megabytes / 2**20 for pair in found for megabytes in pair),
                    beyond[1] / beyond[0],
                ]
            )
    columns = [f"{what}, {n} files" for n in counts for what in ("peak", "result")]
    return Table(
        f"Peak memory in MB, {name}",
        ("cache", *columns, "ratio of peak less result (goal 1)"),
        rows,
        notes=(
            "Resident memory of a process of its own, the interpreter and its libraries included. "
            "The cache in memory holds the features once more, and 300 bytes an image.",
        ),
    )


def _measure_memory(folder, n_files, options, cache):
    import json

    unit = "1" if sys.platform == "darwin" else "1024"
    arguments = [folder, str(n_files), json.dumps(options), json.dumps(cache), unit]
    source = str(Path(__file__).parents[1])
    python_path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, sys.executable, "-c", _MEMORY_SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": python_path},
    )
    return [int(number) for number in done.stdout.split()[-2:]]
