"""A folder for each class, as people keep their photographs."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, overload

import numpy as np
from sklearn.utils import Bunch

from sktransfer._messages import shown, warn

IMAGE_EXTENSIONS = (
    ".bmp",
    ".gif",
    ".jpeg",
    ".jpg",
    ".pbm",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)


@overload
def load_image_folder(
    path: str | os.PathLike,
    *,
    return_X_y: Literal[False] = False,
    extensions: Sequence[str] = IMAGE_EXTENSIONS,
) -> Bunch: ...


@overload
def load_image_folder(
    path: str | os.PathLike,
    *,
    return_X_y: Literal[True],
    extensions: Sequence[str] = IMAGE_EXTENSIONS,
) -> tuple[np.ndarray, np.ndarray]: ...


def load_image_folder(
    path: str | os.PathLike,
    *,
    return_X_y: bool = False,
    extensions: Sequence[str] = IMAGE_EXTENSIONS,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """List the images of a folder that has a folder for each class.

    Only names are read: `data` holds paths, which `PretrainedFeatureExtractor` and
    `FineTuneClassifier` accept as X and read in a stream. The class of an image is the folder
    directly under `path` that contains it, at any depth. Files that begin with a dot, and files
    with other extensions, are left out. Rows are sorted by class, so splitters should shuffle.

    Parameters
    ----------
    path : str or os.PathLike
        The folder that holds the folders of the classes. If the data are already split into
        folders such as train and val, pass one of these.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` alone.
    extensions : sequence of str, default=(".bmp", ".gif", ".jpeg", ".jpg", ".png", ...)
        How the names of images end, in upper or lower case; by default those that Pillow reads of
        the common formats.

    Returns
    -------
    images : :class:`~sklearn.utils.Bunch`
        data : ndarray of shape (n_samples,), dtype object
            The paths, as str.
        target : ndarray of shape (n_samples,), dtype str
            The name of each image's class.
        target_names : list of str
            The classes, sorted.
        filenames : ndarray of shape (n_samples,), dtype object
            The paths from `path` on.
        DESCR : str
            The number of images of each class, and the folder.
    (data, target) : tuple if ``return_X_y=True``

    Raises
    ------
    NotADirectoryError
        When `path` is no folder.
    ValueError
        When none of its folders holds an image, or when `extensions` are no extensions. When its
        folders are splits such as train and val that hold the folders of the classes.

    Warns
    -----
    UserWarning
        When folders without images, or images outside of the folders, are left out. When several
        folders hold folders of the same names, which may be the classes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("ant", "bee"):
    ...         (Path(folder) / name).mkdir()
    ...         Image.new("L", (8, 8)).save(Path(folder) / name / "first.png")
    ...     images = load_image_folder(folder)
    >>> images.filenames.tolist()
    ['ant/first.png', 'bee/first.png']
    >>> images.target.tolist()
    ['ant', 'bee']
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        raise NotADirectoryError(
            f"path={os.fspath(path)!r} is no folder: expected one that holds a folder for each "
            "class."
        )
    endings = _endings(extensions)
    classes = sorted(entry.name for entry in os.scandir(root) if _counts(entry) and entry.is_dir())
    files = {name: _images_below(root / name, endings) for name in classes}
    target_names = [name for name in classes if files[name]]
    if not target_names:
        raise ValueError(
            f"path={os.fspath(path)!r} holds no folder with images: expected a folder for each "
            f"class, with files that end in {' '.join(endings)}."
        )
    _check_that_they_are_no_splits(root, {name: files[name] for name in target_names})
    _warn_of_the_rest(root, endings, [name for name in classes if not files[name]])
    found = [file for name in target_names for file in files[name]]
    counts = [len(files[name]) for name in target_names]
    target = np.repeat(target_names, counts)
    data = np.array([os.fspath(file) for file in found], dtype=object)
    if return_X_y:
        return data, target
    listed = ", ".join(f"{n} of {name!r}" for name, n in zip(target_names, counts, strict=True))
    return Bunch(
        data=data,
        target=target,
        target_names=target_names,
        filenames=np.array([file.relative_to(root).as_posix() for file in found], dtype=object),
        DESCR=f"{len(found)} images in {os.fspath(root)!r}: {listed}.",
    )


# Usual names of the parts of a data set that its authors have split.
_SPLITS = {"dev", "eval", "test", "testing", "train", "training", "val", "valid", "validation"}


def _check_that_they_are_no_splits(root, files):
    """Raise or warn if the folders are splits of the data, each with the folders of the classes."""
    inner = {name: _inner_folders(root / name, found) for name, found in files.items()}
    nested = {name: folders for name, folders in inner.items() if folders}
    alike = [name for name in nested if _has_peer(name, nested)]
    splits = [name for name in files if name.lower() in _SPLITS]
    one, other = set(splits) & set(alike), len(splits) > 1 and set(splits) & set(nested)
    if not (alike or other):
        return
    named = sorted(other or alike)
    best = next((name for name in named if name.lower().startswith("train")), named[0])
    classes = shown(sorted(nested[best]))
    holding = f"path={shown(os.fspath(root))} holds the folders {shown(sorted({*alike, *splits}))}"
    inside = os.fspath(root / best)
    if one or other:
        raise ValueError(
            f"{holding}, which are splits of the data and no classes, for {best!r} holds the "
            f"folders {classes}; pass one of them, such as path={inside!r}."
        )
    if len(nested[best]) > 1:
        warn(
            f"{holding}, which hold folders of the same names: {classes}. If these are the "
            f"classes, pass path={inside!r}.",
            UserWarning,
        )


def _inner_folders(folder, files):
    """Return the names of the folders in which the images are; none if some are in no folder."""
    parts = [file.relative_to(folder).parts for file in files]
    return set() if any(len(part) == 1 for part in parts) else {part[0] for part in parts}


def _has_peer(name, nested):
    """Tell whether another folder holds folders of the same names, or some of them."""
    own = nested[name]
    return any(own <= peer or peer <= own for other, peer in nested.items() if other != name)


def _endings(extensions):
    one = isinstance(extensions, (str, bytes)) or not np.iterable(extensions)
    if one or not len(extensions) or not all(isinstance(e, str) and e for e in extensions):
        raise ValueError(
            f"extensions={extensions!r} are no extensions: expected a sequence of str such as "
            "('.jpg', '.png')."
        )
    return tuple(f".{extension.lower().removeprefix('.')}" for extension in extensions)


def _images_below(folder, endings):
    """The images in a folder and the folders in it, sorted."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        found += [Path(place) / name for name in names if _is_image(name, endings)]
    return sorted(found)


def _is_image(name, endings):
    return name.lower().endswith(endings) and not name.startswith(".")


def _counts(entry):
    return not entry.name.startswith((".", "__MACOSX"))


def _warn_of_the_rest(root, endings, empty):
    loose = sorted(entry.name for entry in os.scandir(root) if _is_image(entry.name, endings))
    loose = [name for name in loose if (root / name).is_file()]
    faults = []
    if empty:
        faults.append(f"the folders {empty!r} hold no images")
    if loose:
        listed = f"{loose[:3]!r}"[:-1] + (", ...]" if len(loose) > 3 else "]")
        faults.append(f"the images {listed} lie in no class's folder")
    if faults:
        warn(
            f"In path={os.fspath(root)!r} {' and '.join(faults)}; they are left out.",
            UserWarning,
        )
