"""The shipped interview, split where it is a conversation."""

from dawu_qa.corpus import PASSAGE_LIMIT


def test_metadata_is_found_and_stands_where_it_says(interview):
    found = {name: span.text for name, span in interview.metadata.items()}
    assert found["title"] == "【在线访谈】大悟县尽锐出战 决战脱贫攻坚"
    assert found["date"] == "2021-01-19 17:10"
    assert found["source"] == "澎湃新闻·澎湃号·政务"
    assert (found["guest"], found["guest_office"]) == ("彭晋文", "大悟县人民政府副县长")
    assert found["host"] == "魏嘉瑜"
    for span in interview.metadata.values():
        assert interview.text[span.start : span.end] == span.text


def test_eight_sections_open_with_a_question_or_a_title(interview):
    sections = list(dict.fromkeys(passage.section for passage in interview.passages if passage.section))
    sections.remove(interview.title)
    assert len(sections) == 8
    assert sections[0] == "大悟县脱贫攻坚基本情况"
    assert sections[-1] == "大悟县下一步的工作安排"
    assert sum(section.endswith("?") for section in sections) == 6


def test_items_carry_their_subsection(interview):
    water = next(passage for passage in interview.passages if "11665万元" in passage.text)
    assert water.headings[1:] == ("(二)统筹资金落实政策", "03")
    subsections = dict.fromkeys(
        heading for passage in interview.passages for heading in passage.headings if heading.startswith("(")
    )
    assert [heading[1] for heading in subsections] == list("一二三四")


def test_the_introduction_is_one_passage_of_whole_sentences(interview):
    introduction = next(passage for passage in interview.passages if "收官之年" in passage.text)
    assert introduction.headings == ()
    assert introduction.text.startswith("2020年是决战")
    assert introduction.text.endswith("进行交流。")


def test_captions_and_page_furniture_are_in_no_passage(interview):
    text = "\n".join(passage.text for passage in interview.passages)
    for furniture in (
        "图丨",
        "访谈现场",
        "澎湃Logo",
        "下载客户端",
        "登录",
        "字号",
        "阅读原文",
        "ICP备",
        "©",
        "+1",
        "原标题",
    ):
        assert furniture not in text


def test_every_passage_is_verbatim_in_order_and_within_the_limit(interview):
    end = 0
    for passage in interview.passages:
        assert interview.text[passage.start : passage.end] == passage.text
        assert passage.start >= end
        assert len(passage.text) <= PASSAGE_LIMIT
        end = passage.end


def test_no_sentence_of_the_body_is_lost(interview):
    body = interview.text[interview.text.index("2020年是") : interview.text.index("原标题")]
    kept = "".join(interview.text[block.start : block.end] for block in interview.blocks)
    assert {line.strip() for line in body.splitlines() if line.strip()} <= {
        line.strip()
        for block in interview.blocks
        for line in interview.text[block.start : block.end].splitlines()
    }
    assert "经得起历史检验。" in kept
