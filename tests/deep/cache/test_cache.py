"""The caches: what comes back, what they hold at most, and what kills, crowds or damages them."""

import os
import re
import signal
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
from sktransfer.deep._cache.folder import STORE, TOKEN, FolderCache
from sktransfer.deep._cache.index import Index
from sktransfer.deep._cache.segments import Block


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
        assert (Path(folder) / STORE / TOKEN).exists()


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


def rows_files(folder):
    return sorted((folder / STORE).glob("*.rows"))


def test_the_file_holds_numbers_and_nothing_that_could_run(tmp_path):
    with open_folder(tmp_path) as cache:
        fill(cache, [7])
    (file,) = rows_files(tmp_path)
    content = file.read_bytes()
    assert content[24:56] == key(7)
    assert content[60:] == row(7).astype("<f4").tobytes()
    assert len(list((tmp_path / STORE).iterdir())) == 2  # and the token


def test_memory_stands_before_the_folder_until_it_is_another(tmp_path):
    front = MemoryCache()
    with closing(FolderCache(tmp_path, front)) as cache:
        fill(cache, [1])
    (file,) = rows_files(tmp_path)
    content = file.read_bytes()
    file.write_bytes(b"")
    with closing(FolderCache(tmp_path, front)) as cache:
        assert held(cache, [1]) == [1]
    file.write_bytes(content)
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
    assert not list((tmp_path / STORE).glob("*.damaged"))


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
        pytest.skip("this system has no /proc, in which no folder can be made")
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


def _garbage(content):
    return b"no rows at all, but some words" * 1000


def _one_bit_of_a_row(content):
    content = bytearray(content)
    content[content.index(row(3, 500).tobytes()) + 1000] ^= 1
    return bytes(content)


def _one_bit_of_a_key(content):
    content = bytearray(content)
    content[content.index(key(3)) + 31] ^= 1
    return bytes(content)


@pytest.mark.parametrize("damage", [_garbage, _one_bit_of_a_row, _one_bit_of_a_key])
def test_a_file_that_is_damaged_is_set_aside_and_named(tmp_path, damage):
    script = "with open_folder(sys.argv[1]) as cache: fill(cache, range(40), n_values=500)"
    assert run(script, tmp_path).returncode == 0
    (file,) = rows_files(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    damaged = file.read_bytes()
    cache = FolderCache(tmp_path, MemoryCache())
    found = held(cache, range(40), n_values=500)
    assert len(found) < 40
    fill(cache, range(40), n_values=500)
    aside = file.with_suffix(".damaged")
    message = f"The cache {str(tmp_path / STORE)!r} had a damaged file, which is set aside as "
    message += f"{str(aside)!r} ("
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}"):
        cache.close()
    assert aside.read_bytes() == damaged
    with open_folder(tmp_path) as cache:
        assert held(cache, range(50), n_values=500) == list(range(40))


def test_the_index_finds_each_of_very_many_rows():
    index, expected = Index(), {}
    for number, n_rows in enumerate((60_000, 10_000, 500)):
        numbers = range(len(expected), len(expected) + n_rows)
        keys = [key(n) for n in numbers]
        index.add(number, Block(100, 40 * n_rows, 1, 10, keys, list(numbers)))
        expected |= {
            k: (number, 100 + 40 * i, 10, n) for i, (k, n) in enumerate(zip(keys, numbers))
        }
    assert index.find(list(expected)) == list(expected.values())
    assert index.find([key(80_000)]) == [None]
    index.drop(0)
    kept = [place if place[0] else None for place in expected.values()]
    assert index.find(list(expected)) == kept


def test_a_block_that_is_cut_off_is_not_there_yet(tmp_path):
    script = """
with open_folder(sys.argv[1]) as cache:
    fill(cache, range(40), n_values=500)
    fill(cache, range(40, 50), n_values=500)
"""
    assert run(script, tmp_path).returncode == 0
    (file,) = rows_files(tmp_path)
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with open_folder(tmp_path) as cache:
        assert held(cache, range(50), n_values=500) == list(range(40))
        file.write_bytes(content)
        assert held(cache, range(50), n_values=500) == list(range(50))


def _flipped(content, place, bit):
    content = bytearray(content)
    content[place] ^= 1 << bit
    return bytes(content)


