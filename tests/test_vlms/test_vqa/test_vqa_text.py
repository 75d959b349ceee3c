import time

import pytest

from qaclims_mm.vlms.vqa.vqa_text import (
    MAX_CHARACTERS,
    MAX_WORDS,
    MAX_WORDS_OF_DESCRIPTION,
    check_prompt,
    parse_answer,
)

ABOVE = 'What is above the dog?'
KIND = 'What kind of dog is in the photo?'
ALSO = 'What is this dog also called?'
PLACE = 'What place is the dog in?'

# (reply, question, answer)
REPLIES = [
    # as BLIP says it
    ('grass', ABOVE, 'grass'),
    ('living room', PLACE, 'living room'),
    # names the class alone
    ('dog', KIND, 'dog'),
    ('tv monitor', 'What is this tv monitor also called?', 'tv monitor'),
    # capitals, articles, full stops
    ('Grass.', ABOVE, 'grass'),
    ('A golden retriever', KIND, 'golden retriever'),
    ('The sky!!', ABOVE, 'sky'),
    ('  An  old\ttree. \n', ABOVE, 'old tree'),
    # words that begin as an article does
    ('island', PLACE, 'island'),
    ('theater', PLACE, 'theater'),
    ('Anchor', ABOVE, 'anchor'),
    ('t-shirt', ABOVE, 't-shirt'),
    # and as a preamble does
    ('sure-footed mule', KIND, 'sure-footed mule'),
    ('Okapi', KIND, 'okapi'),
    ('Issue', ABOVE, 'issue'),
    ('well', ABOVE, ''),
    # markdown
    ('**Golden Retriever**', KIND, 'golden retriever'),
    ('*grass*', ABOVE, 'grass'),
    ('`grass`', ABOVE, 'grass'),
    ('__grass__', ABOVE, 'grass'),
    ('## Grass', ABOVE, 'grass'),
    ('> grass', ABOVE, 'grass'),
    ('[grass](https://example.com)', ABOVE, 'grass'),
    ('snake_case_plant', ABOVE, 'snake_case_plant'),
    # LaTeX, as models that were taught mathematics answer
    (r'\boxed{grass}', ABOVE, 'grass'),
    (r'\boxed{gra', ABOVE, 'gra'),
    # quotes of several scripts
    ('"grass"', ABOVE, 'grass'),
    ('«grass»', ABOVE, 'grass'),
    ('“Grass.”', ABOVE, 'grass'),
    # lists: the first thing
    ('- tree\n- sky', ABOVE, 'tree'),
    ('1. Tree\n2. Sky', ABOVE, 'tree'),
    ('• tree', ABOVE, 'tree'),
    ('(a) tree', ABOVE, 'tree'),
    # prefixes of a chat
    ('Answer: grass', ABOVE, 'grass'),
    ('Short answer: grass', ABOVE, 'grass'),
    ('A: grass', ABOVE, 'grass'),
    ('ASSISTANT: grass', ABOVE, 'grass'),
    ('The answer is grass.', ABOVE, 'grass'),
    ('The answer is: **grass**.', ABOVE, 'grass'),
    ('The answer to your question is grass', ABOVE, 'grass'),
    ("Here's the answer: grass", ABOVE, 'grass'),
    ("Sure, it's grass.", ABOVE, 'grass'),
    ('Sure! The image shows a brown dog.', KIND, 'brown dog'),
    ('Certainly! I can help with that: grass', ABOVE, 'grass'),
    ("I'd be happy to help.\nGrass", ABOVE, 'grass'),
    ('Yes, it is a poodle.', KIND, 'poodle'),
    ('It is a poodle.', KIND, 'poodle'),
    ('It’s a poodle', KIND, 'poodle'),
    ('It appears to be a poodle.', KIND, 'poodle'),
    ('I think it might be a poodle', KIND, 'poodle'),
    ('This is most likely a poodle', KIND, 'poodle'),
    ('In the image, there is a tree.', ABOVE, 'tree'),
    ('Based on the image provided, it is a poodle.', KIND, 'poodle'),
    ('The picture depicts a park', PLACE, 'park'),
    ('In a park', PLACE, 'park'),
    # a line of its own before the answer
    ('Answer:\n\ngrass', ABOVE, 'grass'),
    ('Sure!\n\nGrass', ABOVE, 'grass'),
    ("Sure, here's what I see:\n- tree", ABOVE, 'tree'),
    # explains itself afterwards
    ('Grass. The dog is lying on a lawn, so that ...', ABOVE, 'grass'),
    ('Grass\n\nExplanation: green', ABOVE, 'grass'),
    ('German shepherd (a breed of dog)', KIND, 'german shepherd'),
    # no end of a sentence
    ('It is a St. Bernard.', KIND, 'st. bernard'),
    ('A U.S. flag', ABOVE, 'u.s. flag'),
    # echoes of the question
    ('What is above the dog? A tree.', ABOVE, 'tree'),
    ('What is above the dog?', ABOVE, ''),
    ('Question: What is above the dog? Short answer: tree', ABOVE, 'tree'),
    ('Above the dog is a tree.', ABOVE, 'tree'),
    ('The kind of dog in the photo is a golden retriever.', KIND, 'golden retriever'),
    ('This dog is also called a pup.', ALSO, 'pup'),
    ('There is a tree above the dog.', ABOVE, 'tree'),
    ('A tree is above the dog.', ABOVE, 'tree'),
    ('The dog is in a park.', PLACE, 'park'),
    ('poodle in the photo', KIND, 'poodle'),
    # what the question does not say stays
    ('The sky is blue', ABOVE, 'sky is blue'),
    ('hot dog', 'What is above the hot dog?', 'hot dog'),
    ('tree above the house', ABOVE, 'tree above the house'),
    # asks back, or is not sure
    ('grass?', ABOVE, 'grass'),
    ('Which dog do you mean?', KIND, ''),
    # JSON, whole and cut
    ('{"answer": "grass"}', ABOVE, 'grass'),
    ('{"Answer": "The grass."}', ABOVE, 'grass'),
    ('{"question": "What is above the dog?", "answer": "grass"}', ABOVE, 'grass'),
    ('{"thing": "grass"}', ABOVE, 'grass'),
    ('{"answer": ["tree", "sky"]}', ABOVE, 'tree'),
    ('{"answer": {"text": "tree"}}', ABOVE, 'tree'),
    ('["tree", "sky"]', ABOVE, 'tree'),
    ('{"answer": 3}', ABOVE, '3'),
    ('{"answer": null}', ABOVE, ''),
    ('{"answer": true}', ABOVE, ''),
    ('{}', ABOVE, ''),
    ('[]', ABOVE, ''),
    ('{"answer": "tall gra', ABOVE, 'tall gra'),
    ('{"answer": "grass", "confi', ABOVE, 'grass'),
    ('{"answer": ["tree", "s', ABOVE, 'tree'),
    ("{'answer': 'grass'}", ABOVE, 'grass'),
    ("{'answer': \"dog's bed\"}", ABOVE, "dog's bed"),
    ('[' * 5000, ABOVE, ''),
    # code fences
    ('```json\n{"answer": "grass"}\n```', ABOVE, 'grass'),
    ('```\ngrass\n```', ABOVE, 'grass'),
    ('```json\n{"answer": "gra', ABOVE, 'gra'),
    ('json {"answer": "grass"}', ABOVE, 'grass'),
    # thoughts
    ('<think>It could be grass, or\nnot.</think>\n\nSky', ABOVE, 'sky'),
    ('<think>It could be gra', ABOVE, ''),
    # special tokens and tags that were not dropped
    ('grass</s>', ABOVE, 'grass'),
    ('grass<|im_end|>', ABOVE, 'grass'),
    ('<image> grass', ABOVE, 'grass'),
    ('[INST] grass [/INST]', ABOVE, 'grass'),
    ('<b>grass</b>', ABOVE, 'grass'),
    # cut in the middle
    ('The answer is', ABOVE, ''),
    ('The answer is a', ABOVE, ''),
    ('The answer is a brown', KIND, 'brown'),
    ('It is', KIND, ''),
    ('**gra', ABOVE, 'gra'),
    ('A dog on the', KIND, 'dog'),
    ('"gra', ABOVE, 'gra'),
    # refusals
    ('I cannot determine what is above the dog.', ABOVE, ''),
    ("I can't tell from the image", ABOVE, ''),
    ("I'm sorry, but I can't see it.", ABOVE, ''),
    ('Sorry, no dog is visible.', ABOVE, ''),
    ("I don't know", ABOVE, ''),
    ('Unable to determine', ABOVE, ''),
    ('As an AI language model, I ...', ABOVE, ''),
    ('It is not possible to tell.', ABOVE, ''),
    ('It is impossible to say', ABOVE, ''),
    ('The place is not visible in the image', PLACE, ''),
    ('Sure! The answer is unknown.', ABOVE, ''),
    ('There is no dog in the image.', ABOVE, ''),
    ('There is nothing above the dog.', ABOVE, ''),
    ('Nothing', ABOVE, ''),
    ('unknown', ABOVE, ''),
    ('Unanswerable', ABOVE, ''),
    ('None', ABOVE, ''),
    ('none of the above', ABOVE, ''),
    ('N/A', ABOVE, ''),
    ('No', ABOVE, ''),
    ('Yes', ABOVE, ''),
    # no refusals
    ('no parking sign', ABOVE, 'no parking sign'),
    ('canned food', ABOVE, 'canned food'),
    ('notebook', ABOVE, 'notebook'),
    ('nonesuch', ABOVE, 'nonesuch'),
    # nothing at all
    ('', ABOVE, ''),
    (' \n\t', ABOVE, ''),
    ('...', ABOVE, ''),
    ('**', ABOVE, ''),
    ('"', ABOVE, ''),
    ('🐕', ABOVE, ''),
    ('a', ABOVE, ''),
    ('the', ABOVE, ''),
    # other scripts
    ('一只棕色的狗。它很大。', KIND, '一只棕色的狗'),
    ('собака.', KIND, 'собака'),
    ('Ａｎｓｗｅｒ：ｇｒａｓｓ', ABOVE, 'grass'),
    ('café', PLACE, 'café'),
    ('कुत्ता', KIND, 'कुत्ता'),
    ('🐕 dog 🐕', KIND, 'dog'),
    # control characters
    ('grass\x00', ABOVE, 'grass'),
    # repeats itself until it is stopped
    ('dog dog dog dog dog dog dog dog dog dog dog', KIND, 'dog'),
    # describes: the thing is named first
    (
        'a large brown dog lying on a green couch in the living room beside the window',
        KIND,
        'large brown dog lying on a green couch',
    ),
    # no word is left hanging where it is cut
    ('tree with many leaves in front of the house', ABOVE, 'tree with many leaves in front'),
]


