"""Names and image ids that people and attackers choose, for property-based tests."""

import os
import unicodedata
from urllib.parse import quote

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from qaclims_mm.schemas import problem_of_image_id, problem_of_name

# 200 in CI; HYPOTHESIS_PROFILE=thorough has been run by hand, see the changelog
settings.register_profile(
    'ci',
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile(
    'thorough', settings.get_profile('ci'), max_examples=2000, derandomize=False
)
settings.load_profile(os.environ.get('HYPOTHESIS_PROFILE', 'ci'))


def payload(marker):
    """Return a label that an early version executed; it makes a file."""
    code = f"open('{marker}', 'w')".encode()
    return "{{$X:.*\\}};|'+str(exec(bytes(" + str(list(code)) + '))),],#'


# what means something to Python, YAML, JSON, Windows, shells, markup, CSV, mmengine or this package
KNOWN = (
    "'", '"', "'''", '\\', '\\1', '\\g<0>', '\\x41', '{}', '{0}', '{class}', '{answer}', '{text}',
    '{question}', '{texts}', '{work_dir}', '{{$HOME:x}}', '{{ fileDirname }}', '{{_base_.own}}',
    '{{$X:.*}}', '%s', '%(class)s', '$HOME', '${HOME}', '$x_1$', '`touch x`', '$(touch x)',
    '; ls', '&& ls', '|', '<b>x</b>', '</script><script>alert(1)</script>',
    '<img src=x onerror=alert(1)>', '&amp;', '[/b]', '[red]dog[/red]', '[link=x]y[/link]',
    ':cat:', '**bold**', '[a](b)', '# x', '<!-- end -->', 'None', 'null', 'NA', 'nan', 'true',
    'no', '~', '1', '1e3', '-', '--help', '=1+1', '@x', '*', '**', '?', 'CON', 'nul', 'COM1',
    'a:b', 'C:', '..', '.', '.hidden', 'a/b', '../a', '/etc/passwd', 'file:///x', 'http://x',
    'miniworld://clip', 's3://x', 'mmseg::x', 'background', '_', '__class__', '__proto__', ' x ',
    '\xa0x', '_delete_', '_base_', '_scope_', 'type', 'custom_imports', 'é', 'e\u0301', '人',
    '👩\u200d🚀', '\u200b', '\ufeff', '\u202e', '\ud800', '\x00', '\x1b[31m', '\n', '\r', '\t',
    ';', ',', 'x' * 300, 'x' * 10_000, '{' * 50, '(' * 50, '[[' * 20,
)  # fmt: skip
ODD_NAMES = tuple(name for name in KNOWN if not problem_of_name(name))
ODD_IDS = (
    '2007_000063', 'sub dir/a', 'a.b/c.d', '...', '..a', ' ', '~', 'a:b', 'a\\b', '{cams}', '*[x]?',
    '<b>', '人/👩\u200d🚀', 'None', '-x', 'a.npz', '.hidden', "'", '%s', '$HOME',
)  # fmt: skip
characters = st.one_of(
    st.sampled_from(sorted('\'"\\{}[]()<>$%&|;,:/.*?#@=+-_~` \x00\x1b\n\r\t')),
    st.characters(),
    st.characters(categories=['L', 'N', 'P', 'S', 'So', 'Zs']),
)
any_names = st.one_of(
    st.sampled_from(KNOWN),
    st.lists(st.sampled_from(KNOWN[:-4]), min_size=1, max_size=3).map(''.join),
    st.text(characters, min_size=1, max_size=30),
)


def is_file_name(text):
    """Tell whether a file can have a name here."""
    encoded = text.encode('utf-8', 'surrogatepass')
    return '/' not in text and '\x00' not in text and 0 < len(encoded) < 200 and is_encodable(text)


def is_encodable(text):
    """Tell whether UTF-8 has a text."""
    return not any(unicodedata.category(c) == 'Cs' for c in text)


file_names = any_names.map(
    lambda n: n if is_file_name(n) else quote(n[:40], safe='', errors='ignore')
)
file_names = file_names.filter(lambda n: is_file_name(n) and n not in ('.', '..'))

# the same examples in every run, and none left in a folder
fast = settings(max_examples=50, derandomize=True)
texts = st.text(st.characters(codec='utf-8'), max_size=20)
names = st.one_of(st.sampled_from(ODD_NAMES), texts).filter(lambda name: not problem_of_name(name))
image_ids = st.one_of(
    st.sampled_from(ODD_IDS),
    st.lists(texts, min_size=1, max_size=3)
    .map('/'.join)
    .filter(lambda image_id: not problem_of_image_id(image_id)),
)
