"""Names that people and attackers choose, for property-based tests."""

import os
import unicodedata
from urllib.parse import quote

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# 200 in CI; HYPOTHESIS_PROFILE=thorough has been run by hand, see the changelog
settings.register_profile(
    'ci', max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
settings.register_profile('thorough', settings.get_profile('ci'), max_examples=2000)
settings.load_profile(os.environ.get('HYPOTHESIS_PROFILE', 'ci'))


def payload(marker):
    """Return a label that an early version executed; it makes a file."""
    code = f"open('{marker}', 'w')".encode()
    return "{{$X:.*\\}};|'+str(exec(bytes(" + str(list(code)) + '))),],#'


# what means something to Python, YAML, JSON, Windows, shells, markup, CSV, mmengine or this package
KNOWN = (
    "'", '"', "'''", '\\', '\\1', '\\g<0>', '\\x41', '{}', '{0}', '{class}', '{answer}', '{text}',
    '{question}', '{texts}', '{work_dir}', '{{$HOME:x}}', '{{ fileDirname }}', '{{_base_.own}}',
    '{{$X:.*}}', '%s', '%(class)s', '$HOME', '${HOME}', '$x_1$', '`touch x`', '$(touch x)', '; ls',
    '&& ls', '|', '<b>x</b>', '</script><script>alert(1)</script>', '<img src=x onerror=alert(1)>',
    '&amp;', '[/b]', '[red]dog[/red]', '[link=x]y[/link]', ':cat:', '**bold**', '[a](b)', '# x',
    '<!-- end -->', 'None', 'null', 'NA', 'nan', 'true', 'no', '~', '1', '1e3', '-', '--help',
    '=1+1', '@x', '*', '**', '?', 'CON', 'nul', 'COM1', 'a:b', 'C:', '..', '.', '.hidden', 'a/b',
    '../a', '/etc/passwd', 'file:///x', 'http://x', 'miniworld://clip', 's3://x', 'mmseg::x',
    'background', '_', '__class__', '_delete_', '_base_', '_scope_', 'type', 'custom_imports', 'é',
    'e\u0301', '人', '👩\u200d🚀', '\u200b', '\ufeff', '\u202e', '\ud800', '\x00', '\x1b[31m', '\n',
    '\r',
    '\t', ';', ',', 'x' * 300, 'x' * 10_000, '{' * 50, '(' * 50, '[[' * 20,
)  # fmt: skip
characters = st.one_of(
    st.sampled_from(sorted('\'"\\{}[]()<>$%&|;,:/.*?#@=+-_~` \x00\x1b\n\r\t')),
    st.characters(),
    st.characters(categories=['L', 'N', 'P', 'S', 'So', 'Zs']),
)
names = st.one_of(
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


file_names = names.map(lambda n: n if is_file_name(n) else quote(n[:40], safe='', errors='ignore'))
file_names = file_names.filter(lambda n: is_file_name(n) and n not in ('.', '..'))