@pytest.mark.parametrize(('reply', 'question', 'answer'), REPLIES)
def test_parse_answer(reply, question, answer):
    assert parse_answer(reply, question) == answer


def test_there_is_a_row_for_each_reply():
    assert len({(r, q) for r, q, _ in REPLIES}) == len(REPLIES) > 100


@pytest.mark.parametrize(('reply', 'question', 'answer'), REPLIES)
def test_an_answer_is_its_own_answer(reply, question, answer):
    assert parse_answer(answer, question) == answer


def test_without_the_question_nothing_is_taken_for_its_echo():
    assert parse_answer('The sky is above the dog.') == 'sky is above the dog'
    assert parse_answer('The sky is above the dog.', ABOVE) == 'sky'


@pytest.mark.parametrize('words', [MAX_WORDS - 1, MAX_WORDS, MAX_WORDS + 1, 1000])
def test_number_of_words(words):
    answer = parse_answer(' '.join(f'word{i}' for i in range(words)))
    assert len(answer.split()) == min(words, MAX_WORDS)


@pytest.mark.parametrize(
    'reply',
    [
        'a ' * MAX_CHARACTERS,
        'sure, ' * MAX_CHARACTERS,
        'the answer to ' * MAX_CHARACTERS,
        '[' * MAX_CHARACTERS + '](' * MAX_CHARACTERS,
        '<' * MAX_CHARACTERS,
        '<a' * MAX_CHARACTERS,
        '(' * MAX_CHARACTERS,
        '{"answer": "' * MAX_CHARACTERS,
        'is ' * MAX_CHARACTERS,
        '\\boxed{' * MAX_CHARACTERS,
        'x. ' * 10**6,
        '* ' * MAX_CHARACTERS,
    ],
    ids=lambda r: r[:8],
)
def test_no_reply_takes_long(reply):
    start = time.process_time()
    parse_answer(reply, 'is a the answer to the')
    # 0.2 s at most was measured, of two busy cores
    assert time.process_time() - start < 5


