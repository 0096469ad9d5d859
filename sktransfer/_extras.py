"""The commands that install optional dependencies."""

import importlib.metadata
import sys
from importlib.util import find_spec
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# The packages of PyTorch's own index that an extra brings. torchvision has to be of the same
# release and build as torch.
_FROM_PYTORCH = {
    "torch": ("torch",),
    "hf": ("torch",),
    "zoo": ("torch", "torchvision"),
}

# Files of the drivers of NVIDIA, also under the Windows Subsystem for Linux.
_DRIVERS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")


def install_command(*extras):
    """Return the command that installs extras of sktransfer on this machine.

    On Linux the name torch brings the build with CUDA, of several gigabytes, and torchvision
    replaces a torch of another build by it. Without a GPU, or next to a CPU build of torch, they
    come from PyTorch's CPU index first.

    Parameters
    ----------
    *extras : str
        As in ``pyproject.toml``.

    Returns
    -------
    command : str
    """
    command = f'pip install "sktransfer[{",".join(extras)}]"'
    wanted = sorted({name for extra in extras for name in _FROM_PYTORCH.get(extra, ())})
    installed = installed_version("torch")
    if installed is not None and "torchvision" not in wanted:
        return command  # no package asks for another torch
    if wanted and _is_for_cpu(installed):
        return f"pip install {' '.join(wanted)} --index-url {CPU_INDEX} && {command}"
    return command


def is_installed(package):
    """Tell whether a package can be imported, without importing it."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _is_for_cpu(torch_version):
    if not sys.platform.startswith("linux"):
        return False  # elsewhere the plain name brings no CUDA
    if torch_version is not None:
        return torch_version.endswith("+cpu")
    return not any(Path(path).exists() for path in _DRIVERS)


def installed_version(package):
    """Return the version of an installed package, None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
