"""The font packages the network learns from: their licences, and the files left out."""

import subprocess
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

OFL = "OFL-1.1"
GPL_FONT = "GPL-2.0-or-later WITH Font-exception-2.0"
GPL3_FONT = "GPL-3.0-or-later WITH Font-exception-2.0"

LICENCES = {
    "fonts-3270": "BSD-3-Clause OR OFL-1.1",
    "fonts-adf-accanthis": GPL_FONT,
    "fonts-adf-baskervald": GPL_FONT,
    "fonts-adf-berenis": GPL_FONT,
    "fonts-adf-gillius": GPL_FONT,
    "fonts-adf-ikarius": GPL_FONT,
    "fonts-adf-irianis": GPL_FONT,
    "fonts-adf-libris": GPL_FONT,
    "fonts-adf-mekanus": GPL_FONT,
    "fonts-adf-oldania": GPL_FONT,
    "fonts-adf-romande": GPL_FONT,
    "fonts-adf-switzera": GPL_FONT,
    "fonts-adf-tribun": GPL_FONT,
    "fonts-adf-universalis": GPL_FONT,
    "fonts-agave": "MIT",
    "fonts-allerta": OFL,
    "fonts-anonymous-pro": OFL,
    "fonts-apropal": OFL,
    "fonts-arapey": OFL,
    "fonts-averia-gwf": OFL,
    "fonts-averia-sans-gwf": OFL,
    "fonts-averia-serif-gwf": OFL,
    "fonts-b612": "OFL-1.1 AND EPL-2.0 AND BSD-3-Clause",
    "fonts-babelstone-modern": OFL,
    "fonts-bebas-neue": OFL,
    "fonts-cabin": OFL,
    "fonts-cantarell": OFL,
    "fonts-cardo": OFL,
    "fonts-century-catalogue": "OFL-1.0",
    "fonts-clear-sans": "Apache-2.0",
    "fonts-cmu": OFL,
    "fonts-comfortaa": OFL,
    "fonts-compagnon": OFL,
    "fonts-courier-prime": OFL,
    "fonts-croscore": OFL,
    "fonts-crosextra-caladea": OFL,
    "fonts-crosextra-carlito": OFL,
    "fonts-dejavu-extra": "Bitstream-Vera",
    "fonts-dosis": OFL,
    "fonts-dotgothic16": OFL,
    "fonts-ebgaramond": OFL,
    "fonts-elstob": OFL,
    "fonts-essays1743": "OFL-1.1 OR LGPL-2.1-or-later",
    "fonts-eurofurence": OFL,
    "fonts-fanwood": "MIT",
    "fonts-firacode": OFL,
    "fonts-gemunu-libre": OFL,
    "fonts-georgewilliams": "OFL-1.1 OR BSD-3-Clause",
    "fonts-gfs-artemisia": OFL,
    "fonts-gfs-baskerville": OFL,
    "fonts-gfs-bodoni-classic": OFL,
    "fonts-gfs-didot": OFL,
    "fonts-gfs-neohellenic": OFL,
    "fonts-gnutypewriter": OFL,
    "fonts-go": "BSD-3-Clause",
    "fonts-goudybookletter": "LicenseRef-public-domain",
    "fonts-hack": "MIT AND Bitstream-Vera",
    "fonts-hermit": OFL,
    "fonts-hosny-amiri": OFL,
    "fonts-inconsolata": "OFL-1.0",
    "fonts-inter": OFL,
    "fonts-jetbrains-mono": "Apache-2.0",
    "fonts-junction": OFL,
    "fonts-junicode": OFL,
    "fonts-jura": "GPL-3.0-or-later OR OFL-1.1",
    "fonts-karla": OFL,
    "fonts-karmilla": OFL,
    "fonts-lato": OFL,
    "fonts-le-murmure": OFL,
    "fonts-league-mono": OFL,
    "fonts-league-spartan": OFL,
    "fonts-lindenhill": "MIT",
    "fonts-linuxlibertine": "OFL-1.1 OR GPL-2.0-or-later WITH Font-exception-2.0",
    "fonts-lmodern": "GUST-Font-License",
    "fonts-manrope": OFL,
    "fonts-millimetre": OFL,
    "fonts-monofur": OFL,
    "fonts-monoid": "MIT OR OFL-1.1",
    "fonts-mononoki": OFL,
    "fonts-morisawa-bizud-gothic": OFL,
    "fonts-mplus": OFL,
    "fonts-nanum": OFL,
    "fonts-national-park": OFL,
    "fonts-noto-core": OFL,
    "fonts-noto-mono": OFL,
    "fonts-ocr-b": "LicenseRef-public-domain",
    "fonts-okolaks": OFL,
    "fonts-oldstandard": OFL,
    "fonts-open-sans": "Apache-2.0",
    "fonts-opendin": OFL,
    "fonts-opendyslexic": "Bitstream-Vera AND CC-BY-3.0",
    "fonts-osifont": "GPL-3.0-only WITH Font-exception-2.0",
    "fonts-oxygen": "OFL-1.1 OR GPL-3.0-or-later WITH Font-exception-2.0",
    "fonts-paratype": "ParaType-Free-Font-License",
    "fonts-play": OFL,
    "fonts-prociono": "LicenseRef-public-domain",
    "fonts-proggy": "MIT",
    "fonts-quattrocento": OFL,
    "fonts-quicksand": OFL,
    "fonts-radisnoir": OFL,
    "fonts-roadgeek": "MIT",
    "fonts-roboto-slab": "Apache-2.0",
    "fonts-roboto-unhinted": "Apache-2.0",
    "fonts-routed-gothic": "MIT OR OFL-1.1",
    "fonts-sil-abyssinica": OFL,
    "fonts-sil-charis": OFL,
    "fonts-sil-gentium": OFL,
    "fonts-sil-gentiumplus": OFL,
    "fonts-smc-manjari": OFL,
    "fonts-sora": OFL,
    "fonts-texgyre": "GUST-Font-License",
    "fonts-tiresias": GPL3_FONT,
    "fonts-tlwg-typewriter-ttf": GPL_FONT,
    "fonts-tuffy": "LicenseRef-public-domain",
    "fonts-urw-base35": "AGPL-3.0-only WITH PS-or-PDF-font-exception-20170817",
    "fonts-vollkorn": OFL,
    "fonts-yanone-kaffeesatz": OFL,
    "fonts-yrsa-rasa": OFL,
}
"""Debian package -> licence of its fonts, as its copyright file states it."""

