"""Speed of pretrained features beside embetter and a skorch recipe.

The same network, with the same weights and on the same photographs, once through each library.
`pip install embetter timm torchvision skorch` brings the peers; without them the table says what
is missing.
"""

import tempfile

from benchmarks._speed_deep_peers import beside_peers


def run(data_home, *, quick=False):
    """Measure both peers.

    Parameters
    ----------
    data_home : Path or None
        Where photographs are looked for; without them pictures are made.
    quick : bool, default=False
        Fewer photographs, one run of each.

    Returns
    -------
    tables : list of Table
    """
    with tempfile.TemporaryDirectory() as folder:
        return [beside_peers(data_home, folder, quick=quick)]
