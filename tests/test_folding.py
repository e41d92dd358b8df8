import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawu_qa.folding import (
    fold,
    fold_in_place,
    latin_share,
    lexical_terms,
    pinyin,
    pinyin_terms,
    split_pinyin,
)
from dawu_qa.quantities import number_value, quantities

ANY = st.text(st.characters(exclude_categories=[]), max_size=60)


@given(ANY)
def test_folding_in_place_keeps_every_offset_of_any_text(text):
    assert len(fold_in_place(text)) == len(text)


@given(st.text(max_size=60))
def test_terms_of_any_text_are_words_without_white_space(text):
    assert all(term and not term.isspace() for term in lexical_terms(text) + pinyin_terms(text))
    assert 0 <= latin_share(text) <= 1


def test_traditional_and_simplified_have_the_same_terms():
    assert lexical_terms("飲水安全問題") == lexical_terms("饮水安全问题")


@pytest.mark.parametrize(
    ("text", "folded"),
    [("大悟縣　ＡＢ\n１２", "大悟县 ab 12"), ("臺灣", "台湾"), ("ﬁ", "fi"), ("  ", ""), ("Å", "å")],
)
def test_width_case_script_and_space_fold_to_one(text, folded):
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        ("zhongguo", ("zhong", "guo")),
        ("xian", ("xian",)),
        ("lvyou", ("lv", "you")),
        ("fupinchejian", ("fu", "pin", "che", "jian")),
        ("x", ()),
        ("guangx", ()),
    ],
)
def test_pinyin_is_split_into_as_few_syllables_as_will_do(word, syllables):
    assert split_pinyin(word) == syllables


@given(st.text("水县扶贫车间大悟", min_size=1, max_size=8))
def test_what_is_split_says_what_was_typed(text):
    typed = "".join(pinyin(text))
    assert "".join(split_pinyin(typed)) == typed


def test_a_long_word_is_split_in_linear_time():
    began = time.process_time()
    assert split_pinyin("guan" * 25_000) == ("guan",) * 25_000
    assert time.process_time() - began < 5


@given(st.text("零〇一二两三四五六七八九十百千万亿点0123456789,.多余近第个元人%年", max_size=40))
def test_quantities_stand_where_they_say_and_are_finite(text):
    end = 0
    for quantity in quantities(text):
        assert end <= quantity.start < quantity.end <= len(text)
        assert abs(quantity.value) < float("inf")
        end = quantity.end


@pytest.mark.parametrize("number", ["", "1" * 400, "九" * 400, "百千", "点", "一点", "万", "abc"])
def test_what_is_no_number_has_no_value(number):
    assert number_value(number) is None or abs(number_value(number)) < float("inf")
    assert len(number) < 400 or number_value(number) is None
