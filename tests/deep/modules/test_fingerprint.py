"""Two networks have one fingerprint where they compute the same, and only there."""

import copy
import functools
import importlib
import json
import os
import subprocess
import sys
import types

import numpy as np
import pytest

pytest.importorskip("torch", reason="modules need torch")

import torch
from torch import nn

from sktransfer.deep import PretrainedFeatureExtractor
from sktransfer.deep._networks.torch.fingerprint import fingerprint_module
from sktransfer.deep._preprocessing import Preprocessing


class Net(nn.Module):
    """A network with anything for an attribute."""

    def __init__(self, act=torch.relu, offset=0.0, options=None):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3)
        self.last = nn.Conv2d(4, 5, 3)
        self.act = act
        self.offset = offset
        self.options = options
        self._scale = 1.0

    def forward(self, x):
        return self.last(self.act(self.conv(x) * self._scale) + self.offset)


def scaled(factor, x):
    return factor * x


class Options:
    """Settings in an object of one's own."""

    def __init__(self, power):
        self.power = power
        self.me = self


def closure_of(factor):
    return lambda x: factor * x


def with_base(factor):
    class Base(Net):
        def forward(self, x):
            return super().forward(x) * factor

    class Derived(Base):
        pass

    return Derived()


def with_class_attribute(value):
    return type("Own", (Net,), {"__module__": __name__, "power": value})()


def with_default(value):
    def forward(self, x, factor=value):
        return factor * self.conv(x)

    return type("Own", (Net,), {"__module__": __name__, "forward": forward})()


def with_property(value):
    factor = property((lambda self: 2.0) if value == 2 else (lambda self: 3.0))
    return type("Own", (Net,), {"__module__": __name__, "factor": factor})()


def with_hook(value):
    net = Net()
    net.conv.register_forward_hook(lambda module, given, output: value * output)
    return net


def with_private(value):
    net = Net()
    net._scale = value
    return net


def with_own_forward(value):
    net = Net()
    net.forward = types.MethodType(lambda self, x: value * self.conv(x), net)
    return net


def with_helper(value):
    """A class whose forward calls a function of its file, which uses a constant of its file."""
    names = {"__name__": "a_script", "nn": nn}
    exec(
        f"FACTOR = {value}\n"
        "def helper(x):\n    return FACTOR * x\n"
        "class Own(nn.Module):\n    def forward(self, x):\n        return helper(x)\n",
        names,
    )
    return names["Own"]()


DIFFERENT = {
    "a function of torch": (lambda: Net(torch.relu), lambda: Net(torch.tanh)),
    "a function of nn.functional": (
        lambda: Net(nn.functional.relu),
        lambda: Net(nn.functional.gelu),
    ),
    "a lambda": (lambda: Net(lambda x: 2 * x), lambda: Net(lambda x: 3 * x)),
    "a closure": (lambda: Net(closure_of(2)), lambda: Net(closure_of(3))),
    "a partial": (
        lambda: Net(functools.partial(scaled, 2)),
        lambda: Net(functools.partial(scaled, 3)),
    ),
    "a tensor": (lambda: Net(offset=torch.ones(2)), lambda: Net(offset=torch.zeros(2))),
    "an array": (lambda: Net(offset=np.ones(2)), lambda: Net(offset=np.zeros(2))),
    "an object": (lambda: Net(options=Options(2)), lambda: Net(options=Options(3))),
    "inside of a dict": (
        lambda: Net(options={"a": [torch.ones(1)]}),
        lambda: Net(options={"a": [torch.zeros(1)]}),
    ),
    "an attribute with an underscore": (lambda: with_private(1.0), lambda: with_private(2.0)),
    "the code of a base class": (lambda: with_base(2), lambda: with_base(3)),
    "a class attribute": (lambda: with_class_attribute(2), lambda: with_class_attribute(3)),
    "a default": (lambda: with_default(2), lambda: with_default(3)),
    "a property": (lambda: with_property(2), lambda: with_property(3)),
    "a hook": (lambda: with_hook(2), lambda: with_hook(3)),
    "a forward of its own": (lambda: with_own_forward(2), lambda: with_own_forward(3)),
    "a constant that a helper uses": (lambda: with_helper(2), lambda: with_helper(3)),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_what_changes_the_result_changes_the_fingerprint(kind):
    one, other = DIFFERENT[kind]
    assert fingerprint_module(one()) == fingerprint_module(one())
    assert fingerprint_module(copy.deepcopy(one())) == fingerprint_module(one())
    assert fingerprint_module(one()) != fingerprint_module(other())


def test_another_release_of_python_compiles_to_the_same_fingerprint(tmp_path, monkeypatch):
    """Another compiler: here the byte code gets constants that it does not use."""
    (tmp_path / "own_network.py").write_text(
        "import torch\n"
        "class Own(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.act = lambda x: 2 * x\n"
        "    def forward(self, x):\n"
        "        return self.act(x)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("own_network").Own()
    before = fingerprint_module(module)
    for function in (type(module).forward, module.act):
        code = function.__code__
        function.__code__ = code.replace(co_consts=(*code.co_consts, "more"), co_stacksize=9)
    assert fingerprint_module(module) == before


def test_networks_that_differ_in_a_function_alone_have_their_own_features():
    X = np.random.default_rng(0).uniform(size=(3, 12, 12, 3))
    preprocessing = Preprocessing((12, 12), 3, (0.5,) * 3, (0.5,) * 3)
    options = {"preprocessing": preprocessing, "stage": "last", "pooling": None}
    relu = PretrainedFeatureExtractor(Net(torch.relu), **options).fit_transform(X)
    tanh = PretrainedFeatureExtractor(Net(torch.tanh), **options).fit_transform(X)
    with torch.no_grad():
        inputs = torch.tensor(((X - 0.5) / 0.5).transpose(0, 3, 1, 2), dtype=torch.float32)
        expected = [Net(act)(inputs).flatten(1).numpy() for act in (torch.relu, torch.tanh)]
    np.testing.assert_allclose(relu, expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(tanh, expected[1], rtol=1e-4, atol=1e-5)


_SCRIPT = """
import json, logging, sys
import torch
from torch import nn
from sktransfer.deep._networks.torch.fingerprint import fingerprint_module

log = logging.getLogger("a.name")
KINDS = {"a", "bc", "def", "g"}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.kinds = {"one", "two", "three", "four"}
        self.act = torch.relu
        self.object = object()
        self.conv = nn.Conv2d(1, 1, 1)
        nn.init.ones_(self.conv.weight), nn.init.ones_(self.conv.bias)

    def forward(self, x):
        log.info("seen")
        return self.act(self.conv(x)) if "a" in KINDS and "b" not in {"x", "y", "z"} else x

print(json.dumps(fingerprint_module(Net())))
"""


def test_every_process_finds_the_same_fingerprint():
    found = set()
    for seed in ("1", "2"):  # the order of sets depends on it
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", _SCRIPT]
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
        found.add(json.loads(done.stdout))
    assert len(found) == 1
