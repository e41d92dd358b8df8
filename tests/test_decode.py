import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dawu_qa import CorpusError
from dawu_qa.corpus.decode import decode, printable, read_source

SIMPLIFIED = "县里的桥是哪年建的?1872年,用了三年时间。"
TRADITIONAL = "縣裡的橋是哪年建的?1872年,用了三年時間。這個國家的人們來說,這是一個大橋。"


@given(st.text(st.characters(exclude_categories=["C"])))
def test_utf8_is_decoded_as_python_does(text):
    assert decode(text.encode(), "x") == text


def test_offsets_count_a_byte_order_mark():
    assert decode(b"\xef\xbb\xbf" + SIMPLIFIED.encode(), "x") == "\ufeff" + SIMPLIFIED


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (SIMPLIFIED, "gb18030"),
        (SIMPLIFIED * 50, "gbk"),
        (TRADITIONAL, "big5"),
        (SIMPLIFIED, "utf-16"),
        (SIMPLIFIED, "utf-16-le"),
        (TRADITIONAL, "utf-16-be"),
        ("The bridge was built in 1872. " * 3, "utf-16-be"),
        ("混合 mixed 文本\r\n第二行\r第三行\n", "gb18030"),
        ("", "utf-8"),
    ],
)
def test_other_encodings_are_known_by_their_bytes(text, encoding):
    assert decode(text.encode(encoding), "x.txt") == text


@pytest.mark.parametrize(
    "raw",
    [
        bytes(range(256)) * 8,
        b"\x00" * 100,
        b"\xff\xfe\x00",
        b"\xff\xfe\x00\xd8",
        b"\x89PNG\r\n\x1a\n" + bytes(range(200, 256)) * 20,
        b"PK\x03\x04" + bytes(5_000),
    ],
)
def test_what_is_no_text_is_refused_by_name(raw):
    with pytest.raises(CorpusError, match=r"picture\.txt is not text.*save it as UTF-8"):
        decode(raw, "picture.txt")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_an_error_of_the_package(raw):
    try:
        text = decode(raw, "x")
    except CorpusError:
        return
    text.encode()  # no half characters


def test_a_missing_file_is_an_error_of_the_package(tmp_path):
    with pytest.raises(CorpusError, match=r"cannot read gone\.txt"):
        read_source(tmp_path / "gone.txt")


def test_names_fit_into_a_line():
    assert (
        printable("甲 b\n\x1b[31m\udcff.txt")
        == "甲 b\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}.txt"
    )
