"""Masters: every glyph of every face as two distance fields."""

import string
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import distance_transform_edt, gaussian_filter

MASTER_SIZE = 64
GLYPH_SIZE = 48
FONT_SIZE = 96
NO_GLYPH = "\uffff"
SAME_GLYPH = 0.02
NEAR_DUPLICATE = 0.09
ASPECT_WEIGHT = 0.3
FACES_PER_PACKAGE = 4
THINNING_SMOOTHING = 0.7
MAX_DISTANCE = 12.0

# Capitals that differ from their lower-case letter in size alone share its class. The letter O is
# left out, because no network can tell it from a zero once size and proportions vary; I and l
# are one class.
SAME_IN_BOTH_CASES = "ckpsuvwxz"
CHARACTERS = tuple(c for c in string.digits + string.ascii_letters if c not in "Oo")
N_DIGITS = 10


def class_names():
    """Name the classes the network learns.

    Returns
    -------
    list of str
        The ten digits first, then letters.
    """
    return sorted({class_of(c) for c in CHARACTERS}, key=lambda c: (not c.isdigit(), c))


def class_of(character):
    """Give the class of a character.

    Parameters
    ----------
    character : str
        A digit or a letter.

    Returns
    -------
    str
        The character itself, or the one it is merged with.
    """
    if character == "I":
        return "l"
    return character.lower() if character.lower() in SAME_IN_BOTH_CASES else character


@dataclass(frozen=True)
class Masters:
    """Glyphs as distance fields.

    Attributes
    ----------
    outline : ndarray of shape (n, 64, 64), float16
        Signed distance in pixels to the outline of the glyph, negative inside.
    skeleton : ndarray of shape (n, 64, 64), float16
        Distance in pixels to the thinned glyph.
    depth : ndarray of shape (n,)
        Largest distance inside the glyph to its outline: half its stroke width.
    target : ndarray of shape (n,)
        Index into `class_names`.
    face : ndarray of shape (n,)
        Index of the face.
    """

    outline: np.ndarray
    skeleton: np.ndarray
    depth: np.ndarray
    target: np.ndarray
    face: np.ndarray


def draw(font, character):
    """Draw one character, cropped to its ink.

    Parameters
    ----------
    font : PIL.ImageFont.FreeTypeFont
        The face at its drawing size.
    character : str
        What to draw.

    Returns
    -------
    PIL.Image.Image or None
        White ink on black; None where the face has no such glyph.
    """
    left, top, right, bottom = font.getbbox(character)
    if right <= left or bottom <= top:
        return None
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).text((-left, -top), character, fill=255, font=font)
    box = image.getbbox()
    return image.crop(box) if box else None


def draw_face(face, characters):
    """Draw the characters that a face has.

    Parameters
    ----------
    face : Face
        The font file.
    characters : iterable of str
        Characters to draw.

    Returns
    -------
    dict of str to PIL.Image.Image
        Without the characters that the face lacks, or shows as the box for a missing glyph, and
        without lower-case letters drawn as capitals.
    """
    font = ImageFont.truetype(str(face.path), FONT_SIZE)
    lacking = draw(font, NO_GLYPH)
    glyphs = {c: draw(font, c) for c in characters}
    glyphs = {c: image for c, image in glyphs.items() if image and not same(image, lacking)}
    return {c: image for c, image in glyphs.items() if not is_copied_capital(c, glyphs)}


def is_copied_capital(character, glyphs):
    """Say whether a lower-case letter looks like its capital although they are two classes.

    Parameters
    ----------
    character : str
        The character.
    glyphs : dict of str to PIL.Image.Image
        All glyphs of the face.

    Returns
    -------
    bool
        True in faces without lower-case letters.
    """
    capital = character.upper()
    if capital not in glyphs or class_of(capital) == class_of(character):
        return False
    return same(glyphs[character], glyphs[capital])


def squeeze(image):
    """Scale a drawing to a small square, whatever its proportions.

    Parameters
    ----------
    image : PIL.Image.Image
        Any grey image.

    Returns
    -------
    ndarray of shape (32, 32)
        Grey levels in [0, 1].
    """
    return np.asarray(image.resize((32, 32), Image.Resampling.BOX), dtype=float) / 255


def same(image, other):
    """Say whether two drawings show the same shape.

    Parameters
    ----------
    image, other : PIL.Image.Image or None
        Drawings cropped to their ink.

    Returns
    -------
    bool
        False when one of them is None.
    """
    if image is None or other is None:
        return False
    return bool(np.abs(squeeze(image) - squeeze(other)).mean() < SAME_GLYPH)


def shape_of(glyphs):
    """Describe the digits of a face by their shapes and proportions.

    Parameters
    ----------
    glyphs : dict of str to PIL.Image.Image
        Must hold the ten digits.

    Returns
    -------
    shapes : ndarray of shape (10, 32, 32)
        The digits, squeezed.
    aspects : ndarray of shape (10,)
        Width over height.
    """
    images = [glyphs[c] for c in string.digits]
    aspects = np.array([image.width / image.height for image in images])
    return np.stack([squeeze(image) for image in images]), aspects


