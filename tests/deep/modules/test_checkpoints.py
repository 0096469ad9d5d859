"""Checkpoints are read as data alone, and loaded by layer name with a full account."""

import collections

import pytest

pytest.importorskip("torch", reason="checkpoints need torch")

import torch
from torch import nn

from sktransfer.deep._networks.torch.checkpoints import LoadReport, load_by_name, read_checkpoint


def make(n_classes=3, seed=0):
    torch.manual_seed(seed)
    layers = [
        ("conv", nn.Conv2d(3, 4, 3)),
        ("bn", nn.BatchNorm2d(4)),
        ("fc", nn.Linear(4, n_classes)),
    ]
    return nn.Sequential(collections.OrderedDict(layers))


def wrap(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


NESTINGS = {
    "plain": lambda state: state,
    "nested": lambda state: {"epoch": 3, "state_dict": state, "best_prec1": 91.7},
    "beside an optimizer": lambda state: {
        "optimizer": {
            "state": {0: {"momentum_buffer": torch.zeros(9)}},
            "param_groups": [{"lr": 1}],
        },
        "model_state_dict": state,
    },
    "twice": lambda state: {"checkpoint": {"model": state}},
}


@pytest.mark.parametrize("nesting", NESTINGS)
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.backbone.", "_orig_mod."])
@pytest.mark.parametrize("suffix", [".pth", ".th", ".pt"])
def test_all_is_loaded_however_it_was_saved(nesting, prefix, suffix, tmp_path):
    source, network = make(seed=1), make()
    path = tmp_path / f"weights{suffix}"
    torch.save(NESTINGS[nesting](wrap(source.state_dict(), prefix)), path)
    report = load_by_name(network, read_checkpoint(path), source=path.name)
    assert set(report.loaded) == set(source.state_dict())
    assert report.skipped == report.fresh == ()
    for name, tensor in source.state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor)


def test_safetensors_say_the_same(tmp_path):
    save_file = pytest.importorskip("safetensors.torch", reason="no safetensors").save_file
    source, network = make(seed=1), make()
    save_file(wrap(source.state_dict(), "module."), tmp_path / "w.safetensors")
    report = load_by_name(network, read_checkpoint(tmp_path / "w.safetensors"), source="w")
    assert len(report.loaded) == len(source.state_dict())
    assert torch.equal(network.conv.weight, source.conv.weight)


def test_a_network_in_a_wrapper_takes_weights_of_the_plain_one():
    network = nn.Module()
    network.backbone = make()
    source = make(seed=1)
    report = load_by_name(network, source.state_dict(), source="w")
    assert report.fresh == ()
    assert torch.equal(network.backbone.conv.weight, source.conv.weight)


def test_what_does_not_fit_is_skipped_with_its_reason():
    source, network = make(n_classes=10, seed=1), make()
    before = network.fc.weight.clone()
    state = source.state_dict() | {"extra.weight": torch.zeros(2)}
    del state["bn.bias"]
    report = load_by_name(network, state, source="net.pth")
    assert dict(report.skipped) == {
        "fc.weight": "shape (10, 4) in the file, (3, 4) in the network",
        "fc.bias": "shape (10,) in the file, (3,) in the network",
        "extra.weight": "the network has no layer of this name",
    }
    assert set(report.fresh) == {"fc.weight", "fc.bias", "bn.bias"}
    assert torch.equal(network.fc.weight, before)
    assert torch.equal(network.conv.weight, source.conv.weight)


def test_the_report_reads_as_text():
    report = LoadReport("net.pth", ("a.w",), (("b.w", "no such layer"),), ("c.w",))
    assert str(report) == (
        "net.pth: 1 of the network's 2 tensors loaded\n"
        "skipped 1 of the file's:\n  b.w: no such layer\n"
        "left as they were 1 of the network's:\n  c.w"
    )
    with pytest.raises(AttributeError):
        report.loaded = ()


def test_nothing_that_fits_is_an_error_that_names_both_sides():
    state = {"body.weight": torch.zeros(2), "body.bias": torch.zeros(2)}
    message = (
        r"weights='net.pth' fits no layer .*'body.weight', 'body.bias', .*'conv.weight', .*\.\.\."
    )
    with pytest.raises(ValueError, match=message):
        load_by_name(make(), state, source="net.pth")


