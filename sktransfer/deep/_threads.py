"""Work in threads beside whoever consumes its results: in order, and never far ahead."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import joblib


def ordered_map(function, tasks, *, n_threads, look_ahead):
    """Map a function over tasks in threads, and yield the results in the order of the tasks.

    At most `look_ahead` tasks are under way or done, but not yet asked for. An error of a task is
    raised in place of its result. Threads end with the call. Without any, the caller's thread
    works.
    """
    if not n_threads:
        yield from map(function, tasks)
        return
    waiting = deque()
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="sktransfer-read")
    try:
        for task in tasks:
            waiting.append(pool.submit(function, task))
            if len(waiting) >= max(1, look_ahead):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def n_threads(n_jobs):
    """Return the number of threads for `n_jobs`; negative ones count from the end."""
    if n_jobs is not None and n_jobs >= 0:
        return n_jobs
    usable = joblib.cpu_count()
    if n_jobs is None:
        allowed = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
        return min(usable, int(allowed)) if allowed.isdigit() and int(allowed) else usable
    return max(1, usable + 1 + n_jobs)
