import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawu_qa.folding import fold, fold_in_place, lexical_terms, split_pinyin
from dawu_qa.quantities import quantities


@pytest.mark.parametrize(
    ("text", "value", "unit", "kind"),
    [
        ("一亿一千六百六十五万元", 116650000, "元", "money"),
        ("1.1665亿元", 116650000, "元", "money"),
        ("11665万元", 116650000, "元", "money"),
        ("1个多亿", 1e8, "", "count"),
        ("近2亿元", 2e8, "元", "money"),
        ("1.5亿多元", 1.5e8, "元", "money"),
        ("850余人", 850, "人", "people"),
        ("十七个", 17, "个", "count"),
        ("二〇三五年", 2035, "年", "time"),
        ("第2位", 2, "位", "rank"),
        ("8.37%", 8.37, "%", "percent"),
        ("1,200亩", 1200, "亩", "area"),
    ],
)
def test_a_quantity_has_one_value_however_it_is_written(text, value, unit, kind):
    (found,) = quantities(text)
    assert (found.value, found.unit, found.kind) == (value, unit, kind)
    assert (found.start, found.end) == (0, len(text))


@pytest.mark.parametrize("text", ["一方面", "第一", "十大", "水", ""])
def test_words_with_numerals_in_them_are_no_quantities(text):
    assert quantities(text) == ()


@given(st.integers(1, 99999), st.sampled_from(["", "万", "亿"]), st.sampled_from(["元", "人", "户", "亩"]))
def test_any_amount_is_read_back(number, scale, unit):
    (found,) = quantities(f"{number}{scale}{unit}")
    assert found.value == number * {"": 1, "万": 10**4, "亿": 10**8}[scale]


def test_amounts_are_one_term_in_any_writing():
    terms = [set(lexical_terms(text)) for text in ("一亿一千六百六十五万", "1.1665亿", "11665万")]
    assert set.intersection(*terms) >= {"=116650000"}


def test_scripts_and_widths_fold_to_one():
    assert fold("大悟縣ＡＢ１２") == "大悟县ab12"


@given(st.text(max_size=80))
def test_folding_in_place_keeps_every_offset(text):
    assert len(fold_in_place(text)) == len(text)


@pytest.mark.parametrize(
    ("word", "syllables"),
    [("guangfu", ("guang", "fu")), ("anquan", ("an", "quan")), ("school", ()), ("", ())],
)
def test_pinyin_is_split_into_syllables(word, syllables):
    assert split_pinyin(word) == syllables
