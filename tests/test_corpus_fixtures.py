"""Four interviews of other shapes than the shipped one."""

from pathlib import Path

import pytest

from dawu_qa.corpus import PASSAGE_LIMIT, parse, sentences

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = ("library-hours.txt", "river-cleanup.txt", "school-canteen.md", "bus-lines.txt")


def document(name):
    return parse(name, (FIXTURES / name).read_bytes().decode("utf-8"))


def headings_of(parsed, text):
    (passage,) = [passage for passage in parsed.passages if text in passage.text]
    return passage.headings


def metadata_of(parsed):
    return {field: span.text for field, span in parsed.metadata.items()}


@pytest.mark.parametrize("name", NAMES)
def test_passages_are_verbatim_in_order_apart_and_short(name):
    parsed, end = document(name), 0
    for passage in parsed.passages:
        assert parsed.text[passage.start : passage.end] == passage.text == passage.text.strip()
        assert passage.start >= end
        assert len(passage.text) <= PASSAGE_LIMIT
        assert passage.source == name
        end = passage.end


@pytest.mark.parametrize("name", NAMES)
def test_metadata_stands_where_it_says(name):
    parsed = document(name)
    assert all(parsed.text[span.start : span.end] == span.text for span in parsed.metadata.values())


@pytest.mark.parametrize(
    ("name", "sections"),
    [
        (
            "library-hours.txt",
            [
                "开放时间是怎么调整的?",
                "晚上来的人多吗?都是些什么人?",
                "延时开放要花多少钱?",
                "下一步有什么打算?",
            ],
        ),
        (
            "river-cleanup.txt",
            [
                "青石河治理从什么时候开始?",
                "清了多少淤泥?",
                "总投资是多少?钱从哪里来?",
                "现在水质怎么样?",
            ],
        ),
        ("school-canteen.md", ["一、怎么办起来的", "二、管得住吗", "三、还缺什么"]),
        (
            "bus-lines.txt",
            [
                "目前一共有多少条线路?",
                "老年人坐车要钱吗?",
                "有网友问,末班车太早怎么办?",
                "明年有什么计划?",
            ],
        ),
    ],
)
def test_a_question_or_a_title_opens_a_section(name, sections):
    parsed = document(name)
    assert [
        parsed.text[block.start : block.end]
        for block in parsed.blocks
        if block.kind == "heading" and block.level == 1
    ] == sections
    assert set(sections) <= {passage.section for passage in parsed.passages}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "library-hours.txt",
            {
                "title": "夜里也亮着灯:县图书馆延时开放",
                "date": "2023年5月18日",
                "source": "县广播电台",
                "guest": "县图书馆馆长",
                "host": "早间节目主持人",
            },
        ),
        (
            "river-cleanup.txt",
            {"title": "河里又能看见鱼了", "date": "2024-07-02 08:15", "source": "县融媒体中心"},
        ),
        (
            "school-canteen.md",
            {"title": "一餐热饭:村小食堂五年记", "date": "2022-11-08", "source": "教育周报"},
        ),
        ("bus-lines.txt", {}),
    ],
)
def test_metadata_is_read_from_where_each_shape_gives_it(name, expected):
    parsed = document(name)
    assert metadata_of(parsed) == expected
    assert set(expected.values()) <= {passage.text for passage in parsed.passages}


@pytest.mark.parametrize(
    ("name", "text", "headings"),
    [
        ("library-hours.txt", "315天", ("开放时间是怎么调整的?",)),
        ("library-hours.txt", "46.8万元", ("延时开放要花多少钱?",)),
        ("river-cleanup.txt", "0.3mg/kg", ("清了多少淤泥?",)),
        ("river-cleanup.txt", "四年前", ()),
        ("school-canteen.md", "47所村小", ()),
        ("school-canteen.md", "31间", ("一、怎么办起来的", "五年前是什么情形?")),
        ("school-canteen.md", "6.5元", ("一、怎么办起来的", "一餐多少钱?家长负担多少?")),
        ("school-canteen.md", "低12%", ("二、管得住吗", "(一)食材")),
        ("school-canteen.md", "125克", ("二、管得住吗", "(二)安全", "1.")),
        ("school-canteen.md", "不少于20次", ("二、管得住吗", "(二)安全", "3.")),
        ("school-canteen.md", "看得见", ("二、管得住吗", "(二)安全")),
        ("school-canteen.md", "2480元", ("三、还缺什么",)),
        ("bus-lines.txt", "学生凭学生证半价", ("老年人坐车要钱吗?",)),
        ("bus-lines.txt", "480万元", ("明年有什么计划?", "02")),
    ],
)
def test_a_passage_carries_its_headings(name, text, headings):
    assert headings_of(document(name), text) == headings


