"""The caches: what comes back, what they hold at most, and what kills, crowds or damages them."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from sktransfer.deep._cache.cache import BYTES_A_ROW, MemoryCache, NoCache, memory, open_cache
from sktransfer.deep._cache.folder import DATABASE, STORE, TOKEN, FolderCache


def row(number, n_values=5):
    """The row that belongs to a key, wherever it is computed."""
    return np.random.default_rng(number).normal(size=n_values).astype(np.float32)


def key(number):
    return number.to_bytes(32, "big")


def fill(cache, numbers, n_values=5):
    cache.put([key(n) for n in numbers], np.array([row(n, n_values) for n in numbers]))


def held(cache, numbers, n_values=5):
    """Which numbers the cache has; what it has must be right."""
    found = cache.get([key(n) for n in numbers], n_values)
    for number, values in zip(numbers, found, strict=True):
        if values is not None:
            np.testing.assert_array_equal(values, row(number, n_values))
    return [n for n, values in zip(numbers, found, strict=True) if values is not None]


def open_folder(folder):
    """The folder as a process sees it that has nothing in memory yet."""
    return closing(FolderCache(folder, MemoryCache()))


def run(script, *arguments, **options):
    """Run a script that has this module's helpers, with warnings as errors."""
    header = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    header += "from test_cache import *\n"
    command = [sys.executable, "-W", "error", "-c", header + script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


# In memory


def test_rows_come_back_and_are_copies():
    cache = MemoryCache()
    rows = np.array([row(1), row(2)])
    cache.put([key(1), key(2)], rows)
    rows[:] = 0
    assert held(cache, [0, 1, 2]) == [1, 2]


def test_what_was_not_asked_for_the_longest_goes_first():
    cache = MemoryCache(max_bytes=3 * (5 * 4 + BYTES_A_ROW))
    fill(cache, [1, 2, 3])
    held(cache, [1])
    fill(cache, [4])
    assert held(cache, [1, 2, 3, 4]) == [1, 3, 4]


def test_the_bound_holds_and_counts_each_key_once():
    cache = MemoryCache(max_bytes=10_000)
    for _ in range(2):
        fill(cache, range(7), n_values=50)
        assert cache.n_bytes == 7 * (200 + BYTES_A_ROW)
    fill(cache, range(100), n_values=50)
    assert cache.n_bytes <= 10_000
    assert held(cache, range(100), n_values=50) == list(range(80, 100))
    fill(cache, [1000], n_values=2500)
    assert held(cache, range(100), n_values=50) == list(range(80, 100))
    cache.clear()
    assert cache.n_bytes == 0
    assert held(cache, range(100), n_values=50) == []


def test_results_of_whole_calls_push_no_row_out():
    cache = MemoryCache(max_bytes=10_000, results=MemoryCache(max_bytes=1000))
    fill(cache, [1, 2])
    result = np.arange(100, dtype=np.float32)
    for number in (1, 2):
        cache.put_result(key(number), result)
    result[:] = 0
    np.testing.assert_array_equal(cache.get_result(key(2), 100), np.arange(100))
    assert cache.get_result(key(1), 100) is None  # there is room for one
    cache.put_result(key(3), np.zeros(1000, dtype=np.float32))
    assert cache.get_result(key(3), 1000) is None
    assert held(cache, [1, 2]) == [1, 2]
    assert MemoryCache().get_result(key(2), 100) is None
    cache.clear()
    assert cache.get_result(key(2), 100) is None


def test_threads_may_share_it():
    cache = MemoryCache(max_bytes=50 * (20 + BYTES_A_ROW))

    def work(seed):
        for number in np.random.default_rng(seed).integers(0, 100, 300).tolist():
            if not held(cache, [number]):
                fill(cache, [number])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert cache.n_bytes == len(held(cache, range(100))) * (20 + BYTES_A_ROW)
    assert cache.n_bytes == cache.max_bytes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_in_the_middle_of_a_write_leaves_the_child_a_usable_cache():
    script = """
import signal, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
writing = threading.Event()
def write():
    memory.hold()
    writing.set()
    time.sleep(0.3)
    memory.release()
thread = threading.Thread(target=write)
thread.start()
writing.wait()
child = os.fork()
if not child:
    signal.alarm(20)
    memory.put([b"new"], [np.ones(5)])
    os._exit(0 if memory.get([b"new"], 5)[0] is not None else 1)
thread.join()
assert os.waitpid(child, 0)[1] == 0
memory.put([b"new"], [np.ones(5)])
"""
    done = run(script)
    assert done.returncode == 0, done.stderr


# Which cache is meant


def test_the_parameter(tmp_path):
    assert open_cache("memory") is memory
    nothing = open_cache(None)
    assert isinstance(nothing, NoCache)
    fill(nothing, [1])
    assert held(nothing, [1]) == []
    for folder in (tmp_path / "a" / "b", str(tmp_path / "c")):
        with closing(open_cache(folder)) as cache:
            assert cache.folder == Path(folder)
        assert (Path(folder) / STORE / DATABASE).exists()


def test_what_is_no_cache_is_an_error(tmp_path):
    file = tmp_path / "file"
    file.touch()
    message = f"cache={str(file)!r} is a file: expected 'memory', the path of a folder, or None."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        open_cache(str(file))
    for cache in (3, "", True):
        message = f"cache={cache!r} is not known: expected 'memory', the path of a folder, or None."
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            open_cache(cache)


# In a folder


def test_rows_outlive_the_process(tmp_path):
    with open_folder(tmp_path) as cache:
        fill(cache, range(1200))
        assert held(cache, [3, 2000]) == [3]
    with open_folder(tmp_path) as cache:
        assert held(cache, range(1300)) == list(range(1200))
    script = "with open_folder(sys.argv[1]) as cache: print(len(held(cache, range(1300))))"
    assert run(script, tmp_path).stdout == "1200\n"


def test_the_file_holds_numbers_and_nothing_that_could_run(tmp_path):
    with open_folder(tmp_path) as cache:
        fill(cache, [7])
    with closing(sqlite3.connect(tmp_path / STORE / DATABASE)) as connection:
        ((name, value),) = connection.execute("SELECT key, value FROM features").fetchall()
    assert name == key(7)
    assert value == row(7).astype("<f4").tobytes()
    assert sorted(p.name for p in (tmp_path / STORE).iterdir()) == sorted([DATABASE, TOKEN])


def test_memory_stands_before_the_folder_until_it_is_another(tmp_path):
    front = MemoryCache()
    with closing(FolderCache(tmp_path, front)) as cache:
        fill(cache, [1])
    (tmp_path / STORE / DATABASE).rename(tmp_path / "moved")
    (tmp_path / "moved").rename(tmp_path / STORE / DATABASE)
    with closing(FolderCache(tmp_path, front)) as cache:
        assert held(cache, [1]) == [1]
        assert cache._connection is None
    for file in (tmp_path / STORE).iterdir():
        file.unlink()
    (tmp_path / STORE).rmdir()
    with closing(FolderCache(tmp_path, front)) as cache:
        assert held(cache, [1]) == []
        fill(cache, [1])
    with open_folder(tmp_path) as cache:
        assert held(cache, [1]) == [1]


def test_processes_fill_one_folder_at_once(tmp_path):
    script = f"""
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_cache import *
for first in range(0, 600, 20):
    with open_folder(sys.argv[1]) as cache:
        if len(held(cache, range(first, first + 20))) < 20:
            fill(cache, range(first, first + 20))
with open_folder(sys.argv[1]) as cache:
    assert len(held(cache, range(600))) == 600
"""
    command = [sys.executable, "-W", "error", "-c", "import sys\n" + script, str(tmp_path)]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    with open_folder(tmp_path) as cache:
        assert held(cache, range(600)) == list(range(600))
    assert [p.name for p in tmp_path.iterdir()] == [STORE]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_writer_leaves_nothing_half_done(tmp_path):
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_cache import *
numbers = range(int(sys.argv[2]), 10**6)
with open_folder(sys.argv[1]) as cache:
    for first in numbers[::8]:
        fill(cache, range(first, first + 8), n_values=2000)
        print(first, flush=True)
"""
    last = 0
    for attempt in range(4):
        command = [sys.executable, "-c", script, str(tmp_path), str(last)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        written = [int(writer.stdout.readline()) for _ in range(5 + 7 * attempt)]
        time.sleep(0.001 * attempt)  # another moment of the next write each time
        os.kill(writer.pid, signal.SIGKILL)
        rest = [int(line) for line in writer.communicate()[0].split("\n")[:-1] if line]
        last = (written + rest)[-1] + 8
        with open_folder(tmp_path) as cache:
            found = held(cache, range(last + 16), n_values=2000)
            assert found[:last] == list(range(last))
            fill(cache, [5_000_000 + attempt], n_values=2000)
    with closing(sqlite3.connect(tmp_path / STORE / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


FULL = r"The cache '.*' takes no more features \(.*\); the features are right all the same\."


def test_a_full_disk_costs_a_warning(tmp_path):
    pytest.importorskip("resource")
    script = """
import resource
with open_folder(sys.argv[1]) as cache:
    fill(cache, range(10))
resource.setrlimit(resource.RLIMIT_FSIZE, (2**17, 2**17))
with pytest.warns(UserWarning) as caught, open_folder(sys.argv[1]) as cache:
    for first in range(10, 300, 10):
        fill(cache, range(first, first + 10), n_values=500)
        assert held(cache, range(first, first + 10), n_values=500)
(warning,) = caught
print(warning.message)
with open_folder(sys.argv[1]) as cache:
    assert len(held(cache, range(10))) == 10
"""
    done = run(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(FULL, done.stdout.strip())
    with open_folder(tmp_path) as cache:
        assert len(held(cache, range(10))) == 10
        fill(cache, range(10, 20))


def test_a_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("this process may not mount a small disk")
    try:
        with open_folder(disk / "cache") as cache:
            fill(cache, range(10))
        cache = FolderCache(disk / "cache", MemoryCache())
        for first in range(1000, 2000, 10):
            fill(cache, range(first, first + 10), n_values=500)
            assert len(held(cache, range(first, first + 10), n_values=500)) == 10
        with pytest.warns(UserWarning, match=FULL):
            cache.close()
        with open_folder(disk / "cache") as cache:
            assert len(held(cache, range(10))) == 10
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_place_that_cannot_be_written_costs_a_warning():
    if not Path("/proc/self").exists():
        pytest.skip("this system has no /proc, where nobody can make a folder")
    cache = FolderCache("/proc/nowhere", MemoryCache())
    fill(cache, [1])
    assert held(cache, [1, 2]) == [1]
    with pytest.warns(UserWarning, match=r"^The cache '/proc/nowhere.* cannot be used \("):
        cache.close()


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="this system has no users")
def test_a_folder_that_may_only_be_read_is_read():
    script = """
import shutil, tempfile
folder = Path(tempfile.mkdtemp())
try:
    folder.chmod(0o755)
    with open_folder(folder) as cache:
        fill(cache, range(10))
        assert len(held(cache, range(12))) == 10  # imports what the other user may not read
    for path in (folder / STORE, folder):
        path.chmod(0o555)
    child = os.fork()
    if not child:
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            with pytest.warns(UserWarning) as caught, open_folder(folder) as cache:
                assert len(held(cache, range(12))) == 10
                fill(cache, [10])
                fill(cache, [11])
                assert len(held(cache, range(12))) == 12
            (warning,) = caught
            print(warning.message, flush=True)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
finally:
    for path in (folder, folder / STORE):
        path.chmod(0o755)
    shutil.rmtree(folder)
"""
    done = run(script)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(FULL, done.stdout.strip())


def _garbage(store):
    (store / DATABASE).write_bytes(b"no database at all" * 1000)


def _cut_off(store):
    content = (store / DATABASE).read_bytes()
    (store / DATABASE).write_bytes(content[: len(content) // 2])


def _one_bit(store):
    content = bytearray((store / DATABASE).read_bytes())
    content[content.index(row(3, 500).tobytes()) + 1000] ^= 1
    (store / DATABASE).write_bytes(content)


def _another_table(store):
    with closing(sqlite3.connect(store / DATABASE)) as connection:
        connection.execute("ALTER TABLE features RENAME TO other")


def _no_database(store):
    (store / DATABASE).unlink()


def _no_token(store):
    (store / TOKEN).unlink()


@pytest.mark.parametrize(
    "damage", [_garbage, _cut_off, _one_bit, _another_table, _no_database, _no_token]
)
def test_what_is_damaged_is_set_aside_and_named(tmp_path, damage):
    with open_folder(tmp_path) as cache:
        fill(cache, range(40), n_values=500)
    damage(tmp_path / STORE)
    damaged = {p.name: p.read_bytes() for p in (tmp_path / STORE).iterdir()}
    for number in (1, 2):
        aside = tmp_path / f"{STORE}-damaged-{number}"
        message = f"The cache {str(tmp_path / STORE)!r} was damaged and is set aside as "
        message += f"{str(aside)!r} ("
        cache = FolderCache(tmp_path, MemoryCache())
        held(cache, range(40), n_values=500)
        fill(cache, range(40), n_values=500)
        with pytest.warns(UserWarning, match=f"^{re.escape(message)}"):
            cache.close()
        kept = {p.name: p.read_bytes() for p in aside.iterdir()}
        if number == 1:
            assert {name: kept[name] for name in damaged} == damaged
        with open_folder(tmp_path) as cache:
            assert held(cache, range(50), n_values=500) == list(range(40))
        damage(tmp_path / STORE)


def _flipped(content, place, bit):
    content = bytearray(content)
    content[place] ^= 1 << bit
    return bytes(content)


def _places(content, rng):
    """Places in each region: the header, the schema, each page's header, and anywhere."""
    schema = [match.start() + 2 for match in re.finditer(b"features|checksum|BLOB|INT", content)]
    pages = [page + offset for page in range(0, len(content), 4096) for offset in range(12)]
    anywhere = rng.integers(len(content), size=40).tolist()
    return [*range(100), *schema, *pages, *anywhere]


def test_one_flipped_bit_anywhere_costs_at_most_one_warning(tmp_path):
    with open_folder(tmp_path / "whole") as cache:
        fill(cache, range(6), n_values=300)
    whole = {p.name: p.read_bytes() for p in (tmp_path / "whole" / STORE).iterdir()}
    rng = np.random.default_rng(0)
    cases = [(DATABASE, place) for place in _places(whole[DATABASE], rng)]
    cases += [(TOKEN, place) for place in range(32)]
    warned = 0
    for number, (name, place) in enumerate(cases):
        folder = tmp_path / str(number)
        (folder / STORE).mkdir(parents=True)
        damaged = whole | {name: _flipped(whole[name], place, rng.integers(8))}
        for file, content in damaged.items():
            (folder / STORE / file).write_bytes(content)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with open_folder(folder) as cache:
                found = held(cache, range(6), n_values=300)
                fill(cache, sorted(set(range(6)) - set(found)), n_values=300)
        assert len(caught) <= 1, (name, place)
        warned += len(caught)
        with open_folder(folder) as cache:  # a warning would be an error here
            assert held(cache, range(6), n_values=300) == list(range(6)), (name, place)
    assert warned > 20


@pytest.mark.parametrize("name", ["~no-such-user/x", "a\0b"])
def test_a_name_that_can_be_no_folder_is_an_error_that_names_the_parameter(name):
    with pytest.raises(ValueError, match=r"cache=.* can be no folder"):
        open_cache(name)


def test_a_folder_whose_name_is_not_utf_8_is_used(tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")
    with open_folder(folder) as cache:
        fill(cache, range(3))
    with open_folder(folder) as cache:
        assert held(cache, range(4)) == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions are those of POSIX")
def test_a_folder_that_may_not_be_entered_costs_a_warning(tmp_path):
    script = """
import os
np.testing.assert_array_equal(row(0), row(0))  # imports what the other user may not read
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with open_folder(sys.argv[1]) as cache:
        fill(cache, range(3))
        assert held(cache, range(4)) == [0, 1, 2]
(warning,) = caught
assert "cannot be used" in str(warning.message)
"""
    inside = tmp_path / "closed" / "inside"
    inside.mkdir(parents=True)
    inside.parent.chmod(0 if os.getuid() else 0o700)
    done = run(script, inside)
    inside.parent.chmod(0o755)
    assert done.returncode == 0, done.stderr