HELD_OUT = frozenset(
    {
        "fonts-adf-tribun",
        "fonts-comfortaa",
        "fonts-courier-prime",
        "fonts-go",
        "fonts-league-mono",
        "fonts-monoid",
        "fonts-paratype",
        "fonts-roadgeek",
        "fonts-sora",
        "fonts-vollkorn",
    }
)
"""Packages kept out of training: the network is validated on their faces."""

NOT_LATIN = "a script other than Latin: no face of its own for digits and letters"
SCRIPT = "lettering that imitates a pen or a brush"
DISPLAY = "initials, outlines, key caps or a picture around the glyph"
SMALL_CAPS = "small capitals in the place of lower-case letters"
SYMBOLS = "symbols, or most glyphs missing"
VARIABLE = "a variable font that repeats the static files"

EXCLUDED = {
    "AveriaGWF-Light*": "repeats the regular weight",
    "Caliban*": SCRIPT,
    "Compagnon-Bold.otf": SCRIPT,
    "Cupola*": SCRIPT,
    "DejaVuMath*": "repeats DejaVu Serif",
    "IrianisADFStyle*": SMALL_CAPS,
    "Karla*[[]wght[]]*": VARIABLE,
    "KarlaTamil*": NOT_LATIN,
    "LinBiolinum_K.otf": DISPLAY,
    "LinLibertine_I.otf": DISPLAY,
    "NationalPark-Outline*": DISPLAY,
    "OCRBE.otf": DISPLAY,
    "OCRBF.otf": DISPLAY,
    "OCRBX.otf": DISPLAY,
    "OCRBS.otf": DISPLAY,
    "RomandeADFScript*": SCRIPT,
    "RomandeADFStyle*": SMALL_CAPS,
    "StandardSymbols*": SYMBOLS,
    "D050000L*": SYMBOLS,
    "Z003*": SCRIPT,
    "texgyrechorus*": SCRIPT,
    "lm*caps*": SMALL_CAPS,
    "lm*dunh*": "repeats Latin Modern with longer ascenders",
    "cmunui*": "upright italics: pen-like shapes",
    "cmunci*": SCRIPT,
    "cmunobi*": "repeats Concrete",
    "cmunvi*": "pen-like shapes",
}
"""File name pattern -> why no face of these files is used."""

