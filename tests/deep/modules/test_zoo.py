"""Networks of the zoos come with their own preprocessing, quietly, and say what is missing."""

import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="networks need torch")

import torch

from sktransfer.deep import FineTuneClassifier, PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._images.network_input import network_input
from sktransfer.deep._networks.onnx.run import make_session
from sktransfer.deep._networks.torch.network_access import is_reachable
from sktransfer.deep._networks.torch.zoo import load_zoo
from sktransfer.deep._networks.torch.zoo_preprocessing import (
    from_timm,
    from_torchvision,
    from_transformers,
)
from sktransfer.deep._preprocessing import Preprocessing

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 32, "width": 32},
    "resample": 2,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny vision transformer with random weights, as transformers saves it."""
    transformers = pytest.importorskip("transformers", reason="no transformers")
    path = tmp_path_factory.mktemp("hf") / "tiny-vit"
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
        num_labels=3,
    )
    torch.manual_seed(0)
    transformers.ViTForImageClassification(config).save_pretrained(path)
    (path / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return path


def test_a_folder_of_transformers_is_a_backbone(folder):
    backbone = resolve_backbone(f"hf:{folder}")
    assert backbone.name == "tiny-vit"
    assert backbone.source == f"hf:{folder}"
    assert backbone.module is None  # a pickle does not carry the weights
    assert backbone.stages == (*(f"vit.layers.{k}" for k in range(4)), "vit.layernorm")
    assert set(backbone.shapes) == {((32 // 8) ** 2 + 1, 16)}
    assert backbone.preprocessing == Preprocessing((32, 32), 3, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    assert backbone.locate("classifier").shape == (3,)


def test_features_are_those_of_transformers(folder):
    from transformers import ViTForImageClassification

    X = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    found = PretrainedFeatureExtractor(f"hf:{folder}").fit_transform(X)
    logits = PretrainedFeatureExtractor(f"hf:{folder}", stage="classifier").fit_transform(X)
    images = (X / 255 - PROCESSOR["image_mean"]) / PROCESSOR["image_std"]
    images = torch.tensor(images.transpose(0, 3, 1, 2), dtype=torch.float32)
    model = ViTForImageClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        tokens = model.vit(images).last_hidden_state
        expected = model(images).logits
    np.testing.assert_allclose(found, tokens.mean(dim=1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_a_folder_is_fine_tuned_and_exported(folder, tmp_path):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 20)
    X = rng.uniform(0.0, 0.5, (40, 32, 32, 3)) + 0.5 * y[:, None, None, None]
    classifier = FineTuneClassifier(f"hf:{folder}", freeze_depth=3, max_epochs=2, random_state=0)
    assert classifier.fit(X, y).score(X, y) == 1.0
    assert classifier.stage_weights_
    classifier.to_onnx(tmp_path / "m.onnx")
    session = make_session((tmp_path / "m.onnx").read_bytes())
    for images in (X, X[:1]):
        label, found = session.run(None, {"X": images.astype(np.float32)})
        np.testing.assert_array_equal(label, classifier.predict(images))
        np.testing.assert_allclose(found, classifier.predict_proba(images), rtol=0, atol=1e-5)


def test_weights_that_are_lacking_are_an_error(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    state = {name: tensor for name, tensor in state.items() if "layernorm.weight" not in name}
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks weights .*random: vit.layernorm.weight"):
        resolve_backbone(f"hf:{tmp_path}")


def test_a_description_whose_weights_have_changed_is_an_error(folder):
    from dataclasses import replace

    from sktransfer.deep._networks.torch.describe import find_module

    backbone = replace(resolve_backbone(f"hf:{folder}"), fingerprint="0" * 64)
    with pytest.raises(ValueError, match="are not the ones that fit has seen"):
        find_module(backbone)


def test_a_folder_without_preprocessor_asks_for_preprocessing(folder, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(ValueError, match="does not say how pixels become its input"):
        resolve_backbone(f"hf:{tmp_path}")
    backbone = resolve_backbone(f"hf:{tmp_path}", preprocessing="tf", input_size=32)
    assert backbone.preprocessing.mean == (0.5, 0.5, 0.5)


def test_a_folder_that_is_none_of_transformers_is_an_error(tmp_path):
    pytest.importorskip("transformers", reason="no transformers")
    with pytest.raises(OSError, match=r"is a folder that transformers cannot read .*config.json"):
        load_zoo(f"hf:{tmp_path}")


def test_a_name_that_is_nowhere_says_what_was_tried(tmp_path):
    pytest.importorskip("transformers", reason="no transformers")
    code = (
        "from sktransfer.deep._networks.torch.zoo import load_zoo\n"
        "try: load_zoo('hf:no-such/network')\n"
        "except OSError as error: print(error)\n"
    )
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    result = run(code, offline)
    assert "no folder of this name" in result.stdout
    assert "not in the cache of Hugging Face" in result.stdout
    assert "save_pretrained" in result.stdout
    assert "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE forbids it" in result.stdout
    assert result.stderr == ""


def run(code, environment=()):
    import os

    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **dict(environment)},
        timeout=120,
    )


def test_the_same_network_in_another_folder_is_the_same(folder, tmp_path):
    copied = shutil.copytree(folder, tmp_path / "elsewhere")
    here, there = resolve_backbone(f"hf:{folder}"), resolve_backbone(f"hf:{copied}")
    assert here.fingerprint == there.fingerprint
    assert here.source != there.source


def test_loading_is_silent_and_the_settings_of_transformers_stay(folder):
    code = (
        "from transformers.utils import logging\n"
        "logging.set_verbosity_info()\n"
        "from sktransfer.deep._networks.torch.zoo import load_zoo\n"
        f"load_zoo({'hf:' + str(folder)!r})\n"
        "assert logging.get_verbosity() == logging.INFO\n"
        "assert logging.is_progress_bar_enabled()\n"
        "import os\n"
        "assert 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ\n"
    )
    result = run(code)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("source", "library", "extra"),
    [
        ("hf:folder", "transformers", "hf"),
        ("torchvision:resnet18", "torchvision", "zoo"),
        ("timm:resnet18", "timm", "zoo"),
    ],
)
def test_a_missing_library_is_one_sentence_that_names_the_extra(
    source, library, extra, monkeypatch
):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"{source}.* needs {library}.*sktransfer\[{extra}\]"):
        load_zoo(source)


def test_a_zoo_without_a_name_is_an_error():
    with pytest.raises(ValueError, match="backbone='timm:' names no network"):
        load_zoo("timm:")


# ---- how the zoos describe their preprocessing


TRANSFORMERS = {
    "squashed": ({}, {"size": (32, 32)}),
    "shortest edge and crop": (
        {
            "size": {"shortest_edge": 40},
            "do_center_crop": True,
            "crop_size": {"height": 32, "width": 32},
        },
        {"size": (32, 32), "crop": 0.8},
    ),
    "an old size and bicubic": (
        {"size": {"shortest_edge": 40}, "crop_size": 32, "do_center_crop": True, "resample": 3},
        {"size": (32, 32), "crop": 0.8, "resize": "bicubic"},
    ),
    "ConvNeXT below 384": (
        {"size": {"shortest_edge": 224}, "crop_pct": 0.875},
        {"size": (224, 224), "crop": 224 / 256},
    ),
    "ConvNeXT from 384 on": (
        {"size": {"shortest_edge": 384}, "crop_pct": 0.875},
        {"size": (384, 384)},
    ),
    "blue first": ({"do_flip_channel_order": True}, {"channel_order": "bgr"}),
    "not normalised": ({"do_normalize": False}, {"mean": (0.0,) * 3, "std": (1.0,) * 3}),
}


@pytest.mark.parametrize("case", TRANSFORMERS)
def test_image_processors_of_transformers_are_translated(case):
    changes, expected = TRANSFORMERS[case]
    plain = {"size": (32, 32), "channels": 3, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
    found = from_transformers(PROCESSOR | changes, "net")
    wanted = Preprocessing(**plain | expected)
    np.testing.assert_allclose(found.mean, wanted.mean)
    np.testing.assert_allclose(found.std, wanted.std)
    for field in ("size", "channels", "resize", "crop", "channel_order"):
        assert getattr(found, field) == getattr(wanted, field)


@pytest.mark.parametrize(
    ("changes", "factor"), [({"do_rescale": False}, 255), ({"rescale_factor": 1 / 127.5}, 2)]
)
def test_values_that_are_not_scaled_to_one_move_mean_and_std(changes, factor):
    found = from_transformers(PROCESSOR | changes, "net")
    pixel = 0.3
    expected = (factor * pixel - 0.4) / 0.3
    np.testing.assert_allclose((pixel - found.mean[1]) / found.std[1], expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"do_resize": False},
        {"resample": 1},
        {"size": {"shortest_edge": 32}},
        {"do_center_crop": True, "crop_size": {"height": 24, "width": 24}},
        {"rescale_offset": True},
        {"size": {"longest_edge": 32}},
    ],
)
def test_what_a_preprocessing_cannot_say_is_an_error(changes):
    with pytest.raises(ValueError, match=r"net: its own preprocessing .* not supported; pass a"):
        from_transformers(PROCESSOR | changes, "net")


PROCESSORS = {
    "MobileNetV2ImageProcessorPil": {
        "size": {"shortest_edge": 48},
        "crop_size": {"height": 40, "width": 40},
    },
    "ViTImageProcessorPil": {"size": {"height": 40, "width": 48}},
    "ConvNextImageProcessorPil": {"size": {"shortest_edge": 40}, "crop_pct": 0.9},
}


@pytest.mark.parametrize("name", PROCESSORS)
# Half pixels aside: its two backends round the place of a crop of (67 - 40) / 2 differently.
@pytest.mark.parametrize("shape", [(60, 90), (75, 50), (40, 40), (20, 30)])
def test_pixels_agree_with_the_processors_of_transformers(name, shape):
    transformers = pytest.importorskip("transformers", reason="no transformers")
    processor = getattr(transformers, name, None)
    if processor is None:
        pytest.skip(f"this transformers has no {name}")
    processor = processor(**PROCESSORS[name])
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    expected = np.asarray(processor(image, return_tensors="np")["pixel_values"])
    preprocessing = from_transformers(processor.to_dict(), "net")
    found = network_input(image[np.newaxis], preprocessing)
    level = 1 / 255 / min(preprocessing.std)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1.01 * level


def test_transforms_of_torchvision_are_translated():
    transforms = SimpleNamespace(
        crop_size=[224],
        resize_size=[232],
        interpolation=SimpleNamespace(value="bilinear"),
        mean=[0.485, 0.456, 0.406],
        std=[0.229, 0.224, 0.225],
    )
    found = from_torchvision(transforms, "net")
    assert found == Preprocessing((224, 224), 3, **IMAGENET, crop=224 / 232)
    assert round(224 / found.crop) == 232
    transforms.interpolation = "nearest"
    with pytest.raises(ValueError, match="resizes with 'nearest', which is not supported"):
        from_torchvision(transforms, "net")


TIMM = {"input_size": (3, 224, 224), "interpolation": "bicubic", "crop_pct": 0.95} | IMAGENET


def test_configurations_of_timm_are_translated():
    found = from_timm(TIMM, "net")
    assert found == Preprocessing((224, 224), 3, **IMAGENET, resize="bicubic", crop=224 / 235)
    squashed = from_timm(TIMM | {"crop_pct": 1.0, "crop_mode": "squash"}, "net")
    assert squashed.crop is None
    for change in ({"crop_mode": "border"}, {"crop_mode": "squash"}, {"interpolation": "lanczos"}):
        with pytest.raises(ValueError, match="not supported"):
            from_timm(TIMM | change, "net")


# ---- torchvision and timm themselves, in a process of their own

# torchvision has no operators for a torch without CUDA: with these two declared it imports.
DECLARED = (
    "import torch\n"
    "try:\n"
    "    for name in ('nms', 'qnms'):\n"
    "        schema = '(Tensor a, Tensor b, float c) -> Tensor'\n"
    "        torch.library.define(f'torchvision::{name}', schema)\n"
    "    import torchvision\n"
    "except Exception: raise SystemExit(77)\n"
    "from sktransfer.deep._backbone import resolve_backbone\n"
)


def run_with_torchvision(code, environment=()):
    result = run(DECLARED + code, environment)
    if result.returncode == 77:
        pytest.skip("torchvision cannot be imported beside this torch")
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_torchvision_loads_by_name_from_its_cache(tmp_path):
    code = (
        "import os\n"
        "folder = os.path.join(torch.hub.get_dir(), 'checkpoints')\n"
        "os.makedirs(folder)\n"
        "weights = torchvision.models.get_model_weights('squeezenet1_1').DEFAULT\n"
        "model = torchvision.models.squeezenet1_1()\n"
        "torch.save(model.state_dict(), os.path.join(folder, os.path.basename(weights.url)))\n"
        "backbone = resolve_backbone('torchvision:squeezenet1_1')\n"
        "print(backbone.stages, backbone.shapes[-1], backbone.preprocessing.crop)\n"
    )
    out = run_with_torchvision(code, {"TORCH_HOME": str(tmp_path)})
    assert "'features.12') (512, 13, 13) 0.875" in out


def test_torchvision_offline_names_the_file_and_unknown_names_get_a_hint(tmp_path):
    code = (
        "import urllib.request\n"
        "def refuse(*args, **kwargs): raise OSError('no network')\n"
        "urllib.request.urlopen = torch.hub.urlopen = refuse\n"
        "for name in ('resnet18', 'resnet81'):\n"
        "    try: resolve_backbone('torchvision:' + name)\n"
        "    except (OSError, ValueError) as error: print(error)\n"
    )
    out = run_with_torchvision(code, {"TORCH_HOME": str(tmp_path)})
    assert "checkpoints/resnet18-f37072fd.pth' is not there, and https://" in out
    assert "no network 'resnet81' with weights; did you mean 'resnet18'" in out


def test_timm_loads_a_folder_and_describes_itself(tmp_path):
    code = (
        "try: import timm\n"
        "except Exception: raise SystemExit(77)\n"
        "from timm.models import save_for_hf\n"
        "model = timm.create_model('resnet18')\n"
        f"save_for_hf(model, {str(tmp_path)!r})\n"
        f"backbone = resolve_backbone('timm:local-dir:' + {str(tmp_path)!r})\n"
        "print(backbone.stages, backbone.shapes[-1], backbone.preprocessing.resize)\n"
        "print(backbone.preprocessing.size, round(224 / backbone.preprocessing.crop))\n"
        "try: resolve_backbone('timm:resnet1888')\n"
        "except ValueError as error: print(error)\n"
    )
    out = run_with_torchvision(code)
    assert "('act1', 'layer1', 'layer2', 'layer3', 'layer4') (512, 7, 7) bicubic" in out
    assert "(224, 224) 235" in out
    assert "timm has no network 'resnet1888' with weights; did you mean" in out


# ---- folders are read alone, and no reader without an answer is waited for


@pytest.fixture
def copied(folder, tmp_path):
    """A copy of the folder that may be damaged."""
    return shutil.copytree(folder, tmp_path / "damaged")


def change_config(path, **fields):
    config = json.loads((path / "config.json").read_text()) | fields
    (path / "config.json").write_text(json.dumps(config))


def with_a_pickle(path):
    (path / "model.safetensors").unlink()
    torch.save({"x": Harmful(path / "trace")}, path / "pytorch_model.bin")
    (path / "trace").unlink(missing_ok=True)


class Harmful:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def with_half_of_its_weights(path):
    content = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(content[: len(content) // 2])


DAMAGES = {
    "a pickle": (with_a_pickle, "reading it would run code"),
    "half": (with_half_of_its_weights, "SafetensorError"),
    "no weights": (lambda path: (path / "model.safetensors").unlink(), "OSError"),
    "no JSON": (lambda path: (path / "config.json").write_text("{"), "config.json"),
    "a negative size": (lambda path: change_config(path, intermediate_size=-4), "RuntimeError"),
    "an unknown kind": (lambda path: change_config(path, model_type="no-such"), "ValueError"),
    "foreign code": (
        lambda path: change_config(
            path, model_type="own", auto_map={"AutoConfig": "somebody/else--code.Config"}
        ),
        "which is never run",
    ),
    "another repository": (
        lambda path: change_config(
            path,
            model_type="dpt",
            architectures=["DPTModel"],
            backbone="somebody/else",
            use_pretrained_backbone=True,
        ),
        "names another repository",
    ),
}


@pytest.fixture
def asked(monkeypatch):
    """The hosts whose address was asked for; none is given."""
    hosts = []

    def refuse(host, *args, **kwargs):
        hosts.append(host)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return hosts


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_folder_that_cannot_be_read_is_one_sentence_without_the_network(damage, copied, asked):
    change, reason = DAMAGES[damage]
    change(copied)
    with pytest.raises(OSError, match="is a folder that transformers cannot read") as caught:
        load_zoo(f"hf:{copied}")
    message = str(caught.value)
    assert reason in message
    assert "\n" not in message
    assert "weights_only" not in message
    assert len(message) < 1000
    assert caught.value.__cause__ is not None
    assert asked == []
    assert not (copied / "trace").exists()


def test_a_folder_with_an_adapter_is_refused(copied, asked):
    (copied / "adapter_config.json").write_text('{"base_model_name_or_path": "somebody/else"}')
    with pytest.raises(ValueError, match=r"holds an adapter.*merge_and_unload"):
        load_zoo(f"hf:{copied}")
    assert asked == []


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "a/b/c/d", " "])
def test_odd_names_of_the_hub_are_one_short_sentence(name, asked, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(OSError, match="could not be fetched either") as caught:
        resolve_backbone(f"hf:{name}")
    assert len(str(caught.value)) < 1000
    assert asked == []


def test_a_folder_with_a_broken_link_is_read(copied):
    (copied / "dangling").symlink_to(copied / "nowhere")
    assert resolve_backbone(f"hf:{copied}").name == "damaged"


@pytest.mark.parametrize("entry", ["attn_implementation", "_attn_implementation"])
def test_kernels_of_the_hub_are_never_loaded(entry, copied, asked):
    change_config(copied, **{entry: "somebody/attention"})
    with pytest.raises(ValueError, match=r"asks for code of another repository .*never run"):
        load_zoo(f"hf:{copied}")
    assert asked == []


def test_a_preprocessing_that_cannot_be_used_may_be_replaced(copied):
    fields = PROCESSOR | {"resample": 1}
    (copied / "preprocessor_config.json").write_text(json.dumps(fields))
    with pytest.raises(ValueError, match="not supported; pass a Preprocessing as preprocessing="):
        resolve_backbone(f"hf:{copied}")
    assert resolve_backbone(f"hf:{copied}", preprocessing="tf", input_size=32).shapes


UNREACHABLE = (
    "import socket\n"
    "tries, connect = [], socket.socket.connect\n"
    "def count(self, address):\n"
    "    tries.append(address)\n"
    "    return connect(self, address)\n"
    "socket.socket.connect = count\n"
    "from sktransfer.deep._networks.torch.zoo import load_zoo\n"
    "try: load_zoo('hf:somebody/network')\n"
    "except OSError as error: print(error)\n"
    "print('tries:', len(tries))\n"
)


def test_a_hub_that_does_not_answer_is_asked_once(tmp_path):
    pytest.importorskip("transformers", reason="no transformers")
    with socket.socket() as closed:  # bound and not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        settings = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": endpoint, "no_proxy": "127.0.0.1"}
        settings |= {"HF_HUB_OFFLINE": "", "TRANSFORMERS_OFFLINE": ""}
        result = run(UNREACHABLE, settings)
        assert f"could not be fetched either ({endpoint} does not answer)" in result.stdout
    assert "tries: 1" in result.stdout


def test_any_answer_of_a_server_is_an_answer():
    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(403)

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        assert is_reachable(f"http://127.0.0.1:{server.server_port}/x")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not is_reachable(f"http://127.0.0.1:{server.server_port}/x")
    assert not is_reachable("no address")


def test_without_torch_all_missing_packages_are_named_at_once(monkeypatch):
    from sktransfer.deep import _backbone

    monkeypatch.setattr(_backbone, "is_installed", lambda name: False)
    with pytest.raises(ImportError, match=r"torch and transformers are not .*sktransfer\[hf\]"):
        PretrainedFeatureExtractor("hf:somebody/network").fit(np.zeros((1, 8, 8, 3), np.uint8))
