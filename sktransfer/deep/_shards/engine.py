"""Tasks on the engine of joblib that is active: processes, threads, Dask, Ray or Spark."""

import os
from concurrent.futures import FIRST_COMPLETED, wait
from itertools import islice

import joblib

# A process that ends so often before its task could say that it has begun will always do so.
MOST_STARTS = 5

# Variables that limit the threads of a process, as joblib limits those of its workers.
_THREADS_OF = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def check_engine(n_jobs):
    """Raise ValueError if a process that dies would be waited for without end."""
    backend, _ = joblib.parallel.get_active_backend()
    is_pool = type(backend) is joblib.parallel.BACKENDS["multiprocessing"]  # that of Ray inherits
    if is_pool and joblib.effective_n_jobs(n_jobs) > 1:
        raise ValueError(
            "store_features starts a shard again if its process dies, which joblib's backend "
            "'multiprocessing' never notices; leave out backend=, or pass 'loky', 'dask', 'ray' or "
            "'spark' to joblib.parallel_config."
        )


def run_tasks(function, tasks, *, n_jobs):
    """Call a function with each tuple of arguments, and yield the results as they come.

    A task whose process dies is started again, by the engine if it is Dask, and here for joblib's
    own processes. Each of them runs alone then, so that no other task is lost with it. Ray and
    Spark start tasks again as they are set to.
    """
    backend, _ = joblib.parallel.get_active_backend()
    n_workers = joblib.effective_n_jobs(n_jobs)
    if n_workers > 1 and isinstance(backend, joblib.parallel.BACKENDS["loky"]):
        n_threads = backend.inner_max_num_threads or max(1, joblib.cpu_count() // n_workers)
        given = {} if backend.inner_max_num_threads else os.environ
        env = {name: given.get(name, str(n_threads)) for name in _THREADS_OF}
        yield from _in_processes(function, tasks, n_workers, env)
        return
    unordered = getattr(backend, "supports_return_generator", False)
    parallel = joblib.Parallel(
        n_jobs=n_jobs,
        batch_size=1,
        pre_dispatch="4 * n_jobs",
        return_as="generator_unordered" if unordered else "list",
    )
    yield from parallel(joblib.delayed(function)(*task) for task in tasks)


def _in_processes(function, tasks, n_workers, env):
    """Run tasks in processes of which each is an executor of its own."""
    from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor

    def start(task, executor=None, n_starts=1):
        executor = executor or ProcessPoolExecutor(1, env=env)
        running[executor.submit(function, *task)] = task, executor, n_starts

    tasks, running = iter(tasks), {}
    try:
        for task in islice(tasks, n_workers):
            start(task)
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task, executor, n_starts = running.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    executor.shutdown(kill_workers=True)
                    if n_starts == MOST_STARTS:
                        raise
                    start(task, n_starts=n_starts + 1)
                    continue
                following = next(tasks, None)
                if following is None:
                    executor.shutdown(wait=False)
                else:
                    start(following, executor)
                yield result
    finally:
        for _, executor, _ in running.values():  # after an error, or Control-C
            executor.shutdown(kill_workers=True)
