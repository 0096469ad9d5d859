"""How Sphinx builds the guide, the gallery and the reference: ``make docs``."""

import sys
import warnings
from pathlib import Path

import sktransfer

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_pictures"))  # what draws the pictures of the guide

# A gallery page or a picture that warns is a page to mend.
warnings.filterwarnings("error", module="sktransfer")

project = "sktransfer"
copyright = "the sktransfer developers"
version = release = sktransfer.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "matplotlib.sphinxext.plot_directive",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_pictures"]
default_role = "literal"
nitpicky = False

autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

plot_include_source = False
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 110)]
plot_working_directory = str(HERE / "_pictures")

sphinx_gallery_conf = {
    "examples_dirs": [str(HERE.parent / "examples")],
    "gallery_dirs": ["gallery"],
    "filename_pattern": "/plot_",
    "download_all_examples": False,
    "show_signature": False,
    "plot_gallery": True,
    "abort_on_example_error": True,
    "min_reported_time": 10,
}

html_theme = "pydata_sphinx_theme"
html_title = f"sktransfer {release}"
html_theme_options = {"show_prev_next": True, "navigation_with_keys": False}
html_show_sourcelink = False
