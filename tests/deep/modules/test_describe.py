"""A torch module is described without being touched, and known by its weights."""

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("torch", reason="modules need torch")

import torch
from torch import nn
from torch.nn import functional as F

from sktransfer.deep import FineTuneClassifier, PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._networks.torch.describe import fingerprint_module, inner_names
from sktransfer.deep._preprocessing import Preprocessing
from sktransfer.exceptions import TransferWarning

OPTIONS = {"preprocessing": "torch", "input_size": (32, 32)}


class Network(nn.Module):
    """Three resolutions, pooling between them in the forward, a head."""

    def __init__(self, width=4, exponent=1.0):
        super().__init__()
        self.exponent = exponent
        self.first = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(width, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU())
        self.third = nn.Conv2d(6, 8, 3, padding=1)
        self.register_buffer("offset", torch.zeros(1), persistent=False)
        self.fc = nn.Linear(8, 2)

    def forward(self, x):
        x = self.second(self.first(x) ** self.exponent + self.offset)
        x = F.relu(self.third(F.max_pool2d(x, 2)))
        return self.fc(x.mean(dim=(2, 3)))


def make(**options):
    torch.manual_seed(0)
    return Network(**options)


def test_stages_are_the_last_maps_of_each_resolution():
    backbone = resolve_backbone(make(), **OPTIONS)
    assert backbone.stages == ("first", "second", "third")
    assert backbone.shapes == ((4, 32, 32), (6, 16, 16), (8, 8, 8))
    assert (backbone.name, backbone.source, backbone.engines) == ("Network", "", ("torch",))
    assert backbone.preprocessing == Preprocessing(
        (32, 32), 3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), crop=0.875
    )


def test_a_sequence_of_layers_needs_no_names():
    layers = [nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 6, 3, 2, 1), nn.ReLU()]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))
    backbone = resolve_backbone(network, **OPTIONS)
    assert backbone.stages == ("1", "3")
    assert backbone.shapes == ((4, 16, 16), (6, 8, 8))


def test_a_submodule_around_which_something_flows_is_no_stage():
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 3, padding=1)
            self.branch = nn.Conv2d(4, 4, 3, padding=1)
            self.last = nn.Conv2d(4, 5, 3, 2)

        def forward(self, x):
            x = self.stem(x)
            return self.last(x + self.branch(x))

    assert resolve_backbone(Skip(), **OPTIONS).stages == ("stem", "last")


def test_any_submodule_can_be_located_and_others_are_named():
    backbone = resolve_backbone(make(), **OPTIONS)
    assert backbone.locate("second.1").shape == (6, 16, 16)
    assert backbone.locate("fc").shape == (2,)
    assert "first.0" in inner_names(backbone)
    with pytest.raises(
        ValueError, match=r"stage='seconds' is not a stage .* did you mean 'second'"
    ):
        backbone.locate("seconds")


def test_named_stages_are_taken_and_unknown_ones_listed():
    backbone = resolve_backbone(make(), stages=["first.0", "third"], **OPTIONS)
    assert backbone.stages == ("first.0", "third")
    assert backbone.shapes == ((4, 32, 32), (8, 8, 8))
    with pytest.raises(
        ValueError, match=r"'nowhere' names no submodule .* it has 'first', 'first.0'"
    ):
        resolve_backbone(make(), stages=["nowhere", "third"], **OPTIONS)


def change_in_place(network):
    with torch.no_grad():
        network.third.weight[0, 0, 0, 0] += 1e-3


def change_behind_the_counters(network):
    network.third.weight.data[0, 0, 0, 0] += 1e-3


def change_through_numpy(network):
    network.third.weight.detach().numpy()[0, 0, 0, 0] += 1e-3


def change_a_statistic(network):
    network.second[1].running_mean[0] += 1e-3


def change_a_buffer_that_no_checkpoint_has(network):
    network.offset += 1.0


def change_an_attribute(network):
    network.exponent = 2.0


def change_a_layer(network):
    network.first[1] = nn.GELU()


def change_a_stride(network):
    network.third.stride = (2, 2)


@pytest.mark.parametrize(
    "change",
    [
        change_in_place,
        change_behind_the_counters,
        change_through_numpy,
        change_a_statistic,
        change_a_buffer_that_no_checkpoint_has,
        change_an_attribute,
        change_a_layer,
        change_a_stride,
    ],
)
def test_every_change_that_a_result_could_show_changes_the_fingerprint(change):
    network = make()
    before = fingerprint_module(network)
    assert fingerprint_module(network) == before
    assert fingerprint_module(copy.deepcopy(network).train()) == before
    assert resolve_backbone(network, **OPTIONS).fingerprint == before
    change(network)
    assert fingerprint_module(network) != before
    assert resolve_backbone(network, **OPTIONS).fingerprint == fingerprint_module(network)


