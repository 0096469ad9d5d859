"""What the speed benchmark of the deep half shares: networks, bare sessions, and turns."""

import contextlib
import warnings
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks._data import DataError
from benchmarks._weights import find_mobilenet_v2
from sktransfer import PretrainedFeatureExtractor
from sktransfer._extras import is_installed
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._networks.onnx.cut import cut_graph
from sktransfer.deep._networks.onnx.run import make_session
from sktransfer.deep._threads import n_threads

BATCH = 32
THREADS = n_threads(None)


def by_turns(jobs, *, repeats):
    """Run jobs by turns, once each before it counts; the medians of their seconds.

    Parameters
    ----------
    jobs : dict of str to callable
    repeats : int

    Returns
    -------
    seconds : dict of str to float
    """
    seconds = {name: [] for name in jobs}
    for number in range(repeats + 1):
        for name, job in jobs.items():
            start = perf_counter()
            job()
            if number:
                seconds[name].append(perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}


def timed(job):
    """Run something once; its seconds and its result."""
    start = perf_counter()
    result = job()
    return perf_counter() - start, result


def find_networks(data_home, folder):
    """Find the networks that are there.

    Parameters
    ----------
    data_home : Path or None
        The folder of data sets; weights are looked for beside it.
    folder : str
        Where MobileNetV2 is written to, as ONNX, by torch.

    Returns
    -------
    networks : dict of str to dict
        The network's options of the extractor, its last stage being its features; "glyphs", which
        ships with the package, where there is no other.
    """
    networks = {}
    path = None if data_home is None else Path(data_home, "../weights/mobilenet_v1_0.25_224.onnx")
    if path and path.exists():
        found = resolve_backbone(path, preprocessing="tf").stages
        stages = [found[len(found) // 2], found[-1], "features"]
        networks["MobileNetV1-0.25"] = _network(path.resolve(), stages)
    path = _export_mobilenet_v2(data_home, Path(folder, "mobilenet_v2.onnx"))
    if path:
        networks["MobileNetV2"] = _network(path, ["features"])
    return networks or {"glyphs": {"backbone": "glyphs"}}


def find_torch_networks(data_home):
    """Find torch networks of each route that is there.

    Returns
    -------
    networks : list of (str, str, dict)
        The name, the route, and the options of the extractor. The module has random weights.
    """
    try:
        import torch
    except ImportError:
        return []

    def block(n_in, n_out, stride):
        convolution = torch.nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False)
        return torch.nn.Sequential(convolution, torch.nn.BatchNorm2d(n_out), torch.nn.ReLU())

    sizes = [(3, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]
    module = torch.nn.Sequential(*(block(*size) for size in sizes))
    options = {"backbone": module, "preprocessing": "tf", "input_size": 64}
    networks = [("6 convolutions, 64 x 64", "own module", options)]
    with contextlib.suppress(ImportError, DataError):
        import transformers  # noqa: F401

        source = find_mobilenet_v2(data_home)
        networks.insert(0, ("MobileNetV2", "hf", {"backbone": source}))
    if is_installed("timm"):
        networks.append(("ResNet-18", "timm", {"backbone": "timm:resnet18.a1_in1k"}))
    return networks


def _network(path, stages):
    return {"backbone": str(path), "preprocessing": "tf", "stages": stages}


def _export_mobilenet_v2(data_home, path):
    """Write the pooled features of MobileNetV2 as ONNX; None where something is missing."""
    try:
        import torch
        from transformers import MobileNetV2Model

        source = find_mobilenet_v2(data_home).removeprefix("hf:")
    except (ImportError, DataError):
        return None

    class Pooled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = MobileNetV2Model.from_pretrained(source)

        def forward(self, image):
            return self.network(pixel_values=image).pooler_output

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Pooled().eval(),
            (torch.zeros(2, 3, 224, 224),),
            str(path),
            dynamo=False,
            input_names=["image"],
            output_names=["features"],
            dynamic_axes={"image": {0: "n"}, "features": {0: "n"}},
        )
    return path


def uncut(options):
    """The same network for images of its input size: nothing is resized, nothing cut off."""
    preprocessing = replace(resolve_backbone(**options).preprocessing, crop=None)
    return {**options, "preprocessing": preprocessing}


def fitted_extractor(X, options, *, cache=None, n_jobs=THREADS):
    """An extractor that is fitted on a few of the images, with the threads of the bare session."""
    made = PretrainedFeatureExtractor(**options, batch_size=BATCH, n_jobs=n_jobs, cache=cache)
    return made.fit(X[:4])


def bare_network(backbone, batches, threads, *, spinning):
    """ONNX Runtime alone over batches that are the network's input already.

    Without `spinning` with the options that the engine has, else with ONNX Runtime's own: idle
    threads of it burn their processor for a while. The threads are as many.
    """
    weights = cut_graph(backbone.weights(), backbone.stages[-1])
    session = (_session_with_defaults if spinning else make_session)(weights, threads)
    name = session.get_inputs()[0].name
    return lambda: [session.run(None, {name: batch})[0] for batch in batches]


def _session_with_defaults(weights, threads):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 3
    return onnxruntime.InferenceSession(
        weights, sess_options=settings, providers=["CPUExecutionProvider"]
    )
