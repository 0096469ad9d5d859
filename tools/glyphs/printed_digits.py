"""Write the digits of printed faces as bitmaps framed like those of ``load_digits``."""

import io
import string
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from .render import draw_face

SIDE = 32
WIDEST = 26
THRESHOLD = 0.5
N_FACES = 200
INK = (0.23, 0.36)
ASPECT = (0.5, 0.85)
EPOCH = (1980, 1, 1, 0, 0, 0)


def bitmap(image):
    """Scale a drawn digit to the full height of a frame, and cut at half grey.

    Parameters
    ----------
    image : PIL.Image.Image
        A digit cropped to its ink.

    Returns
    -------
    ndarray of shape (32, 32), bool
        The digit touches top and bottom, keeps its proportions unless it is wider than
        `WIDEST`, and is in the middle.
    """
    width = min(WIDEST, max(1, round(image.width * SIDE / image.height)))
    frame = Image.new("L", (SIDE, SIDE))
    ink = image.resize((width, SIDE), Image.Resampling.BOX)
    frame.paste(ink, ((SIDE - width) // 2, 0))
    return np.asarray(frame) > THRESHOLD * 255


def spread(faces, n):
    """Choose faces evenly along a list.

    Parameters
    ----------
    faces : list
        Where to choose from.
    n : int
        How many at most.

    Returns
    -------
    list
        All where there are no more than ``n``.
    """
    if len(faces) <= n:
        return faces
    return [faces[i] for i in np.linspace(0, len(faces) - 1, n).round().astype(int)]


def is_permissive(face):
    """Say whether bitmaps of a face may be passed on without conditions on the software around.

    Parameters
    ----------
    face : Face
        The face.

    Returns
    -------
    bool
        False for faces that the GPL alone covers.
    """
    return "GPL" not in face.licence or " OR " in face.licence


def is_alike(drawn):
    """Say whether digits are about as heavy and as wide as those of ``load_digits``.

    Parameters
    ----------
    drawn : dict of str to PIL.Image.Image
        The ten digits of a face.

    Returns
    -------
    bool
        True where the mean share of ink and the median of width over height lie within `INK`
        and `ASPECT`.
    """
    ink = np.mean([bitmap(drawn[digit]) for digit in string.digits])
    aspect = np.median([drawn[digit].width / drawn[digit].height for digit in string.digits])
    return bool(INK[0] <= ink <= INK[1] and ASPECT[0] <= aspect <= ASPECT[1])


def printed_digits(faces):
    """Draw the ten digits of each face.

    Parameters
    ----------
    faces : list of Face
        Faces to choose from.

    Returns
    -------
    dict of str to ndarray
        ``bitmaps`` of shape (n, 128), rows of 32 x 32 bits packed; ``target`` and ``face`` of
        shape (n,); ``faces``, the names that ``face`` counts.
    """
    drawn = {face: draw_face(face, string.digits) for face in faces if is_permissive(face)}
    chosen = spread([face for face, digits in drawn.items() if is_alike(digits)], N_FACES)
    bits = np.stack([bitmap(drawn[face][digit]) for face in chosen for digit in string.digits])
    return {
        "bitmaps": np.packbits(bits.reshape(len(bits), -1), axis=1),
        "target": np.tile(np.arange(10, dtype=np.uint8), len(chosen)),
        "face": np.repeat(np.arange(len(chosen), dtype=np.uint8), 10),
        "faces": np.array([f"{face.package}/{face.name}" for face in chosen]),
    }


def write(arrays, path):
    """Write arrays as a compressed ``.npz`` whose bytes depend on nothing but the arrays.

    Parameters
    ----------
    arrays : dict of str to ndarray
        The arrays.
    path : str or Path
        Where to write them; the folder is made.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue())