@pytest.mark.parametrize(
    ("name", "paragraph"),
    [
        ("bus-lines.txt", "目前城乡公交线路26条,\n车辆138台,\n全部换成了电动车。"),
        ("bus-lines.txt", "推迟之后,每天多跑52个班次,\n一年多花电费和人工费用约210万元,\n由县财政补贴。"),
        ("school-canteen.md", "食材由县里统一采购,\n每周二、周五配送,\n蔬菜价格比市场低12%。"),
        ("river-cleanup.txt", "总投资2.35亿元。"),
        ("library-hours.txt", "全年开放315天,比去年多出26天。"),
    ],
)
def test_broken_lines_are_joined_and_paragraphs_kept_apart(name, paragraph):
    assert paragraph in {passage.text for passage in document(name).passages}


@pytest.mark.parametrize(
    ("name", "furniture"),
    [
        ("library-hours.txt", ["主持人:", "嘉宾:"]),
        (
            "river-cleanup.txt",
            [
                "Logo",
                "app",
                "登录",
                "注册",
                "+12",
                "字号",
                "分享",
                "稿源",
                "图为",
                "责任编辑",
                "版权",
                "备案",
                "31度",
                "水利部门答记者问",
            ],
        ),
        ("school-canteen.md", ["layout", "tags", "---", "canteen.jpg", "记者:", "校长:", "# ", "> "]),
        ("bus-lines.txt", ["【", "图丨", "▲", "访谈现场", "电动公交车", "示意图"]),
    ],
)
def test_speakers_captions_and_page_furniture_are_in_no_passage(name, furniture):
    text = "\n".join(passage.text for passage in document(name).passages)
    assert [piece for piece in furniture if piece in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_of_the_body_stands_in_one_passage(name):
    parsed = document(name)
    said = [
        sentence
        for passage in parsed.passages
        for sentence in (passage.text[start:end] for start, end in sentences(passage.text))
    ]
    assert len(said) == len(set(said))
    stated = {
        "library-hours.txt": "12,480人次 37.5% 11.2万元 29万元 9点30分 2000册",
        "river-cleanup.txt": "2020年9月 18.6公里 43万立方米 170多个 1.2亿元 6500万元 5000万元 3.7万平方米",
        "school-canteen.md": "7860名 890万元 31间 1.5元 48小时 6所",
        "bus-lines.txt": "71.4公里 8元 31.6万人次 18:30 20:00 4条 60个 120块",
    }[name]
    for figure in stated.split():
        assert sum(figure in sentence for sentence in said) == 1, figure


def test_an_editor_who_speaks_does_not_end_the_document():
    text = "编辑:哪年建的桥?\n\n工程师:1998年。\n\n编辑:有多长?\n\n工程师:全长312米。\n\n编辑:值班室\n"
    assert [passage.text for passage in parse("x.txt", text).passages] == ["1998年。", "全长312米。"]


def test_a_rule_or_a_line_without_words_is_no_heading():
    parsed = parse("x.md", "全文\n\n***\n\n正文一句。\n\n# ***\n\n正文两句。\n")
    assert [passage.text for passage in parsed.passages] == ["全文", "正文一句。", "正文两句。"]
    assert {passage.headings for passage in parsed.passages} == {()}


@pytest.mark.parametrize("field", ["title: {}", "来源:{}", "# {}", "主持人:{}?"])
def test_what_is_too_long_for_a_heading_or_a_field_is_text(field):
    parsed = parse("x.md", "---\n" * ("title" in field) + field.format("很长" * 1000) + "\n\n正文。\n")
    assert max(len(passage.text) for passage in parsed.passages) <= PASSAGE_LIMIT
    assert all(len(heading) <= PASSAGE_LIMIT for passage in parsed.passages for heading in passage.headings)
