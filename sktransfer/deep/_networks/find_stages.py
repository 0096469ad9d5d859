"""The rule by which a network is cut into stages, for ONNX files and torch modules alike."""

import math
from typing import NamedTuple

# Of the blocks of a network whose resolution never changes, one stage ends at each quarter.
N_QUARTERS = 4


class Place(NamedTuple):
    """A place in a network through which everything flows.

    `shape` is that of one item: (c, h, w) for a map, (t, c) for a sequence of tokens, (c,) for a
    vector. `depth` is the number of layers with weights before it.
    """

    name: str
    shape: tuple[int, ...]
    depth: int

    @property
    def n_positions(self):
        """Pixels of a map, tokens of a sequence, 1 for a vector."""
        if len(self.shape) == 3:
            return math.prod(self.shape[1:])
        return self.shape[0] if len(self.shape) == 2 and self.shape[1] > 1 else 1


def find_stages(places):
    """Choose stages among the places of a network; return their names, in order from the input.

    - A stage ends before each halving of the resolution (an area of half or less), and with the
      last feature map. A pooling without layers behind it takes the place of the map that it pools,
      unless it is the last one.
    - If a network ends in a sequence of tokens of one length, a stage ends at each quarter of the
      layers. It also contains the operations that follow the last of them, such as a normalization.
      The map of patches before the tokens is no stage.
    - A network whose last layer makes one position of a map, as an embedding does, ends there.
    - If there are no maps and no sequences, each vector that layers have made is a stage.

    `places` come without those of a classifier: logits know only the classes of the network's own
    task, so they are reached by their name alone.
    """
    wide = [place for place in places if place.n_positions > 1]
    if not wide:
        return tuple({place.depth: place.name for place in places if place.depth}.values())
    if len(wide[-1].shape) == 3:
        wide = [place for place in wide if len(place.shape) == 3]
    made = [place for place in places if place.depth > wide[-1].depth and len(place.shape) == 3]
    groups = _by_resolution(wide, at_the_end=not made)
    sequences = [group for group in groups if len(group[0].shape) == 2]
    if sequences and len(groups) - len(sequences) == 1:
        groups = sequences
    names = []
    for group in groups:
        if len(sequences) == 1 and group is sequences[0]:
            position = places.index(group[0])
            names += _quarters(group, start=places[max(0, position - 1)].depth)
        else:
            names.append(group[-1].name)
    return (*names, *(place.name for place in made[-1:]))


def _by_resolution(places, *, at_the_end):
    """Places of about one resolution: a group ends if the area halves.

    `at_the_end` means that no layers follow them.
    """
    groups = []
    for place in places:
        first = groups[-1][0] if groups else place
        changed = len(place.shape) != len(first.shape)
        if not groups or changed or place.n_positions * 2 <= first.n_positions:
            groups.append([])
        groups[-1].append(place)
    # The image lies before the first layer.
    groups = [group for group in groups if group[-1].depth]
    depths = [group[-1].depth for group in groups]
    kept = len(groups) - (2 if at_the_end else 1)
    return [g for i, g in enumerate(groups) if i >= kept or depths[i] != depths[i + 1]]


def _quarters(tokens, start):
    """Return the places nearest to each quarter of the layers, and the last block and after."""
    last = tokens[-1]
    layers = [place for place in tokens if place.depth > start] or [last]
    names = []
    for quarter in range(1, N_QUARTERS):
        goal = start + quarter * (last.depth - start) / N_QUARTERS
        depth = min(layers, key=lambda place: abs(place.depth - goal)).depth
        names.append([place.name for place in layers if place.depth == depth][-1])
    block = next(place.name for place in layers if place.depth == last.depth)
    return list(dict.fromkeys([*names, block, last.name]))