# ------------------------------------------------------------------------------------------ prompts


@pytest.mark.parametrize(
    'template',
    ['{question}', 'Question: {question} Short answer:', '{{"ask": "{question}"}}', '\n{question}'],
)
def test_good_prompts(template):
    assert check_prompt(template) is template
    assert 'What is it?' in template.format(question='What is it?')


@pytest.mark.parametrize(
    ('template', 'message'),
    [
        ('Answer.', r"must have the field \{question\} once and no other, but got 'Answer\.' with"),
        ('', r"but got '' with 0 fields; such as 'Question: \{question\} Short answer:'\.$"),
        ('{question} {question}', 'with 2 fields'),
        ('{class} {question}', 'with 2 fields'),
        ('{}', 'with 1 field;'),
        ('{0}', 'with 1 field;'),
        # an attribute of the question could be anything
        ('{question.__class__}', 'with 1 field;'),
        (
            '{question',
            r'must be a template with one \{question\}, but got .*; write a brace of its',
        ),
        ('question}', r'write a brace of its own as \{\{ or \}\}\.$'),
    ],
)
def test_bad_prompts(template, message):
    with pytest.raises(ValueError, match=message):
        check_prompt(template)


@pytest.mark.parametrize(
    ('reply', 'wanted'),
    [
        ('yes', 'yes'),
        ('Yes, there is a cat on the sofa.', 'yes'),
        ('**No**, I see only dogs.', 'no'),
        ('There is no cat in the photo.', 'no'),
        ('{"answer": "Yes"}', 'yes'),
        ('<think>No dogs, but ...</think>Yes.', 'yes'),
        # none of the two
        ('I cannot tell.', ''),
        ('a tabby', ''),
        ('Nothing of the kind', ''),
        ('', ''),
    ],
)
def test_yes_or_no(reply, wanted):
    assert parse_answer(reply, 'Is there a cat in the photo?') == wanted


