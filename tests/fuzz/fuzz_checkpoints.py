"""Checkpoints: mutated files, odd contents, and folders of transformers."""

import io
import json
from functools import lru_cache

import numpy as np

from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._networks.torch.checkpoints import read_checkpoint

# A folder of transformers takes longer than the other cases.
SHARE_OF_FOLDERS = 0.03
WORDS = ("", "module.", "cnn.", "model.backbone.", "a.b.c.d.")


def case(seed, folder):
    rng = np.random.default_rng(seed)
    if rng.random() < SHARE_OF_FOLDERS:
        odd_folder(rng, folder)
        return
    import torch

    kind = rng.choice(["zip", "zip", "pickle", "safetensors"])
    state = odd_state(rng) if rng.random() < 0.4 else good_state(rng)
    content = encoded(state, kind)
    if rng.random() < 0.7:
        content = damaged(content, rng)
    path = folder / ("x.safetensors" if kind == "safetensors" else rng.choice(["x.pth", "x.ckpt"]))
    path.write_bytes(content)
    network = make()
    backbone = resolve_backbone(network, weights=path, preprocessing="tf", input_size=16)
    report, own = backbone.load_report, backbone.module.state_dict()
    names = {name for name in own if not name.endswith("num_batches_tracked")}
    assert names <= set(report.loaded) | set(report.fresh) <= set(own)
    assert not set(report.loaded) & set(report.fresh)
    values = list(read_checkpoint(path).values())
    for name in report.loaded:
        found = own[name].double()
        assert any(v.shape == found.shape and torch.equal(v.double(), found) for v in values), name
    for name in report.fresh:
        assert torch.equal(own[name], network.state_dict()[name]), name


def prepare():
    """Import the libraries, whose import is longer than a case may be."""
    import safetensors.torch
    import torch
    import transformers

    return torch, safetensors, transformers.ResNetModel


case.prepare = prepare


def make():
    import torch
    from torch import nn

    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 5, 3))


def good_state(rng):
    """The weights of the network as a training script may save them."""
    word = str(rng.choice(WORDS))
    state = {word + name: tensor + 1 for name, tensor in make().state_dict().items()}
    home = rng.choice(["", "state_dict", "model", "ema"])
    return {str(home): state, "epoch": 3} if home else state


def odd_state(rng):
    """Plain data whose names, tensors or nesting are odd."""
    import torch

    state = make().state_dict()
    name = str(rng.choice(list(state)))
    tensor = state[name]
    changes = [
        lambda: state.update({name: tensor.to("meta")}),
        lambda: state.update({name: tensor.to_sparse()}),
        lambda: state.update({name: tensor * float(rng.choice([np.nan, np.inf, 1e38]))}),
        lambda: state.update({name: tensor.to(torch.complex64)}),
        lambda: state.update({name: tensor.to(torch.int8)}),
        lambda: state.update({name: tensor.double()}),
        lambda: state.update({name: tensor.half()}),
        lambda: state.update({name: torch.empty(0)}),
        lambda: state.update({name: tensor.expand(1000, *tensor.shape)}),
        lambda: state.update({"x" * 100_000: tensor}),
        lambda: state.update({"." * int(rng.integers(1, 60)): tensor}),
        lambda: state.update({"": tensor, "\n\x00.weight": tensor}),
        lambda: state.update({7: tensor}),
        state.clear,
    ]
    changes[rng.integers(len(changes))]()
    content = dict(state)
    for _ in range(rng.integers(4)):
        content = {"model": content, "net": content, "list": [content]}
    if rng.random() < 0.2:
        content["again"] = content
    return content


def encoded(state, kind):
    """The bytes of a file."""
    import torch
    from safetensors.torch import save

    if kind == "safetensors":
        tensors = {
            str(name): value.contiguous().clone()
            for name, value in _flat(state)
            if value.layout == torch.strided and not value.is_meta
        }
        return save(tensors)
    stream = io.BytesIO()
    torch.save(state, stream, _use_new_zipfile_serialization=kind == "zip")
    return stream.getvalue()


def _flat(content):
    import torch

    for name, value in list(content.items())[:50]:
        if torch.is_tensor(value) and value.numel() < 10_000:
            yield name, value
        elif isinstance(value, dict) and value is not content:
            yield from _flat(value)
            return


def damaged(content, rng):
    """The bytes with some of them changed, moved or left out."""
    content = bytearray(content)
    damage = rng.integers(5)
    if damage == 0:
        for place in rng.integers(len(content), size=rng.integers(1, 12)):
            content[place] = rng.integers(256)
    elif damage == 1:  # the header of safetensors, the pickle of torch
        for place in rng.integers(min(len(content), 600), size=rng.integers(1, 6)):
            content[place] = rng.choice([0, 1, 40, 46, 82, 93, 127, 128, 255, rng.integers(256)])
    elif damage == 2:
        del content[rng.integers(len(content)) :]
    elif damage == 3:
        start, stop = np.sort(rng.integers(len(content), size=2))
        content[start:stop] = content[start:stop][::-1]
    else:
        start, stop = np.sort(rng.integers(len(content), size=2))
        place = rng.integers(len(content))
        content[place:place] = content[start : min(stop, start + 500)]
    return bytes(content)


@lru_cache
def _good_folder():
    """The files of a small network of transformers."""
    import tempfile
    from pathlib import Path

    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 6], depths=[1, 1], layer_type="basic"
    )
    with tempfile.TemporaryDirectory() as name:
        transformers.ResNetModel(config).save_pretrained(name)
        return {path.name: path.read_bytes() for path in Path(name).iterdir()}


def odd_folder(rng, folder):
    """A folder with a changed config.json or damaged weights."""
    files = dict(_good_folder())
    if rng.random() < 0.7:
        config = json.loads(files["config.json"])
        for _ in range(rng.integers(3)):
            name = str(rng.choice(list(config)))
            odd = [None, -1, 0, "x", [], {}, [-2], 2.5, True, [4, 6, 8], "resnet", "vit"]
            config[name] = odd[rng.integers(len(odd))]
        if rng.random() < 0.3:
            config["auto_map"] = {"AutoModel": "somebody/else--code.Model"}
        files["config.json"] = json.dumps(config).encode()
    if rng.random() < 0.3:
        files["config.json"] = damaged(files["config.json"], rng)
    if rng.random() < 0.3:
        files["model.safetensors"] = damaged(files["model.safetensors"], rng)
    if rng.random() < 0.5:
        processor = {"image_processor_type": "ViTImageProcessor", "size": rng.integers(40).item()}
        odd = [None, "x", [], -1, {"height": 0, "width": 40}, {"shortest_edge": "x"}]
        processor["size"] = odd[rng.integers(len(odd))]
        files["preprocessor_config.json"] = json.dumps(processor).encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    resolve_backbone(f"hf:{folder}", preprocessing="tf", input_size=40)