def test_code_of_ones_own_is_part_of_the_fingerprint():
    def write(expression):
        scope = {"nn": nn}
        exec(
            "class Own(nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.conv = nn.Conv2d(3, 4, 3, bias=False)\n"
            "        nn.init.ones_(self.conv.weight)\n"
            "    def forward(self, x):\n"
            f"        return {expression}\n",
            scope,
        )
        return fingerprint_module(scope["Own"]())

    assert write("self.conv(x)") == write("self.conv(x)")
    assert write("self.conv(x)") != write("self.conv(x) * 2")
    assert write("self.conv(x) * 3") != write("self.conv(x) * 2")


def test_a_description_keeps_the_weights_that_it_has_seen():
    network = make()
    backbone = resolve_backbone(network, **OPTIONS)
    before = network.third.weight.clone()
    change_in_place(network)
    assert torch.equal(backbone.module.third.weight, before)
    assert resolve_backbone(copy.deepcopy(backbone.module), **OPTIONS).module is backbone.module


def test_a_module_in_training_mode_or_half_precision_stays_so():
    network = make().half()
    backbone = resolve_backbone(network.train(), **OPTIONS)
    assert network.training
    assert network.third.weight.dtype == torch.float16
    assert backbone.module.third.weight.dtype == torch.float32
    assert not backbone.module.training


def test_what_nobody_says_is_asked_for():
    with pytest.raises(ValueError, match="'Network' does not say how pixels become its input"):
        resolve_backbone(make())
    with pytest.raises(ValueError, match="'Network' takes images of any size: pass input_size"):
        resolve_backbone(make(), preprocessing="torch")


def test_a_module_that_says_it_itself_is_believed():
    network = make()
    network.pretrained_cfg = {
        "input_size": (3, 32, 32),
        "mean": (0.5, 0.4, 0.3),
        "std": (0.2, 0.2, 0.1),
        "interpolation": "bicubic",
        "crop_pct": 0.9,
    }
    assert resolve_backbone(network).preprocessing == Preprocessing(
        (32, 32), 3, (0.5, 0.4, 0.3), (0.2, 0.2, 0.1), resize="bicubic", crop=32 / 35
    )


def test_the_channels_are_those_of_the_first_convolution():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    backbone = resolve_backbone(network, preprocessing=(0.5, 0.25), input_size=(8, 8))
    assert backbone.preprocessing.channels == 1
    assert backbone.preprocessing.mean == (0.5,)


def test_a_size_that_does_not_fit_is_an_error_with_torchs_reason():
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 6 * 6, 3))
    with pytest.raises(
        ValueError, match=r"'Sequential' does not run on .*\(3, 9, 9\).*input_size="
    ):
        resolve_backbone(network, preprocessing="torch", input_size=(9, 9))


def test_a_network_without_submodules_says_what_to_do():
    class Bare(nn.Module):
        def forward(self, x):
            return x.mean(dim=(2, 3))

    with pytest.raises(ValueError, match="'Bare' has no submodule through which everything flows"):
        resolve_backbone(Bare(), **OPTIONS)


def test_maps_with_channels_last_are_described_with_channels_first():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3, 2, 1), nn.Linear(4, 5)
            self.final = nn.Conv2d(5, 6, 3, 2, 1)

        def forward(self, x):
            return self.final(self.fc(self.conv(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2))

    assert resolve_backbone(Last(), **OPTIONS).stages == ("conv", "final")
    named = resolve_backbone(Last(), stages=["fc", "final"], **OPTIONS)
    assert named.shapes == ((5, 16, 16), (6, 8, 8))


def test_dropout_and_identity_after_a_map_are_no_places_of_their_own():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Identity(), nn.Dropout(), nn.Flatten())
    assert resolve_backbone(network, **OPTIONS).stages == ("0",)


def test_a_checkpoint_is_read_into_a_copy(tmp_path):
    source, network = make(), make()
    change_in_place(source)
    torch.save(
        {"state_dict": {f"module.{k}": v for k, v in source.state_dict().items()}},
        tmp_path / "w.pth",
    )
    before = fingerprint_module(network)
    backbone = resolve_backbone(network, weights=tmp_path / "w.pth", **OPTIONS)
    assert fingerprint_module(network) == before
    assert torch.equal(backbone.module.third.weight, source.third.weight)
    assert backbone.fingerprint == fingerprint_module(source)
    assert len(backbone.load_report.loaded) == len(source.state_dict())


def test_extractor_gives_the_pooled_activations_of_the_module():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    network = make().eval()
    preprocessing = Preprocessing((32, 32), 3, (0.5, 0.4, 0.3), (0.2, 0.2, 0.1))
    extractor = PretrainedFeatureExtractor(network, preprocessing=preprocessing)
    found = extractor.fit_transform(X)
    images = (X / 255 - preprocessing.mean) / preprocessing.std
    images = torch.tensor(images.transpose(0, 3, 1, 2), dtype=torch.float32)
    with torch.no_grad():
        maps = network.third(F.max_pool2d(network.second(network.first(images)), 2))
    np.testing.assert_allclose(found, maps.mean(dim=(2, 3)), rtol=1e-4, atol=1e-5)
    inner = PretrainedFeatureExtractor(network, preprocessing=preprocessing, stage="first.0")
    with torch.no_grad():
        expected = network.first[0](images).mean(dim=(2, 3))
    np.testing.assert_allclose(inner.fit_transform(X), expected, rtol=1e-4, atol=1e-5)


