"""The simulation of a cluster: runs computed by hand, and expectations in closed form."""

import numpy as np
import pytest

from benchmarks.simulated_cluster import simulate


def run(seconds, n_workers, *, lifetime=1e12, per_shard=0.0, restart=0.0, seed=0):
    rng = np.random.default_rng(seed)
    costs = {"lifetime": lifetime, "per_shard": per_shard, "restart": restart}
    return simulate(np.array(seconds, float), n_workers, rng=rng, **costs)


def test_without_deaths_the_largest_come_first():
    # 5 + 1 on one worker, 4 + 3 on the other; each begins after 2 s, and each shard costs 0.5 s.
    found = run([1, 3, 4, 5], 2, per_shard=0.5, restart=2)
    assert found.makespan == 2 + (4 + 0.5) + (3 + 0.5)
    assert (found.lost, found.n_deaths, found.n_twice) == (0, 0, 0)
    assert run([1, 3, 4, 5], 1).makespan == 13
    assert run([1, 3, 4, 5], 9).makespan == 5


@pytest.mark.parametrize(("work", "restart"), [(1.0, 0.0), (0.5, 1.0)])
def test_the_mean_time_of_a_shard_on_a_worker_that_dies(work, restart):
    # Of a process that has to live for a time a: M (exp(a / M) - 1), where M is its mean life.
    spans = [
        run([work], 1, lifetime=2, restart=restart, seed=seed).makespan for seed in range(3000)
    ]
    expected = 2 * np.expm1((work + restart) / 2)
    assert abs(np.mean(spans) - expected) < 4 * np.std(spans) / np.sqrt(len(spans))


def test_the_time_of_one_worker_is_work_and_loss():
    found = run(np.full(500, 1.0), 1, lifetime=4)
    assert found.n_deaths > 50
    assert 0 < found.n_twice < found.n_deaths
    assert found.makespan == pytest.approx(500 + found.lost)


def test_a_lost_shard_goes_to_the_worker_that_is_ready_first():
    # Both begin after 5 s. Of two shards one is lost; the other ends at 15 s.
    found = [run([10, 10], 2, lifetime=30, restart=5, seed=seed) for seed in range(300)]
    once = [each for each in found if each.n_deaths == 1 and each.lost]
    assert len(once) > 20
    assert {each.makespan > 20 for each in once} == {True}
    for each in once:
        assert each.makespan == pytest.approx(min(15, 5 + each.lost + 5) + 10)
