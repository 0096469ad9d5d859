"""Work in threads: in order, bounded, and nothing left behind."""

import threading
import time

import pytest

from sktransfer.deep._threads import ordered_map


@pytest.mark.parametrize("n_threads", [0, 1, 3])
@pytest.mark.parametrize("look_ahead", [0, 1, 4, 100])
def test_results_come_in_the_order_of_the_tasks(n_threads, look_ahead):
    def slow_first(task):
        time.sleep(0.002 * (task % 3 == 0))
        return task**2

    results = ordered_map(slow_first, range(20), n_threads=n_threads, look_ahead=look_ahead)
    assert list(results) == [task**2 for task in range(20)]


def test_tasks_are_taken_no_further_ahead_than_told():
    taken = []

    def tasks():
        for task in range(50):
            taken.append(task)
            yield task

    results = ordered_map(str, tasks(), n_threads=2, look_ahead=5)
    for number, _ in enumerate(results, start=1):
        assert len(taken) <= number + 4


def test_an_error_comes_where_its_result_would_have_and_threads_end():
    def fail_at_three(task):
        if task == 3:
            raise KeyError("three")
        return task

    before = threading.active_count()
    results = ordered_map(fail_at_three, range(100), n_threads=2, look_ahead=6)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError, match="three"):
        next(results)
    assert threading.active_count() == before


def test_what_nobody_wants_any_more_is_not_begun():
    begun = []
    results = ordered_map(begun.append, range(1000), n_threads=1, look_ahead=500)
    next(results)
    before = threading.active_count()
    results.close()
    assert threading.active_count() == before - 1
    assert len(begun) <= 500
