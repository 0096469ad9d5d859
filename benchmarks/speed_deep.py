"""Speed of the deep half: images, the cache, searches and memory.

What does a user pay beyond the network itself? Each table holds seconds or images per second of
one run in which the sides take turns, and their ratio: features from arrays and from files beside
the bare network, the same files again, searches beside what they cannot avoid and beside
scikit-learn's own ways, and the memory of many files; `speed_deep_peers` has the peers, and
`on_a_gpu` a GPU.

MobileNetV1-0.25 (an ONNX file) and MobileNetV2 (written as ONNX by torch) are looked for in the
folder ``weights`` beside the data sets; without them "glyphs" stands in, and made pictures for the
photographs.
"""

import tempfile

from benchmarks._speed_images import from_arrays, from_files, from_torch_networks, peak_memory
from benchmarks._speed_networks import find_networks, timed
from benchmarks._speed_searches import depth_searches, stage_search


def run(data_home, *, quick=False):
    """Measure everything.

    Parameters
    ----------
    data_home : Path or None
        Where photographs are looked for, and weights beside it.
    quick : bool, default=False
        Fewer images and folds, and one run of each.

    Returns
    -------
    tables : list of Table
    """
    with tempfile.TemporaryDirectory() as folder:
        networks = find_networks(data_home, folder)
        jobs = (
            lambda: from_arrays(networks, quick=quick),
            lambda: from_torch_networks(data_home, quick=quick),
            lambda: from_files(networks, data_home, folder, quick=quick),
            lambda: depth_searches(quick=quick),
            lambda: stage_search(networks, data_home, folder, quick=quick),
            lambda: peak_memory(networks, folder, quick=quick),
        )
        tables = []
        for job in jobs:
            seconds, made = timed(job)
            tables += made if isinstance(made, list) else [made]
            print(f"{tables[-1].title}: {seconds:.0f} seconds", flush=True)
        return tables
