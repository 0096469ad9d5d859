"""The command that a message gives installs no CUDA on a machine without a GPU."""

import importlib.metadata
import sys

import pytest

from sktransfer import _extras
from sktransfer._extras import CPU_INDEX, install_command, is_installed


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function that describes a machine to `install_command`."""

    def describe(platform, *, gpu=False, torch=None):
        def version(package):
            if torch is None:
                raise importlib.metadata.PackageNotFoundError(package)
            return torch

        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(importlib.metadata, "version", version)
        driver = tmp_path / "driver"
        if gpu:
            driver.touch()
        monkeypatch.setattr(_extras, "_DRIVERS", (str(driver),))

    return describe


TORCH = f"pip install torch --index-url {CPU_INDEX} && "
BOTH = f"pip install torch torchvision --index-url {CPU_INDEX} && "


@pytest.mark.parametrize(
    ("platform", "options", "extra", "first"),
    [
        ("linux", {}, "torch", TORCH),
        ("linux", {}, "hf", TORCH),
        ("linux", {}, "zoo", BOTH),
        ("linux", {"gpu": True}, "torch", ""),
        ("linux", {"gpu": True}, "zoo", ""),
        # The torch that is there stays; torchvision has to be of its build.
        ("linux", {"torch": "2.13.0+cpu"}, "hf", ""),
        ("linux", {"torch": "2.13.0+cpu"}, "zoo", BOTH),
        ("linux", {"torch": "2.13.0+cpu", "gpu": True}, "zoo", BOTH),
        ("linux", {"torch": "2.13.0"}, "zoo", ""),
        ("darwin", {}, "zoo", ""),
        ("win32", {}, "torch", ""),
        ("linux", {}, "save", ""),
    ],
)
def test_commands(machine, platform, options, extra, first):
    machine(platform, **options)
    assert install_command(extra) == f'{first}pip install "sktransfer[{extra}]"'


def test_several_extras(machine):
    machine("linux")
    assert install_command("torch", "plot") == TORCH + 'pip install "sktransfer[torch,plot]"'


def test_what_is_installed():
    assert is_installed("numpy")
    assert not is_installed("no_such_package_at_all")
    assert not is_installed("no_such_package_at_all.part")