def test_a_fitted_extractor_survives_a_pickle_and_a_change_of_the_module():
    X = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    network = make()
    extractor = PretrainedFeatureExtractor(network, cache=None, **OPTIONS).fit(X)
    before = extractor.transform(X)
    twin = pickle.loads(pickle.dumps(extractor))
    change_in_place(network)
    np.testing.assert_array_equal(extractor.transform(X), before)
    np.testing.assert_array_equal(twin.transform(X), before)
    assert not np.array_equal(extractor.fit_transform(X), before)


def test_fine_tuning_a_module_learns_and_leaves_it_alone():
    rng = np.random.default_rng(0)
    y = np.repeat(["dark", "light"], 20)
    X = rng.uniform(0.0, 0.6, (40, 32, 32, 3)) + 0.4 * (y == "light")[:, None, None, None]
    network = make()
    before = fingerprint_module(network)
    for freeze_depth in (0, 2, "all"):
        classifier = FineTuneClassifier(
            network, freeze_depth=freeze_depth, max_epochs=3, random_state=0, **OPTIONS
        )
        assert classifier.fit(X, y).score(X, y) == 1.0
    assert fingerprint_module(network) == before


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_torchscript_is_refused_with_the_reason():
    traced = torch.jit.trace(make().eval(), torch.zeros(2, 3, 32, 32))
    with pytest.raises(ValueError, match="TorchScript cannot be looked into; pass the module"):
        resolve_backbone(traced, **OPTIONS)


def bad_lazy():
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU())


def bad_meta():
    return nn.Sequential(nn.Conv2d(3, 4, 3, device="meta"), nn.ReLU())


def bad_nan():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    with torch.no_grad():
        network[0].weight[0, 0, 0, 0] = float("nan")
    return network


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
@pytest.mark.parametrize(
    ("make", "fault"), [(bad_lazy, "lazy"), (bad_meta, "meta device"), (bad_nan, "holds NaN")]
)
def test_a_network_without_usable_weights_is_refused(make, fault):
    with pytest.raises(
        ValueError, match=rf"backbone: a Sequential: its tensor '0.weight' .*{fault}"
    ):
        resolve_backbone(make(), **OPTIONS)


def test_layers_without_values_in_the_checkpoint_give_a_warning(tmp_path):
    state = make().state_dict()
    kept = {name: tensor for name, tensor in state.items() if not name.startswith("first")}
    torch.save(kept, tmp_path / "part.pth")
    with pytest.warns(TransferWarning, match=r"part.pth' holds no values for 2 of .*'first.0.weig"):
        backbone = resolve_backbone(make(), weights=tmp_path / "part.pth", **OPTIONS)
    assert len(backbone.load_report.fresh) == 2


def test_a_head_without_values_gives_none(tmp_path):
    body = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    network = nn.Sequential(*body, nn.Linear(4, 2))
    state = network.state_dict()
    del state["4.weight"], state["4.bias"]
    torch.save(state, tmp_path / "body.pth")
    backbone = resolve_backbone(network, weights=tmp_path / "body.pth", **OPTIONS)
    assert backbone.load_report.fresh == ("4.weight", "4.bias")
    del state["1.running_var"]
    torch.save(state, tmp_path / "body.pth")
    with pytest.warns(TransferWarning, match=r"1 of the 6 tensors .*'1.running_var' kept"):
        resolve_backbone(network, weights=tmp_path / "body.pth", **OPTIONS)


def test_a_first_layer_of_other_channels_gives_a_warning(tmp_path):
    grey, colour = (nn.Sequential(nn.Conv2d(n, 4, 3), nn.ReLU()) for n in (1, 3))
    torch.save(grey.state_dict(), tmp_path / "grey.pth")
    with pytest.warns(TransferWarning, match=r"'0.weight' kept .*number of channels"):
        report = resolve_backbone(colour, weights=tmp_path / "grey.pth", **OPTIONS).load_report
    assert report.skipped == (
        ("0.weight", "shape (4, 1, 3, 3) in the file, (4, 3, 3, 3) in the network"),
    )


def test_globals_with_the_name_of_an_attribute_do_not_matter():
    def write(value):
        scope = {"nn": nn, "conv": value}
        exec(
            "class Own(nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.conv = nn.Conv2d(3, 4, 3, bias=False)\n"
            "        nn.init.ones_(self.conv.weight)\n"
            "    def forward(self, x):\n"
            "        return self.conv(x)\n",
            scope,
        )
        return fingerprint_module(scope["Own"]())

    assert write(1) == write(2)
