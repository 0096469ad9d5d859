"""Where networks of other makers are cut: the rule on nets whose answer is known."""

import numpy as np
import pytest
from onnx import helper

from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._networks.onnx.places import find_cuts

RNG = np.random.default_rng(0)


class Net:
    """Nodes and weights of a graph, written one layer after the other."""

    def __init__(self, channels=3):
        self.nodes, self.arrays, self.channels, self.last = [], {}, channels, "image"

    def add(self, operator, out, *others, source=None, **attributes):
        self.nodes.append((operator, [source or self.last, *others], [out], attributes))
        self.last = out
        return self

    def conv(self, out, channels, *, stride=1, size=3, **options):
        weight = RNG.normal(size=(channels, self.channels, size, size)).astype(np.float32)
        self.arrays[f"{out}.w"], self.channels = weight, channels
        pads = [size // 2] * 4
        return self.add("Conv", out, f"{out}.w", strides=[stride] * 2, pads=pads, **options)

    def linear(self, out, n_out, n_in=None):
        weight = RNG.normal(size=(n_in or self.channels, n_out)).astype(np.float32)
        self.arrays[f"{out}.w"], self.channels = weight, n_out
        return self.add("MatMul", out, f"{out}.w")

    def pool(self, out):
        return self.add("MaxPool", out, kernel_shape=[2, 2], strides=[2, 2])

    def head(self, n_classes=10):
        return self.add("GlobalAveragePool", "gap").add("Flatten", "flat").linear("out", n_classes)


@pytest.fixture
def describe(write_graph, tmp_path):
    def describe(net, *, size=32, **options):
        shape = ["N", 3, size, size]
        path = write_graph(tmp_path / "net.onnx", net.nodes, net.arrays, shape=shape, **options)
        return resolve_backbone(path, preprocessing="torch")

    return describe


def test_a_stage_ends_before_each_halving_and_before_the_global_pooling(describe):
    net = Net().conv("a", 4).add("Relu", "a+").conv("b", 6, stride=2).add("Relu", "b+")
    net.conv("c", 6).conv("d", 8, stride=2).add("Relu", "d+").head()
    backbone = describe(net)
    assert backbone.stages == ("a+", "c", "d+")
    assert backbone.shapes == ((4, 32, 32), (6, 16, 16), (8, 8, 8))


def test_a_pooling_without_layers_takes_the_place_of_its_map(describe):
    net = Net().conv("a", 4).pool("p").pool("q").conv("b", 6).add("Relu", "b+").pool("r")
    net.add("Flatten", "flat").linear("fc", 5, 6 * 4 * 4).linear("out", 7)
    backbone = describe(net)
    # Behind the last layer that makes maps, the pooling is one more stage.
    assert backbone.stages == ("p", "b+", "r")
    assert backbone.shapes == ((4, 16, 16), (6, 8, 8), (6, 4, 4))


def test_a_network_that_ends_in_an_embedding_has_it_as_its_last_stage(describe):
    net = Net().conv("a", 4, stride=2).conv("b", 6, stride=2)
    net.arrays["c.w"] = RNG.normal(size=(9, 6, 8, 8)).astype(np.float32)
    net.add("Conv", "c", "c.w").add("Transpose", "embedding", perm=[0, 2, 3, 1])
    backbone = describe(net, outputs=("embedding",))
    assert backbone.stages == ("a", "b", "embedding")
    assert backbone.shapes[-1] == (9, 1, 1)
    # A softmax behind it says that these are classes.
    assert describe(net.add("Softmax", "out")).stages == ("a", "b")


def test_maps_with_channels_last_are_stages_if_there_are_no_others(describe):
    net = Net().conv("a", 4, stride=2).add("Transpose", "a last", perm=[0, 2, 3, 1])
    net.channels = 4
    net.linear("b", 6).add("Relu", "out")
    backbone = describe(net)
    assert backbone.stages == ("out",)
    assert backbone.shapes == ((6, 16, 16),)


def test_inside_of_a_skip_connection_there_is_no_stage(describe):
    net = Net().conv("a", 4, stride=2).conv("b", 4).add("Relu", "b+").conv("c", 4)
    net.add("Add", "sum", "a").conv("d", 8, stride=2).conv("e", 8).add("Add", "sum2", "d").head()
    assert describe(net).stages == ("sum", "sum2")


def test_scaling_of_the_pixels_is_no_stage(describe):
    net = Net().add("Mul", "scaled", "two").conv("a", 4, stride=2).head()
    net.arrays["two"] = np.float32(2)
    assert describe(net).stages == ("a",)


def test_what_is_read_from_shapes_alone_is_no_way_around(describe):
    net = Net().conv("a", 4, stride=2).conv("b", 6, stride=2)
    net.add("Shape", "sizes", source="image").add("Gather", "n", "zero")
    net.add("Concat", "target", "rest", axis=0).add("GlobalAveragePool", "gap", source="b")
    net.add("Reshape", "flat", "target").linear("out", 5)
    net.arrays |= {"zero": np.array([0]), "rest": np.array([-1])}
    assert describe(net).stages == ("a", "b")


def test_a_vector_between_linear_layers_serves_where_there_are_no_maps(describe):
    net = Net().add("Flatten", "flat").linear("a", 7, 3 * 32 * 32).add("Relu", "a+")
    net.linear("b", 5).add("Relu", "b+").linear("out", 4)
    backbone = describe(net)
    assert (backbone.stages, backbone.shapes) == (("a+", "b+"), ((7,), (5,)))


@pytest.mark.parametrize(
    ("n_channels", "softmax", "last"),
    [(8, False, "b"), (8, True, "a"), (1000, False, "a"), (1001, False, "a"), (1002, False, "b")],
)
def test_a_class_map_is_recognised(describe, n_channels, softmax, last):
    net = Net().conv("a", 6, stride=2).conv("b", n_channels, size=1)
    net.add("GlobalAveragePool", "gap").add("Flatten", "flat")
    net.add("Softmax" if softmax else "Identity", "out")
    assert describe(net).stages == (last,)


def test_a_network_without_a_head_ends_in_its_last_map(describe):
    net = Net().conv("a", 4, stride=2).conv("b", 6, stride=2).add("Relu", "out")
    assert describe(net).stages == ("a", "out")


def test_tokens_end_a_stage_at_each_quarter_of_the_layers(describe):
    net = Net().conv("patches", 6, stride=4)
    net.add("Reshape", "rows", "target").add("Transpose", "t0", perm=[0, 2, 1])
    net.arrays["target"] = np.array([0, 6, 64])
    for block in range(1, 9):
        net.linear(f"w{block}", 6).add("Relu", f"r{block}").linear(f"v{block}", 6)
        net.add("Add", f"t{block}", f"t{block - 1}")
    net.add("Identity", "norm").add("ReduceMean", "mean", axes=[1], keepdims=0).linear("out", 3)
    backbone = describe(net)
    # Eight blocks of two layers: the quarters end with blocks 2, 4, 6 and 8; the norm follows.
    assert backbone.stages == ("t2", "t4", "t6", "t8", "norm")
    assert backbone.shapes == ((64, 6),) * 5


def test_the_deepest_of_several_outputs_leads_the_way(describe):
    net = Net().conv("a", 4, stride=2).conv("b", 6, stride=2).head()
    assert describe(net, outputs=("a", "out", "gap")).stages == ("a", "b")


def test_a_network_through_which_nothing_flows_as_one_says_so(describe):
    net = Net().add("Flatten", "out")
    with pytest.raises(ValueError, match=r"^stages=None: the network has no tensor before .* pass"):
        describe(net)


def brute_force_cuts(nodes, names):
    """A name is a cut if the output cannot be reached without it."""

    def reaches(banned):
        known = {"image"} - {banned}
        for node in nodes:
            if known.intersection(node.input):
                known.update(set(node.output) - {banned})
        return nodes[-1].output[0] in known

    return {name for name in names if not reaches(name)}


@pytest.mark.parametrize("seed", range(60))
def test_cuts_equal_those_found_by_taking_each_tensor_away(seed):
    rng = np.random.default_rng(seed)
    nodes, names = [], ["image"]
    for place in range(int(rng.integers(2, 14))):
        recent = names[-int(rng.integers(1, 5)) :]
        inputs = list(rng.choice(recent, size=int(rng.integers(1, 3))))
        nodes.append(helper.make_node("Max", inputs, [f"t{place}"]))
        names.append(f"t{place}")
    reaching = {names[-1]}
    for node in reversed(nodes):
        if node.output[0] in reaching:
            reaching.update(node.input)
    nodes = [node for node in nodes if node.output[0] in reaching]
    found = find_cuts(nodes, reaching, "image")
    assert set(found) - {"image"} == brute_force_cuts(nodes, reaching - {"image"})
    for name, position in found.items():
        assert name == "image" or name in nodes[position].output
