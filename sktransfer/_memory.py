"""The memory of the machine."""

import os

import numpy as np


def memory_of_machine():
    """Return the memory in bytes; infinite if the system does not report it."""
    names = getattr(os, "sysconf_names", {})
    if not {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(names):
        return np.inf
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