def test_one_flipped_bit_anywhere_costs_at_most_one_warning(tmp_path):
    script = "with open_folder(sys.argv[1]) as cache: fill(cache, range(6), n_values=30)"
    assert run(script, tmp_path / "whole").returncode == 0
    whole = {p.name: p.read_bytes() for p in (tmp_path / "whole" / STORE).iterdir()}
    (name,) = (p.name for p in rows_files(tmp_path / "whole"))
    rng = np.random.default_rng(0)
    cases = [(name, place) for place in range(len(whole[name]))]
    cases = cases[:250] + cases[250::7] + [(TOKEN, place) for place in range(32)]
    warned = 0
    for number, (file, place) in enumerate(cases):
        folder = tmp_path / str(number)
        (folder / STORE).mkdir(parents=True)
        for other, content in whole.items():
            damaged = _flipped(content, place, rng.integers(8)) if other == file else content
            (folder / STORE / other).write_bytes(damaged)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with open_folder(folder) as cache:
                found = held(cache, range(6), n_values=30)
                fill(cache, sorted(set(range(6)) - set(found)), n_values=30)
        assert len(caught) <= 1, (file, place)
        warned += len(caught)
        with open_folder(folder) as cache:  # a warning would be an error here
            assert held(cache, range(6), n_values=30) == list(range(6)), (file, place)
    assert warned > 200


# Several processes


def test_a_row_that_another_process_claims_is_left_to_it(tmp_path):
    script = """
import time
with open_folder(sys.argv[1]) as cache:
    assert cache.claim([key(n) for n in range(10)]).all()
    print("claimed", flush=True)
    sys.stdin.readline()
    fill(cache, range(5))
    print("stored", flush=True)
    sys.stdin.readline()
print("closed", flush=True)
sys.stdin.readline()
"""
    header = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    command = [sys.executable, "-c", header + "from test_cache import *\n" + script, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    keys = [key(n) for n in range(12)]

    def after(line, expected):
        if line:
            other.stdin.write("\n")
        assert other.stdout.readline().strip() == expected

    with subprocess.Popen(command, **pipes) as other, open_folder(tmp_path) as cache:
        after(False, "claimed")
        assert cache.claim(keys).tolist() == [False] * 10 + [True] * 2
        assert held(cache, range(12)) == []
        after(True, "stored")
        assert held(cache, range(12)) == list(range(5))
        assert cache.claim(keys[:10]).tolist() == [False] * 10
        after(True, "closed")  # its claims without a computed row are free
        assert cache.claim(keys[:10]).tolist() == [False] * 5 + [True] * 5
        other.stdin.write("\n")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_the_claims_of_a_killed_process_are_free(tmp_path):
    script = """
import os, signal
cache = FolderCache(sys.argv[1], MemoryCache())
cache.claim([key(n) for n in range(10)])
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run(script, tmp_path).returncode == -signal.SIGKILL
    with open_folder(tmp_path) as cache:
        assert cache.claim([key(n) for n in range(10)]).all()
        fill(cache, range(10))
        assert not cache.claim([key(n) for n in range(10)]).any()


def test_two_that_claim_at_once_do_not_wait_for_each_other(tmp_path):
    script = """
import time
keys = [key(n) for n in range(300)]
with open_folder(sys.argv[1]) as cache:
    computed = []
    for first in range(0, 300, 10):
        some = range(first, first + 10)
        left = sorted(set(some) - set(held(cache, some)))
        mine = cache.claim([key(n) for n in left])
        fill(cache, [n for n, is_mine in zip(left, mine) if is_mine])
        computed += [n for n, is_mine in zip(left, mine) if is_mine]
    start = time.monotonic()
    while len(held(cache, range(300))) < 300:
        left = sorted(set(range(300)) - set(held(cache, range(300))))
        mine = cache.claim([key(n) for n in left])
        fill(cache, [n for n, is_mine in zip(left, mine) if is_mine])
        assert time.monotonic() < start + 30
print(len(computed))
"""
    header = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    command = [sys.executable, "-c", header + "from test_cache import *\n" + script, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    computed = [int(process.communicate(timeout=120)[0]) for process in both]
    assert 300 <= sum(computed) <= 330


def test_many_small_files_that_rest_are_joined(tmp_path):
    with open_folder(tmp_path) as cache:
        fill(cache, range(3))
    (file,) = rows_files(tmp_path)
    content = file.read_bytes()
    for number in range(100):
        copy = file.with_name(f"{'0' * 12}-1-{number:016x}.rows")
        copy.write_bytes(content)
        os.utime(copy, (0, 0))
    (copy.parent / "0-1-0.rows").write_bytes(content.replace(key(1), key(9)))  # in use, and damaged
    script = """
with pytest.warns(UserWarning, match="damaged"), open_folder(sys.argv[1]) as cache:
    assert held(cache, range(10)) == [0, 1, 2]
"""
    done = run(script, tmp_path)
    assert done.returncode == 0, done.stderr
    names = [path.name for path in rows_files(tmp_path)]
    assert sorted(name.split("-")[0] for name in names) == sorted([file.name[:12], "joined"])
    with open_folder(tmp_path) as cache:
        assert held(cache, range(10)) == [0, 1, 2]


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
