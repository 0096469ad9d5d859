"""Work in threads beside whoever consumes its results: in order, and never far ahead."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor


def ordered_map(function, tasks, *, n_threads, look_ahead):
    """Map a function over tasks in threads, and yield the results in the order of the tasks.

    Threads are started for this one call, and are gone when it ends, be it by an error or because
    nobody wants more.

    Parameters
    ----------
    function : callable
        Of one task; what it raises is raised where its result would have come.
    tasks : iterable
    n_threads : int
        0 works in the caller's thread, one task at a time.
    look_ahead : int
        How many tasks may be under way or done, but not yet asked for.

    Yields
    ------
    result : object
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