ONLY = {
    "fonts-noto-core": ("NotoSans-*", "NotoSerif-*", "NotoSansDisplay-*", "NotoSerifDisplay-*"),
    "fonts-noto-mono": ("NotoMono-*", "NotoSansMono-*"),
}
"""Package -> the only files used, where a package covers many scripts."""

SUFFIXES = (".otf", ".ttf")
UPRIGHT = ("regular", "roman", "book", "medium")


class FontsMissing(RuntimeError):
    """Fonts that training needs are not installed."""


@dataclass(frozen=True)
class Face:
    """One font file.

    Attributes
    ----------
    package : str
        Debian package that brings the file.
    path : Path
        Where the file lies.
    """

    package: str
    path: Path

    @property
    def name(self):
        """Name of the file without its suffix."""
        return self.path.stem

    @property
    def licence(self):
        """Licence of the package."""
        return LICENCES[self.package]

    @property
    def held_out(self):
        """Whether the face is kept for validation."""
        return self.package in HELD_OUT


def files_of(package):
    """List the files of an installed Debian package.

    Parameters
    ----------
    package : str
        Name of the package.

    Returns
    -------
    list of Path
        Empty where the package, or dpkg itself, is not installed.
    """
    try:
        listing = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True)
    except FileNotFoundError:
        return []
    return [Path(line) for line in listing.stdout.splitlines()]


def wanted(package, path):
    """Say whether a file is one of the faces to use.

    Parameters
    ----------
    package : str
        Debian package of the file.
    path : Path
        The file.

    Returns
    -------
    bool
        False for other kinds of file and for everything in `EXCLUDED`.
    """
    if path.suffix.lower() not in SUFFIXES:
        return False
    if not any(fnmatch(path.name, pattern) for pattern in ONLY.get(package, ("*",))):
        return False
    return not any(fnmatch(path.name, pattern) for pattern in EXCLUDED)


def faces_of(package):
    """List the wanted faces of a package, upright weights first.

    Parameters
    ----------
    package : str
        Debian package.

    Returns
    -------
    list of Face
        One face per file name, in an order that no file system changes.
    """
    by_name = {}
    for path in sorted(files_of(package)):
        if wanted(package, path):
            by_name.setdefault(path.stem, Face(package, path))
    return sorted(by_name.values(), key=lambda face: (not is_upright(face.name), face.name))


def is_upright(name):
    """Say whether a file name speaks of the plain weight of a family.

    Parameters
    ----------
    name : str
        File name without suffix.

    Returns
    -------
    bool
        True for names such as ``Lato-Regular``.
    """
    return name.lower().endswith(UPRIGHT)


def installed_faces():
    """List the faces of all packages.

    Returns
    -------
    dict of str to list of Face
        Package -> faces.

    Raises
    ------
    FontsMissing
        If a package brings no face; the sentence names the command that installs it.
    """
    faces = {package: faces_of(package) for package in LICENCES}
    missing = [package for package, found in faces.items() if not found]
    if missing:
        raise FontsMissing(
            f"{len(missing)} of {len(LICENCES)} font packages are not installed; on Debian, run: "
            f"apt-get install --no-install-recommends {' '.join(missing)}"
        )
    return faces
