"""Stages of a torch module compute what the whole module computes, and share nothing with it."""

import copy
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="modules need torch")

import torch
from torch import nn
from torch.nn import functional as F

from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._networks.torch.stages import build_stages

SIZE = (16, 16)


class Residual(nn.Module):
    """Two normalised convolutions with one rectifier that is called twice, in place."""

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.short = nn.Conv2d(n_in, n_out, 1, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += self.short(x)
        return self.relu(out)


class Small(nn.Module):
    """Blocks with what happens between modules: a rectifier in place, pooling, flattening."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([1.5]))
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.block1 = Residual(4, 6, 2)
        self.block2 = Residual(6, 8, 2)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = F.relu(self.stem(x * self.scale), inplace=True)
        x = self.block2(self.block1(x) + 1.0)
        return self.fc(self.dropout(torch.flatten(F.adaptive_avg_pool2d(F.relu(x), 1), 1)))


class Tokens(nn.Module):
    """A vision transformer: a class token and positions of its own, attention, a last norm."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.positions = nn.Parameter(torch.randn(1, 17, 8))
        self.blocks = nn.Sequential(
            *(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(4))
        )
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


class Around(nn.Module):
    """The first feature map goes around the second cut."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.third = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        first = self.first(x)
        return self.third(self.second(first) + first)


def make(kind):
    torch.manual_seed(0)
    network = kind().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network


def describe(network, **options):
    return resolve_backbone(network, **{"preprocessing": "torch", "input_size": SIZE} | options)


def images(n, seed=7):
    return torch.tensor(np.random.default_rng(seed).normal(size=(n, 3, *SIZE)), dtype=torch.float32)


def activation(network, name, x):
    """What a forward hook sees."""
    seen = []
    hook = network.get_submodule(name).register_forward_hook(lambda *a: seen.append(a[2].clone()))
    with torch.no_grad():
        network(x)
    hook.remove()
    return seen[-1]


CASES = [
    (Small, None),
    (Small, ("stem", "block1", "block2.relu", "dropout", "fc")),
    (Small, ("block1.relu", "dropout")),
    (Tokens, None),
    (Tokens, ("patches", "blocks.0", "blocks.3")),
    (Tokens, ("patches", "blocks.1.norm1", "blocks.2", "blocks.3.norm2")),
]


@pytest.mark.parametrize(("kind", "stages"), CASES)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_each_stage_gives_what_a_hook_sees(kind, stages, n):
    network, x = make(kind), images(n)
    backbone = describe(network, stages=stages)
    out = x
    for stage, name, shape in zip(
        build_stages(backbone), backbone.stages, backbone.shapes, strict=True
    ):
        with torch.no_grad():
            out = stage(out)
        assert stage.output_name == name
        assert tuple(out.shape) == (n, *shape)
        torch.testing.assert_close(out, activation(network, name, x), rtol=1e-5, atol=1e-5)


def test_a_cut_inside_of_a_block_without_a_shortcut_around_it():
    network = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)),
        nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3)),
    )
    x = images(2)
    backbone = describe(network, stages=("0.0", "1.0", "1"))
    out = x
    for stage in build_stages(backbone):
        given = out.clone()
        result = stage(out)
        assert torch.equal(out, given)  # the rectifier in place is not seen from outside
        out = result
    torch.testing.assert_close(out, network(x))


@pytest.mark.parametrize(
    ("stages", "cut"), [(("first", "second", "third"), "second"), (("second", "third"), "second")]
)
def test_information_around_a_cut_is_an_error_that_names_it(stages, cut):
    with pytest.raises(ValueError, match=f"'Around' cannot be cut at '{cut}'.* through which"):
        build_stages(describe(make(Around), stages=stages))


def test_a_shortcut_around_a_cut_inside_of_a_block_is_an_error():
    with pytest.raises(ValueError, match=r"'Small' cannot be cut at 'block1.bn1'"):
        build_stages(describe(make(Small), stages=("stem", "block1.bn1", "block1")))


def test_cut_points_out_of_order_are_an_error():
    with pytest.raises(ValueError, match=r"'block1' stands after 'block2'.* in order from the"):
        build_stages(describe(make(Small), stages=("block2", "block1")))


def test_information_that_only_the_values_carry_is_found():
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3)
            self.second = nn.Conv2d(4, 4, 3)

        def forward(self, x):
            bright = (x.mean(dim=(1, 2, 3), keepdim=True) > -9).float()
            return self.second(self.first(x)) + bright

    network = nn.Sequential(Hidden(), nn.Identity())
    with pytest.raises(ValueError, match=r"'Sequential' cannot be cut at '0.first'"):
        build_stages(describe(network, stages=("0.first", "0")))


def test_each_tensor_belongs_to_the_first_stage_that_needs_it():
    backbone = describe(make(Small), stages=("stem", "block1", "block2"))
    stages = build_stages(backbone)
    names = [set(stage.arrays()) for stage in stages]
    assert names[0] == {"scale", "stem.weight", "stem.bias"}
    inner = ("conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var")
    assert {f"block1.{name}" for name in inner} <= names[1]
    assert all(name.startswith("block1.") for name in names[1])
    assert all(name.startswith("block2.") for name in names[2])
    whole = dict(make(Small).state_dict())
    assert set().union(*names) == {name for name in whole if not name.startswith("fc")}
    first = build_stages(describe(make(Tokens)))[0].arrays()
    assert {"token", "positions", "patches.weight"} <= set(first)


def test_a_tensor_of_the_network_itself_goes_where_it_is_used():
    class Late(nn.Module):
        def __init__(self):
            super().__init__()
            self.early, self.late = (nn.Parameter(torch.ones(1)) for _ in range(2))
            self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)

        def forward(self, x):
            return self.second(self.first(x * self.early) * self.late)

    first, second = build_stages(describe(Late(), stages=("first", "second")))
    assert "early" in first.arrays()
    assert set(second.arrays()) == {"late", "second.weight", "second.bias"}


def test_parameters_frozen_by_the_caller_are_trained_and_theirs_stay_frozen():
    network = make(Small).requires_grad_(False)
    stages = build_stages(describe(network))
    assert all(p.requires_grad for stage in stages for p in stage.parameters())
    assert not any(p.requires_grad for p in network.parameters())


def test_gradients_are_those_of_the_whole_network():
    network, x = make(Small), images(4)
    stages = build_stages(describe(network, stages=("block1", "block2")))
    out = x
    for stage in stages:
        out = stage(out)
    out.square().mean().backward()
    network(x)
    activations = []
    network.block2.register_forward_hook(lambda *args: activations.append(args[2].clone()))
    network(x)
    activations[0].square().mean().backward()
    expected = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    for stage in stages:
        for name, attribute in stage._attribute_of.items():
            gradient = getattr(stage, attribute).grad
            if name in expected:
                torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-6)
            else:
                assert gradient is None


def test_the_callers_module_is_left_alone():
    network = make(Small).train()
    hook = network.block1.register_forward_hook(lambda *args: None)
    before = copy.deepcopy(network.state_dict())
    attributes = {name: set(vars(module)) for name, module in network.named_modules()}
    generator = torch.get_rng_state()
    stages = build_stages(describe(network))
    with torch.no_grad():
        for stage in stages:
            for parameter in stage.parameters():
                parameter.add_(1.0)
            stage.reset(torch.Generator().manual_seed(0))
    stages[0].train()(images(4))
    assert network.training
    assert all(module.training for module in network.modules())
    assert len(network.block1._forward_hooks) == 1
    assert attributes == {name: set(vars(module)) for name, module in network.named_modules()}
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert torch.equal(generator, torch.get_rng_state())
    hook.remove()


def test_training_one_copy_leaves_the_next_alone_and_load_brings_it_back():
    backbone, x = describe(make(Small)), images(3)
    stage = build_stages(backbone)[0]
    before, expected = stage.arrays(), stage(x).detach()
    with torch.no_grad():
        for parameter in stage.parameters():
            parameter.mul_(-2.0)
    assert not torch.allclose(stage(x), expected)
    assert torch.equal(build_stages(backbone)[0](x), expected)
    assert torch.equal(stage.load(before)(x), expected)


def test_a_deep_copy_of_stages_is_independent():
    stages, x = build_stages(describe(make(Small))), images(3)
    twin = copy.deepcopy(stages[0])
    expected = stages[0](x).detach()
    with torch.no_grad():
        for parameter in stages[0].parameters():
            parameter.zero_()
    assert torch.equal(twin(x), expected)
    assert not torch.equal(stages[0](x), expected)


def test_training_mode_moves_the_statistics_of_its_own_stage_by_the_momentum():
    network, x = make(Small), images(6)
    _, stage, other = build_stages(describe(network, stages=("stem", "block1", "block2")))
    before, others = stage.arrays(), other.arrays()
    maps = activation(network, "block1.conv1", x)
    mean = maps.mean(dim=(0, 2, 3)).numpy()
    stage.train()(activation(network, "stem", x))
    expected = 0.9 * before["block1.bn1.running_mean"] + 0.1 * mean
    np.testing.assert_allclose(
        stage.arrays()["block1.bn1.running_mean"], expected, rtol=1e-4, atol=1e-6
    )
    stage.momentum = 1.0
    stage(activation(network, "stem", x))
    np.testing.assert_allclose(
        stage.arrays()["block1.bn1.running_mean"], mean, rtol=1e-4, atol=1e-6
    )
    stage.momentum = None
    stage.load(before)(activation(network, "stem", x))
    np.testing.assert_allclose(
        stage.arrays()["block1.bn1.running_mean"], expected, rtol=1e-4, atol=1e-6
    )
    for name, array in other.arrays().items():
        np.testing.assert_array_equal(array, others[name])
    frozen = stage.eval().arrays()
    stage(activation(network, "stem", x))
    np.testing.assert_array_equal(
        stage.arrays()["block1.bn1.running_mean"], frozen["block1.bn1.running_mean"]
    )


def test_dropout_of_a_stage_drops_in_training_mode_alone():
    network, x = make(Small), images(5)
    stages = build_stages(describe(network, stages=("block2", "dropout")))
    maps = stages[0](x).detach()
    assert (stages[1].train()(maps) == 0).float().mean() > (
        stages[1].eval()(maps) == 0
    ).float().mean()


def test_a_submodule_for_training_alone_belongs_to_no_stage():
    class Auxiliary(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
            self.aux = nn.Linear(4, 2)
            self.second = nn.Conv2d(4, 5, 3)

        def forward(self, x):
            x = self.first(x)
            if self.training:
                self.aux(x.mean(dim=(2, 3)))
            return self.second(x)

    stages = build_stages(describe(Auxiliary(), stages=("first", "second")))
    assert not any("aux" in name for stage in stages for name in stage.arrays())
    out = images(4)
    for stage in stages:
        out = stage.train()(out)
    assert out.shape == (4, 5, 12, 12)


def test_fresh_weights_have_the_variance_of_he_and_come_from_the_generator_alone():
    network = nn.Sequential(
        nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64), nn.Flatten(), nn.Linear(64 * 14 * 14, 10)
    )
    backbone = describe(network, stages=("3",))
    before = torch.get_rng_state()
    (stage,) = build_stages(backbone)
    arrays = stage.reset(torch.Generator().manual_seed(0)).arrays()
    (twin,) = build_stages(backbone)
    same = twin.reset(torch.Generator().manual_seed(0)).arrays()
    other = twin.reset(torch.Generator().manual_seed(1)).arrays()
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_allclose(arrays["0.weight"].var(), 2 / (64 * 9), rtol=0.1)
    assert not arrays["0.bias"].any()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, same[name])
    for name in ("0.weight", "3.weight"):
        assert not np.array_equal(arrays[name], other[name])
    # torch draws a linear layer from U(-b, b), b = 1 / sqrt(n_in).
    assert np.abs(arrays["3.weight"]).max() <= 1.0001 / np.sqrt(64 * 14 * 14)


def test_fresh_weights_reach_class_tokens_and_attention():
    stage = build_stages(describe(make(Tokens)))[0]
    before = stage.arrays()
    after = stage.reset(torch.Generator().manual_seed(0)).arrays()
    for name in ("token", "positions", "blocks.0.self_attn.in_proj_weight", "patches.weight"):
        assert not np.array_equal(before[name], after[name])
    assert not after["blocks.0.self_attn.in_proj_bias"].any()
    np.testing.assert_allclose(after["positions"].std(), 0.02, rtol=0.3)


def test_a_stage_moves_with_its_own_tensors_alone():
    first, second = build_stages(describe(make(Small), stages=("block1", "block2")))
    second.to(torch.float64)
    assert all(p.dtype == torch.float64 for p in second.parameters())
    assert all(p.dtype == torch.float32 for p in first.parameters())
    x = first(images(2)).to(torch.float64)
    assert second(x).dtype == torch.float64
    assert second.to(torch.float32)(x.float()).dtype == torch.float32


def test_the_weights_are_copied_once_for_all_stages_and_the_head_not_at_all():
    backbone = describe(make(Small), stages=("block1", "block2"))
    first, second = build_stages(backbone)
    assert first._network[0] is second._network[0]
    root = first._network[0].root
    assert root.fc.weight is backbone.module.fc.weight
    assert root.stem.weight is not backbone.module.stem.weight


def test_outputs_that_are_structures_are_cut_at_their_main_tensor():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x):
            return {"aux": x, "last_hidden_state": self.conv(x), "names": ["kept"]}

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = Pair(), nn.Conv2d(3, 2, 3)

        def forward(self, x):
            out = self.first(x)
            assert out["names"] == ["kept"]
            return self.second(out["last_hidden_state"])

    network, x = make(Network), images(3)
    backbone = describe(network, stages=("first", "second"))
    one, two = build_stages(backbone)
    torch.testing.assert_close(one(x), network.first.conv(x))
    torch.testing.assert_close(two(one(x)), network(x))


def test_a_network_that_decides_by_the_image_is_an_error():
    class Deciding(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.a(x) if len(x) == 2 else self.b(x)

    with pytest.raises(ValueError, match="calls other submodules for other images"):
        build_stages(describe(Deciding(), stages=("a",)))


def test_an_inner_submodule_alone_is_a_stage_even_with_a_shortcut_around_it():
    network, x = make(Small), images(2)
    backbone = describe(network)
    found = backbone.locate("block1.bn1")
    assert found.shape == (6, 8, 8)
    (stage,) = build_stages(replace(backbone, stages=(found.name,), shapes=(found.shape,)))
    torch.testing.assert_close(stage(x), activation(network, "block1.bn1", x))


def test_a_network_that_takes_two_images_alone_is_refused_in_a_sentence():
    class TwoImages(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.conv(x).reshape(2, 4, 36)

    backbone = resolve_backbone(TwoImages(), preprocessing="torch", input_size=8)
    message = (
        r"'TwoImages' does not run on batches of 2 and of 3 images \(RuntimeError: .*any number"
    )
    with pytest.raises(ValueError, match=message):
        build_stages(backbone)
