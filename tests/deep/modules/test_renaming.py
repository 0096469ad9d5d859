"""Names of a checkpoint and of a network are matched although a wrapper has changed them."""

import pytest

from sktransfer.deep._networks.torch.renaming import match_names

OWN = {f"layers.{k}.{end}": (k + 2, 3) for k in range(6) for end in ("weight", "bias")}
OWN |= {"fc.weight": (2,), "fc.bias": (5,)}

CHANGES = {
    "nothing": lambda name: name,
    "a wrapper": lambda name: "module." + name,
    "any word": lambda name: "cnn." + name,
    "three words": lambda name: "model.backbone.encoder." + name,
    "five words": lambda name: "a.b.c.d.e." + name,
    "a wrapper in the middle": lambda name: name.replace("layers.", "layers.module."),
    "two in the middle": lambda name: name.replace("layers.", "layers.module.inner."),
    "before and in the middle": lambda name: "net." + name.replace("layers.", "layers.module."),
    "in each block": lambda name: name.replace(".weight", ".inner.weight"),
    "two words in each block": lambda name: name.replace(".bias", ".a.b.bias"),
    "before and in each block": lambda name: "cnn." + name.replace(".weight", ".inner.weight"),
    "another name of the trunk": lambda name: name.replace("layers.", "features."),
}


@pytest.mark.parametrize("change", CHANGES)
def test_all_names_are_found(change):
    file = {CHANGES[change](name): shape for name, shape in OWN.items()}
    expected = {CHANGES[change](name): name for name in OWN}
    assert match_names(file, OWN) == expected
    # The change may as well be in the network's names.
    assert match_names(OWN, file) == {name: changed for changed, name in expected.items()}


def test_of_two_copies_the_usual_word_is_taken():
    file = {f"module.encoder_{copy}.{name}": shape for copy in "kq" for name, shape in OWN.items()}
    found = match_names(file, OWN)
    assert found == {f"module.encoder_q.{name}": name for name in OWN}


def test_equal_names_are_never_changed():
    file = OWN | {f"other.{name}": shape for name, shape in OWN.items()}
    assert match_names(file, OWN) == {name: name for name in OWN}


def test_no_two_names_share_a_target():
    file = {
        f"{word}.{name}": shape for word in ("one", "two", "ema") for name, shape in OWN.items()
    }
    targets = list(match_names(file, OWN).values())
    assert len(targets) == len(set(targets)) == len(OWN)


def test_a_name_of_another_shape_is_still_found():
    file = {f"cnn.{name}": shape for name, shape in OWN.items()} | {"cnn.fc.weight": (7,)}
    assert match_names(file, OWN)["cnn.fc.weight"] == "fc.weight"


def test_a_prefix_by_which_one_name_of_many_fits_is_not_removed():
    own = {f"{k}.weight": (k + 2,) for k in range(8)}
    file = {f"enc.{k}.weight": (k + 100,) for k in range(8)} | {"enc.1.weight": (3,)}
    file |= {f"dec.{k}.other": (k,) for k in range(8)}
    assert match_names(file, own) == {}
    # The word of a wrapper, or one that all names have, is removed in any case.
    assert match_names({f"module.{name}": shape for name, shape in own.items() if name < "2"}, own)
    assert match_names({"enc.1.weight": (3,), "enc.2.weight": (9,)}, own) == {
        "enc.1.weight": "1.weight",
        "enc.2.weight": "2.weight",
    }


def test_one_tensor_of_a_foreign_block_is_no_reason_to_rename():
    """Another architecture whose blocks have the same last words."""
    file = {f"stem.{k}.conv.weight": (9,) for k in range(5)} | {"stem.0.proj.weight": (2,)}
    assert match_names(file, {"weight": (2,), "head.weight": (3,), "tail.weight": (4,)}) == {
        "stem.0.proj.weight": "weight"
    }
    own = {f"blocks.{k}.weight": (k + 2,) for k in range(8)}
    assert match_names({"x.blocks.9.weight": (3,), "y.a": (1,), "z.b": (1,)}, own) == {}
