"""How Sphinx builds the guide, the gallery and the reference: ``make docs``."""

import re
import sys
import warnings
from pathlib import Path

import sktransfer

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_pictures"))  # modules that draw the pictures of the guide
sys.path.insert(0, str(HERE / "_tables"))

from guide_pages import guide_pages  # noqa: E402

# A warning in a gallery page or in a picture fails the build.
warnings.filterwarnings("error", module="sktransfer")

project = "sktransfer"
copyright = "the sktransfer developers"
version = release = sktransfer.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # serves MathJax from the built folder
    "numpydoc",
    "matplotlib.sphinxext.plot_directive",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_pictures", "_tables", "_templates"]
default_role = "literal"
nitpicky = False

autosummary_generate = True
autosummary_context = {"guide_pages": guide_pages()}  # each reference page links its guide pages
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
    "doc_module": ("sktransfer",),
    "backreferences_dir": "gallery/backreferences",  # which examples use a class
    "filename_pattern": "/plot_",
    "download_all_examples": False,
    "show_signature": False,
    "plot_gallery": True,
    "abort_on_example_error": True,
    "min_reported_time": 10,
    "write_computation_times": False,  # pages that load scripts from elsewhere
}

# The button copies the code without its prompts and its output.
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = f"sktransfer {release}"
html_theme_options = {"show_prev_next": True, "navigation_with_keys": False}
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["code.css", "narrow.css"]


def _keep_underscores(app, what, name, obj, options, lines):
    """A shape such as (n_features_in_,) ends in a form that reStructuredText reads as a link."""
    for place, line in enumerate(lines):
        lines[place] = re.sub(
            r"shape \([^()]*\)", lambda found: re.sub(r"_(?=[,)])", r"\\_", found.group()), line
        )


def _skip_request_methods(app, what, name, obj, skip, options):
    """Leave out set_fit_request and its like: scikit-learn's, with links into its own pages."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def setup(app):
    """Called by Sphinx; numpydoc, at 500, has made the docstring reStructuredText by then."""
    from needs import NeedsTable
    from printed import PrintedTable

    app.add_directive("needs-table", NeedsTable)
    app.add_directive("benchmark-table", PrintedTable)
    app.connect("autodoc-skip-member", _skip_request_methods)
    app.connect("autodoc-process-docstring", _keep_underscores, priority=600)
