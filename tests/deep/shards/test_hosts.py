"""Two hosts, as namespaces of this machine: one loses its link, and two share a cache folder."""

import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks._hosts import Host, run_at_hub, why_no_hosts
from tests.deep.cache import test_shared_work as shared

pytestmark = pytest.mark.skipif(bool(why_no_hosts()), reason=str(why_no_hosts()))


def test_a_link_that_is_lost_and_comes_back(tmp_path):
    pytest.importorskip("distributed")
    from benchmarks._shard_hosts import lost_link

    found = run_at_hub(lost_link, str(tmp_path), 60, 0.005, False, seconds=300)
    assert (found["made"] + found["kept"], found["set_aside"], found["left"]) == (60, 0, 0)
    assert found["exact"]
    assert found["runs_late"] == 2
    assert 1 < found["runs"] <= 1.05
    assert sorted(found["hosts"]) == ["host1", "host2"]


# Not the minute that it is in practice.
TRUST = """
from sktransfer.deep._cache import segments
segments._SECONDS_ELSEWHERE = 3
"""


def _both_have_begun(rows):
    """Whether two hosts have a third of the images, or one has all of them."""
    n_hosts = sum(n_rows > 0 for n_rows in rows.values())
    least = shared.N_IMAGES // 3 if n_hosts == 2 else shared.N_IMAGES
    return sum(rows.values()) >= least


def fill_a_cache(folder):
    """Two hosts compute the same images; the first one is switched off after a third of them."""
    folder = Path(folder)
    code, here = TRUST + shared.SCRIPT, str(Path(shared.__file__).parent)
    with ExitStack() as stack:
        processes = []
        for number, names in ((1, ("a", "b")), (2, ("b", "a"))):
            host = Host(number, name="host")
            command = [sys.executable, "-c", code, here, str(folder), *names]
            processes.append(stack.enter_context(host.running(*command)))
        while not _both_have_begun(shared.computed(folder)):
            time.sleep(0.001)
        processes[0].kill()
        return processes[1].wait(timeout=120)


def test_a_cache_folder_of_two_hosts(tmp_path):
    # They have one name and processes of the same numbers, as two containers of a host may have.
    assert run_at_hub(fill_a_cache, str(tmp_path), seconds=200) == 0
    shared.check(tmp_path, "b")
    rows = shared.computed(tmp_path)
    if sum(n_rows > 0 for n_rows in rows.values()) < 2:
        pytest.skip("one host computed all images before the other began")
    assert sum(rows.values()) <= 1.05 * shared.N_IMAGES