DESCRIBE = 'Describe the dog in the image.'


@pytest.mark.parametrize(
    ('reply', 'text'),
    [
        ('A brown dog.', 'brown dog'),
        # what repeats the question stays: it is what is described
        ('The dog in the image is lying on the grass.', 'dog in the image is lying on the grass'),
        (
            'The image shows a brown dog that runs over green grass behind a fence. It is happy.',
            'brown dog that runs over green grass behind a fence',
        ),
        ('{"answer": "a small dog beside a bench"}', 'small dog beside a bench'),
        ("I'm sorry, I cannot help.", ''),
        ('', ''),
    ],
)
def test_descriptions(reply, text):
    assert parse_answer(reply, DESCRIBE) == text


def test_a_description_is_longer_than_an_answer():
    reply = ' '.join(f'word{n}' for n in range(100))
    assert len(parse_answer(reply, DESCRIBE).split()) == MAX_WORDS_OF_DESCRIPTION
    assert len(parse_answer(reply, 'What is above the dog?').split()) == MAX_WORDS


@pytest.mark.parametrize('reply', ['a red\ud83d dog', r'{"answer": "a red\ud83d dog"}'])
def test_halves_of_characters_are_left_out(reply):
    """No file could hold them."""
    assert parse_answer(reply, 'What is it?').encode() == b'red dog'
