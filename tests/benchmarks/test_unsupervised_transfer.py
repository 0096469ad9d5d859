"""The benchmark of clusters, on made rows."""

import numpy as np

from benchmarks.unsupervised_transfer import METHODS, agreements, make_persons, make_texts


def test_each_kind_of_rows_has_its_methods():
    source, target = make_persons(0, 20)
    found = agreements(source, target, counts=False)
    assert len(found) == len(METHODS)
    assert np.isnan(found).tolist() == [False, False, True, True, True, False, False]
    assert found[-1] > 0.9


def test_topics_of_the_target_pair_other_groups_of_words():
    (_, old), (X, topic) = make_texts(0, 400)
    assert set(old) == set(topic) == {0, 1, 2, 3}
    groups = np.array([X[topic == 0][:, np.arange(300) % 8 == group].sum() for group in range(8)])
    assert set(np.argsort(groups)[-2:]) == {0, 1}
