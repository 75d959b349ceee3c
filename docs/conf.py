"""Sphinx: sphinx-build -W -b html docs docs/_build."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from qaclims_mm.version import __version__

project, author, release = 'qaclims_mm', 'the authors of qaclims_mm', __version__
copyright = '2026, the authors of qaclims_mm'
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
exclude_patterns = ['_build']
html_theme = 'furo'
html_title = f'qaclims_mm {release}'
html_static_path = ['_static']
html_css_files = ['tables.css']
html_js_files = ['accessible.js']
# the link to a page's source lies outside of all landmarks
html_theme_options = dict(top_of_page_buttons=[])
# headings are linked to by their words
myst_heading_anchors = 3
# paths of the repository in the text are files, not pages
suppress_warnings = ['myst.xref_missing']

autodoc_typehints = 'signature'
autodoc_member_order = 'bysource'
napoleon_use_ivar = True
napoleon_custom_sections = [('Source', 'notes_style')]
python_use_unqualified_type_names = True
