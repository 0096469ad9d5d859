"""Hosts on one machine: namespaces of Linux on a bridge that no packet leaves.

A function runs in a process of its own user, network, mount and process namespace, and starts hosts
there. Each of them has a name, an address, processes and mounts of its own; the files are those of
all. When the function ends, or the process that has called it, the kernel ends all that it started.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import cache
from importlib import import_module

# The address of the function's process.
HUB = "10.0.0.1"

_CLOSED = ("--user", "--map-root-user", "--net", "--mount", "--pid")
_OF_A_HOST = ("--uts", "--net", "--mount", "--pid")
_WITH_CHILDREN = ("--fork", "--kill-child", "--mount-proc")
_TRIED = "ip link add name br0 type bridge && ip link add name a type veth peer name b"

# A host waits for its end of the wire before it begins with its command.
_BOOT = """
hostname $1 && echo && read wired && ip link set lo up &&
ip address add $2/24 dev eth0 && ip link set eth0 up && shift 2 && exec "$@"
"""


@cache
def why_no_hosts():
    """Return the reason why this system has no such namespaces; None if it has."""
    try:
        command = ["unshare", *_CLOSED, *_WITH_CHILDREN, "sh", "-c", _TRIED]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no namespaces: {error}"
    return f"no namespaces: {done.stderr.strip()}" if done.returncode else None


def run_at_hub(function, *arguments, seconds):
    """Return what a function of a module returns in namespaces of its own, in so many seconds.

    Arguments and result are those of JSON.
    """
    watched, kept = os.pipe()
    name = [function.__module__, function.__qualname__]
    code = f"from benchmarks._hosts import _serve; _serve({watched}, *{name!r}, {arguments!r})"
    try:
        done = subprocess.run(
            ["unshare", *_CLOSED, *_WITH_CHILDREN, sys.executable, "-c", code],
            pass_fds=[watched],
            capture_output=True,
            text=True,
            timeout=seconds,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    finally:
        os.close(watched)
        os.close(kept)
    if done.returncode:
        raise RuntimeError(f"{'.'.join(name)} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _serve(watched, module, name, arguments):
    """Call a function; end with all other processes of the namespace if the caller ends."""
    threading.Thread(target=lambda: os.read(watched, 1) or os._exit(1), daemon=True).start()
    subprocess.run("ip link set lo up && ip link add name br0 type bridge", shell=True, check=True)
    _ip("address", "add", f"{HUB}/24", "dev", "br0")
    _ip("link", "set", "br0", "up")
    print(f"\n{json.dumps(getattr(import_module(module), name)(*arguments))}", flush=True)
    os._exit(0)


class Host:
    """A host that runs one command.

    Parameters
    ----------
    number : int
        From 1: its place on the bridge, and the end of its address.
    name : str or None, default=None
        Its name; None: "host" and the number.
    """

    def __init__(self, number, name=None):
        self.name, self.address = name or f"host{number}", f"10.0.0.{1 + number}"
        self._wire = f"wire{number}"

    @contextmanager
    def running(self, *command, **options):
        """Yield the process of the command; it and its children end with the ``with``."""
        boot = ["sh", "-c", _BOOT, "boot", self.name, self.address, *command]
        process = subprocess.Popen(
            ["unshare", *_OF_A_HOST, *_WITH_CHILDREN, *boot],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            **options,
        )
        with process:
            try:
                process.stdout.readline()
                peer = ["peer", "name", "eth0", "netns", str(process.pid)]
                _ip("link", "add", "name", self._wire, "type", "veth", *peer)
                _ip("link", "set", self._wire, "master", "br0", "up")
                process.stdin.write(b"\n")
                process.stdin.flush()
                yield process
            finally:
                process.kill()

    def cut(self):
        """Take the wire out of the bridge: packets are lost, and nobody is told."""
        _ip("link", "set", self._wire, "nomaster")

    def heal(self):
        """Put the wire back."""
        _ip("link", "set", self._wire, "master", "br0")


def _ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, stdout=subprocess.DEVNULL)
