"""The last few values are kept, and each is made once."""

import threading

from sktransfer.deep._networks.recent import Recent


def test_the_value_that_was_used_longest_ago_is_forgotten():
    recent, made = Recent(2), []
    for key in ("a", "b", "a", "c", "a", "b"):
        assert recent.get(key, lambda key=key: made.append(key) or key.upper()) == key.upper()
    assert made == ["a", "b", "c", "b"]
    assert list(recent) == ["a", "b"]
    recent.clear()
    assert list(recent) == []


def test_a_value_is_made_once_for_all_threads():
    recent, started, made = Recent(2), threading.Barrier(4), []

    def ask():
        started.wait()
        recent.get("key", lambda: made.append(1) or "value")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_an_error_is_not_kept():
    recent = Recent(2)
    for value in (0, 2):
        try:
            recent.get("key", lambda value=value: 4 // value)
        except ZeroDivisionError:
            assert list(recent) == []
    assert recent.get("key", None) == 2
