"""Names and image ids of every kind that the rules of names accept, for hypothesis."""

from hypothesis import settings
from hypothesis import strategies as st

from qaclims_mm.schemas import problem_of_image_id, problem_of_name

ODD_NAMES = (
    '{class}', '{answer}', '{question}', '{text}', '{texts}', '{}', '%s', '%', '\\1', '\\g<0>',
    '$x_1$', '[/b]', '[red]x', '</script><b>x', '<img src=x onerror=alert(1)>', '**bold**', 'None',
    'CON', '../x', '/x', 'a/b', '=1+1', '-x', '"', "'", ';', ',', '{{$HOME:x}}', '人', '👩\u200d🚀',
    ' x ', '\xa0x', 'e\u0301', 'é', '__proto__', 'items',
)  # fmt: skip
ODD_IDS = (
    '2007_000063', 'sub dir/a', 'a.b/c.d', '...', '..a', ' ', '~', 'a:b', 'a\\b', '{cams}', '*[x]?',
    '<b>', '人/👩\u200d🚀', 'None', '-x', 'a.npz', '.hidden', "'", '%s', '$HOME',
)  # fmt: skip

# the same examples in every run, and none left in a folder
fast = settings(max_examples=50, deadline=None, derandomize=True, database=None)

_texts = st.text(st.characters(codec='utf-8'), max_size=20)
names = st.one_of(st.sampled_from(ODD_NAMES), _texts.filter(lambda name: not problem_of_name(name)))
image_ids = st.one_of(
    st.sampled_from(ODD_IDS),
    st.lists(_texts, min_size=1, max_size=3)
    .map('/'.join)
    .filter(lambda image_id: not problem_of_image_id(image_id)),
)
texts = _texts