class Harmful:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path):
    trace = tmp_path / "trace"
    torch.save({"state_dict": make().state_dict(), "x": Harmful(trace)}, tmp_path / "bad.pth")
    trace.unlink(missing_ok=True)
    with pytest.raises(ValueError, match=r"bad.pth' .*would run code.*state_dict\(\) alone"):
        read_checkpoint(tmp_path / "bad.pth")
    assert not trace.exists()


def test_a_whole_pickled_network_is_refused(tmp_path):
    torch.save(make(), tmp_path / "whole.pth")
    with pytest.raises(ValueError, match="would run code"):
        read_checkpoint(tmp_path / "whole.pth")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.pth", b"", "is damaged"),
        ("text.pth", b"hello", "is damaged"),
        ("text.safetensors", b"hello", "is damaged or no safetensors file"),
        ("net.h5", b"hello", "no checkpoint that can be read: expected a file that ends with .pth"),
    ],
)
def test_what_is_no_checkpoint_is_an_error(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_checkpoint(tmp_path / name)


def test_a_truncated_file_is_an_error(tmp_path):
    torch.save(make().state_dict(), tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="is damaged"):
        read_checkpoint(tmp_path / "half.pth")


def test_a_file_without_weights_and_no_file_are_errors(tmp_path):
    torch.save({"epoch": 3, "losses": [1.0]}, tmp_path / "log.pth")
    with pytest.raises(ValueError, match="holds no dict of names and tensors"):
        read_checkpoint(tmp_path / "log.pth")
    with pytest.raises(FileNotFoundError, match=r"no.pth': there is no such file"):
        read_checkpoint(tmp_path / "no.pth")


def circle():
    content = {"epoch": 1}
    content["model"] = content
    return content


def many_paths():
    content = {"epoch": 1}
    for _ in range(60):
        content = {"model": content, "net": content}
    return content


@pytest.mark.parametrize("make_content", [circle, many_paths])
def test_each_dict_of_a_file_is_looked_into_once(make_content, tmp_path):
    torch.save(make_content(), tmp_path / "x.pth")
    with pytest.raises(ValueError, match="holds no dict of names and tensors"):
        read_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda tensor: tensor.to("meta"), "meta device"),
        (lambda tensor: tensor.to_sparse(), "no dense tensor .layout sparse_coo"),
        (lambda tensor: tensor * float("nan"), "holds NaN"),
        (lambda tensor: tensor.to(torch.complex64), "complex"),
        (lambda tensor: (10 * tensor).to(torch.int8), "holds int8, but its layer is floating"),
    ],
)
def test_tensors_that_are_no_weights_are_refused(change, fault, tmp_path):
    state = make().state_dict()
    state["conv.weight"] = change(state["conv.weight"])
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(ValueError, match=rf"odd.pth': the tensor 'conv.weight' .*{fault}"):
        load_by_name(
            make(), read_checkpoint(tmp_path / "odd.pth"), source=str(tmp_path / "odd.pth")
        )


@pytest.mark.filterwarnings("ignore:.*torch.ao.quantization:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*quantize:UserWarning")
def test_quantized_tensors_are_refused():
    state = make().state_dict()
    state["fc.weight"] = torch.quantize_per_tensor(state["fc.weight"], 0.1, 0, torch.qint8)
    with pytest.raises(ValueError, match=r"the tensor 'fc.weight' is quantized"):
        load_by_name(make(), state, source="q.pth")


@pytest.mark.parametrize("path", [5, b"weights.pth", 1.5, ["a.pth"]])
def test_what_is_no_path_is_a_type_error(path):
    with pytest.raises(TypeError, match=r"^weights=.* is no path: expected None or a checkpoint"):
        read_checkpoint(path)


@pytest.mark.parametrize("path", ["x" * 5000 + ".pth", "a\0b.pth", ""])
def test_odd_paths_are_no_files(path):
    with pytest.raises(FileNotFoundError, match="there is no such file") as caught:
        read_checkpoint(path)
    assert len(str(caught.value)) < 1000


def test_of_two_tensors_for_one_place_the_second_is_skipped():
    state = wrap(make(seed=1).state_dict(), "student.") | wrap(
        make(seed=2).state_dict(), "teacher."
    )
    network = make()
    report = load_by_name(network, state, source="w")
    assert report.fresh == ()
    assert len(report.skipped) == len(make().state_dict())
    assert torch.equal(network.conv.weight, make(seed=1).conv.weight)
