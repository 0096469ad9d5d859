"""What a backbone says about itself, and which ones are accepted."""

import dataclasses
import hashlib
import os
import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from sktransfer.deep._backbone import Backbone, resolve_backbone
from sktransfer.deep._built_in import BUILT_IN
from sktransfer.deep._preprocessing import Preprocessing

STAGES = "'stage1', 'stage2', 'stage3', 'stage4'"


def test_a_file_describes_itself(network):
    backbone = resolve_backbone(network)
    assert backbone.name == "random"
    assert backbone.source == str(Path(network).resolve())
    assert backbone.stages == ("stage1", "stage2", "stage3", "stage4")
    assert backbone.shapes == ((8, 16, 16), (12, 8, 8), (16, 4, 4), (24, 2, 2))
    assert backbone.preprocessing == Preprocessing((32, 32), 1, (0.3,), (0.4,))
    assert backbone.fingerprint == hashlib.sha256(Path(network).read_bytes()).hexdigest()


def test_the_built_in_network_has_four_stages():
    backbone = resolve_backbone("glyphs")
    assert backbone.name == "glyphs"
    assert backbone.stages == ("stage1", "stage2", "stage3", "stage4")
    assert backbone.preprocessing.size == (32, 32)
    assert backbone.preprocessing.channels == 1


def test_a_path_object_and_a_description_are_accepted(network):
    backbone = resolve_backbone(network)
    assert resolve_backbone(Path(network)) == backbone
    assert resolve_backbone(backbone) is backbone


def test_a_file_is_described_once_until_it_changes(network, write_network, tmp_path):
    path = tmp_path / "copy.onnx"
    shutil.copy(network, path)
    first = resolve_backbone(path)
    assert resolve_backbone(str(path)) is first
    write_network(path, seed=1)
    os.utime(path, ns=(0, 0))
    assert resolve_backbone(path).fingerprint != first.fingerprint


def test_a_description_is_frozen_hashable_and_small(network):
    backbone = resolve_backbone(network)
    with pytest.raises(dataclasses.FrozenInstanceError):
        backbone.name = "other"
    assert hash(backbone) == hash(pickle.loads(pickle.dumps(backbone)))
    assert len(pickle.dumps(backbone)) < 2000


@pytest.mark.parametrize(
    ("stage", "name"),
    [(None, "stage4"), (1, "stage1"), (4, "stage4"), (np.int64(2), "stage2"), ("stage3", "stage3")],
)
def test_stage_name(network, stage, name):
    assert resolve_backbone(network).stage_name(stage) == name


@pytest.mark.parametrize("stage", [0, 5, -1, True, np.True_, 1.0, "stage5", "last", [1]])
def test_unknown_stages_are_refused_with_the_list(network, stage):
    near = "; did you mean 'stage4' or 'stage3' or 'stage2'?" if stage == "stage5" else "."
    message = (
        f"stage={stage!r} is not a stage of the backbone 'random': expected None (the last), an "
        f"integer from 1 to 4, or one of {STAGES}{near}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        resolve_backbone(network).stage_name(stage)


@pytest.mark.parametrize(
    ("freeze_depth", "depth"), [("all", 4), (0, 0), (4, 4), (np.int8(2), 2), (-1, 3), (-4, 0)]
)
def test_depth(network, freeze_depth, depth):
    assert resolve_backbone(network).depth(freeze_depth) == depth


@pytest.mark.parametrize("freeze_depth", [5, -5, True, False, 1.0, "none", None])
def test_impossible_depths_are_refused_with_the_list(network, freeze_depth):
    message = (
        f"freeze_depth={freeze_depth!r} does not fit the backbone 'random': expected 'all' or an "
        f"integer from 0 (train every stage) to 4 (freeze all of {STAGES}), or one from -4 "
        "to -1 (so many are trained)."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        resolve_backbone(network).depth(freeze_depth)


@pytest.mark.parametrize("backbone", ["glyph", "resnet18", 3, None, "weights.pt"])
def test_anything_else_is_refused_in_one_sentence(backbone):
    message = (
        f"backbone={backbone!r} is not known: expected the name of a network that ships with "
        f"sktransfer ({', '.join(map(repr, BUILT_IN))}), the path of an '.onnx' file or of word "
        "vectors ('.txt', '.vec', '.npz'), 'hf:FOLDER', 'torchvision:NAME', 'timm:NAME', a "
        "torch.nn.Module, or a Backbone."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        resolve_backbone(backbone)


def test_a_missing_file_is_named(tmp_path):
    path = str(tmp_path / "none.onnx")
    with pytest.raises(FileNotFoundError, match=re.escape(f"there is no file {path!r}")):
        resolve_backbone(path)


def test_a_checkpoint_for_a_file_is_refused(network):
    with pytest.raises(ValueError, match=r"^weights='w.pt' is a checkpoint for a torch.nn.Module"):
        resolve_backbone(network, weights="w.pt")


def test_a_file_that_is_no_network_is_refused(tmp_path):
    path = tmp_path / "text.onnx"
    path.write_text("no network at all")
    with pytest.raises(ValueError, match=r"text\.onnx' is not an ONNX file that can be read"):
        resolve_backbone(path)


@pytest.mark.parametrize(
    ("stages", "preprocessing", "message"),
    [
        ('["stage1", "stage9"]', None, r"names the stages \['stage1', 'stage9'\], but its outputs"),
        ("no json", None, "carries sktransfer metadata that cannot be used"),
        (None, '{"size": [32, 32]}', "metadata that cannot be used: 'channels'"),
        (
            None,
            '{"size": [32, 32], "channels": 1, "range": [-1, 1], "mean": [0], "std": [1]}',
            r"range=\[-1, 1\] is not \[0, 1\]",
        ),
        (
            None,
            '{"size": [32], "channels": 2, "resize": "nearest", "mean": [0], "std": [0]}',
            r"size=\(32,\) .*; channels=2 .*; mean=.*; std=\(0.0,\) .*; resize='nearest' must",
        ),
    ],
)
def test_faulty_metadata_is_refused(write_network, tmp_path, stages, preprocessing, message):
    good = '{"size": [32, 32], "channels": 1, "mean": [0], "std": [1]}'
    metadata = {
        "sktransfer.stages": stages or '["stage1"]',
        "sktransfer.preprocessing": preprocessing or good,
    }
    path = write_network(tmp_path / "faulty.onnx", metadata=metadata)
    with pytest.raises(ValueError, match=message):
        resolve_backbone(path)


def test_weights_are_those_described(network, write_network, tmp_path):
    path = tmp_path / "moving.onnx"
    shutil.copy(network, path)
    backbone = resolve_backbone(path)
    assert backbone.weights() == path.read_bytes()
    write_network(path, seed=1)
    with pytest.raises(ValueError, match="are not the ones that fit has seen"):
        backbone.weights()
    path.unlink()
    with pytest.raises(FileNotFoundError, match="'moving' are no longer at"):
        backbone.weights()


def test_a_built_in_network_is_found_where_the_package_is_now():
    here = resolve_backbone("glyphs")
    elsewhere = dataclasses.replace(here, source="/another/machine/glyphs.onnx")
    assert isinstance(elsewhere, Backbone)
    assert elsewhere.weights() == here.weights()
