"""The rule that cuts graphs and modules, on places that are written down."""

import pytest

from sktransfer.deep._networks.find_stages import Place, find_stages


def places(*shapes_and_depths):
    return [
        Place(f"{i}", shape, depth) for i, (shape, depth) in enumerate(shapes_and_depths, start=1)
    ]


def test_no_places_have_no_stages():
    assert find_stages([]) == ()
    assert find_stages(places(((3, 8, 8), 0))) == ()


def test_an_area_of_half_begins_another_stage_whichever_side_shrinks():
    wide = places(((3, 64, 40), 0), ((4, 64, 40), 1), ((4, 64, 20), 2), ((5, 63, 18), 3))
    assert find_stages(wide) == ("2", "4")
    high = [place._replace(shape=(place.shape[0], *place.shape[:0:-1])) for place in wide]
    assert find_stages(high) == ("2", "4")


def test_tokens_that_shorten_end_a_stage_at_each_length():
    shapes = [((64, 8), 1), ((64, 8), 4), ((16, 8), 5), ((16, 8), 8), ((16, 8), 8)]
    assert find_stages(places(*shapes)) == ("2", "5")


@pytest.mark.parametrize("n_blocks", range(1, 14))
def test_quarters_of_blocks_are_the_nearest(n_blocks):
    found = find_stages(places(((9, 4), 1), *(((9, 4), 2 + i) for i in range(n_blocks))))
    blocks = [int(name) - 1 for name in found]
    assert blocks[-1] == n_blocks
    assert len(blocks) == min(n_blocks, 4)
    for number, block in enumerate(blocks, start=1):
        if len(blocks) == 4:
            assert abs(block - n_blocks * number / 4) <= 0.5


def test_maps_before_tokens_are_stages_if_they_are_more_than_patches():
    stem, tokens = [((4, 16, 16), 1), ((8, 8, 8), 2)], [((64, 8), 2), ((64, 8), 4)]
    assert find_stages(places(*stem, *tokens)) == ("1", "2", "4")
    assert find_stages(places(*stem, *tokens, ((9, 4, 4), 5))) == ("1", "2", "5")
    assert find_stages(places(stem[1], *tokens)) == ("3",)
