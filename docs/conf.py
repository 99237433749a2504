"""How Sphinx builds these pages; `make docs` calls it, and takes warnings for errors."""

from __future__ import annotations

import inspect
import os
import sys
import zlib
from pathlib import Path

from sphinx_gallery.sorting import ExplicitOrder

import softseg

HERE = Path(__file__).parent
sys.path.insert(0, os.fspath(HERE / "extensions"))

project = "softseg"
author = "The softseg developers"
project_copyright = author
version = release = softseg.__version__

extensions = [
    "api_pages",
    "myst_parser",
    "numpydoc",
    "repository_links",
    "short_names",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "extensions", "inventories", "**/GALLERY_HEADER.rst"]
nitpicky = True

# Pages are Markdown, and read on GitHub as well: links between them are relative, headings are their anchors.
myst_heading_anchors = 3
myst_enable_extensions = ["html_image"]
suppress_warnings = ["config.cache"]  # the order of the gallery is an object, which Sphinx cannot store

templates_path = ["_templates"]
highlight_language = "none"  # formulas and tables of text stand in fences that name no language
html_theme = "pydata_sphinx_theme"
html_title = "softseg"
html_static_path = ["_static"]
html_css_files = ["softseg.css"]
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_persistent": ["search-button"],  # an icon, so that the links fit beside it
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
}
# Pages that are no section's have no navigation beside them.
ALONE = "architecture changelog comparison contributing differences index installing method security start"
html_sidebars = {page: [] for page in ALONE.split()}

# Docstrings say types and shapes in words, "(H, W, 3) array"; annotations would say them twice.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# A name in single backquotes is that of an object in Python.
default_role = "py:obj"
autosummary_generate = True
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
numpydoc_attributes_as_param_list = True
# Types in docstrings are words, in which the names of softseg's classes are links.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {
    **{
        name: f"softseg.{name}"
        for name in softseg.__all__
        if name[0].isupper() and inspect.isclass(getattr(softseg, name))
    },
    "FeatureExtractor": "softseg.features.FeatureExtractor",
    "Format": "softseg.formats.Format",
    "LayerPreconditioner": "softseg.sparsify.LayerPreconditioner",
    "Preconditioner": "softseg.eigen.Preconditioner",
}

# Prompts are not copied along with commands.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# The scripts of examples/ by folder, in the order of the gallery. It is an error not to name one here.
GALLERY = {
    "explained": ["how_it_works.py", "choosing_parameters.py"],
    "use": [
        "first_use.py",
        "select_an_object.py",
        "replace_background.py",
        "recolor.py",
        "refine_a_mask.py",
        "matte_with_a_trimap.py",
        "layers_in_photoshop.py",
    ],
    "extend": ["own_affinity.py", "own_features.py", "own_eigensolver.py"],
}

sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "ignore_pattern": "notebooks",
    "subsection_order": ExplicitOrder([f"../examples/{folder}" for folder in GALLERY]),
    "within_subsection_order": ExplicitOrder([script for scripts in GALLERY.values() for script in scripts]),
    "abort_on_example_error": True,
    "capture_repr": (),  # what is printed and drawn is shown, and no object that a cell ends with
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
    "show_memory": False,
    "download_all_examples": False,
    "min_reported_time": 600,
}

# Whole inventories would have to be downloaded by every build. These have the few names that docstrings use.
PROJECTS = {
    "python": "https://docs.python.org/3/",
    "numpy": "https://numpy.org/doc/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "skimage": "https://scikit-image.org/docs/stable/",
    "torch": "https://docs.pytorch.org/docs/stable/",
    "PIL": "https://pillow.readthedocs.io/en/stable/",
    "matplotlib": "https://matplotlib.org/stable/",
    "dask": "https://distributed.dask.org/en/stable/",
}


def inventory(name: str) -> str:
    """Compress an inventory, which is kept as text of one line per name, and return its path."""
    names = (HERE / "inventories" / f"{name}.txt").read_bytes()
    path = HERE / "_build" / "inventories" / f"{name}.inv"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"# Sphinx inventory version 2\n# Project: {name}\n# Version:\n"
    head += "# The remainder of this file is compressed using zlib.\n"
    path.write_bytes(head.encode() + zlib.compress(names))
    return os.fspath(path)


intersphinx_mapping = {name: (url, inventory(name)) for name, url in PROJECTS.items()}