def select(faces):
    """Thin out a package: drop faces without digits and faces nearly equal to an earlier one.

    Parameters
    ----------
    faces : list of Face
        Faces of one package, the preferred ones first.

    Returns
    -------
    list of Face
        At most `FACES_PER_PACKAGE` faces.
    """
    kept, shapes = [], []
    for face in faces:
        glyphs = draw_face(face, string.digits)
        if len(glyphs) < N_DIGITS:
            continue
        shape = shape_of(glyphs)
        if all(distance(shape, other) > NEAR_DUPLICATE for other in shapes):
            kept.append(face)
            shapes.append(shape)
    return kept[:FACES_PER_PACKAGE]


def distance(shape, other):
    """Measure how far apart the digits of two faces are.

    Parameters
    ----------
    shape, other : tuple of ndarray
        What `shape_of` returns.

    Returns
    -------
    float
        Mean absolute difference of grey levels plus a share of that of the proportions.
    """
    grey, aspect = (np.abs(a - b).mean() for a, b in zip(shape, other, strict=True))
    return float(grey + ASPECT_WEIGHT * aspect)


def fit_frame(image):
    """Scale a drawing, keeping its proportions, into the middle of a master.

    Parameters
    ----------
    image : PIL.Image.Image
        A drawing cropped to its ink.

    Returns
    -------
    ndarray of shape (64, 64)
        Grey levels in [0, 1]; the longer side of the ink is `GLYPH_SIZE` pixels.
    """
    factor = GLYPH_SIZE / max(image.size)
    size = tuple(max(1, round(side * factor)) for side in image.size)
    frame = Image.new("L", (MASTER_SIZE, MASTER_SIZE))
    corner = tuple((MASTER_SIZE - side) // 2 for side in size)
    frame.paste(image.resize(size, Image.Resampling.BOX), corner)
    return np.asarray(frame, dtype=np.float32) / 255


def signed_distance(grey):
    """Compute the signed distance to the half-grey outline.

    Parameters
    ----------
    grey : ndarray of shape (h, w)
        Grey levels in [0, 1].

    Returns
    -------
    ndarray of shape (h, w)
        Pixels, negative inside; half-covered pixels refine the whole-pixel distance.
    """
    ink = grey > 0.5
    if not ink.any():
        ink = grey == grey.max()
    field = distance_transform_edt(~ink) - distance_transform_edt(ink)
    edge = np.abs(field) <= 1
    return np.where(edge, 0.5 - grey, field - 0.5 * np.sign(field))


def thin(ink):
    """Thin a bitmap to lines one pixel wide.

    Parameters
    ----------
    ink : ndarray of shape (h, w), bool
        The bitmap; its border must be empty.

    Returns
    -------
    ndarray of shape (h, w), bool
        The skeleton.

    References
    ----------
    Zhang and Suen, "A fast parallel algorithm for thinning digital patterns", Communications of
    the ACM, 1984. https://doi.org/10.1145/357994.358023
    """
    ink = ink.copy()
    while True:
        before = ink.sum()
        for step in (0, 1):
            ink &= ~removable(ink, step)
        if ink.sum() == before:
            return ink


def removable(ink, step):
    """Find the pixels that one half-step of thinning removes.

    Parameters
    ----------
    ink : ndarray of shape (h, w), bool
        The bitmap.
    step : {0, 1}
        Half-step.

    Returns
    -------
    ndarray of shape (h, w), bool
        Pixels to remove.
    """
    shifts = ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
    ring = np.stack([np.roll(ink, shift, axis=(0, 1)) for shift in shifts])
    neighbours = ring.sum(axis=0)
    crossings = (~ring & np.roll(ring, -1, axis=0)).sum(axis=0)
    north, east, south, west = ring[0], ring[2], ring[4], ring[6]
    if step == 0:
        free = ~(north & east & south) & ~(east & south & west)
    else:
        free = ~(north & east & west) & ~(north & south & west)
    return ink & (neighbours >= 2) & (neighbours <= 6) & (crossings == 1) & free


def fields(image):
    """Turn a drawing into its two distance fields.

    Parameters
    ----------
    image : PIL.Image.Image
        A drawing cropped to its ink.

    Returns
    -------
    outline, skeleton : ndarray of shape (64, 64)
        Signed distance to the outline, distance to the skeleton.
    """
    outline = signed_distance(fit_frame(image))
    smooth = gaussian_filter(outline, THINNING_SMOOTHING) < 0
    line = thin(smooth if smooth.any() else outline <= outline.min())
    return np.clip(outline, -MAX_DISTANCE, MAX_DISTANCE), np.minimum(
        distance_transform_edt(~line), MAX_DISTANCE
    )


def masters_of(faces):
    """Render all classes of the given faces.

    Parameters
    ----------
    faces : list of Face
        Font files.

    Returns
    -------
    Masters
        One row per glyph.
    """
    index = {name: i for i, name in enumerate(class_names())}
    rows = []
    for number, face in enumerate(faces):
        for character, image in draw_face(face, CHARACTERS).items():
            rows.append((*fields(image), index[class_of(character)], number))
    outline, skeleton, target, face = (np.array(column) for column in zip(*rows, strict=True))
    return Masters(
        outline.astype(np.float16),
        skeleton.astype(np.float16),
        -outline.min(axis=(1, 2)),
        target,
        face,
    )
