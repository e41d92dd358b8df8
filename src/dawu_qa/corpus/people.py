"""Who speaks in an interview: the guest and the host, by the shape of the sentences that introduce them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dawu_qa.corpus.lines import Line

# The commonest Chinese surnames, single and double: a name is one of them and one or two more characters.
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蔡蒋余于杜叶程苏魏吕丁任卢姚沈钟姜崔谭陆范汪廖石金"
    "韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟"
    "殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季成霍苗涂谷曲盛冉翁蓝骆路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤"
)
_NAME = rf"(?:欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|[{_SURNAMES}])[\u4e00-\u9fff]{{1,2}}"
_OFFICE = (
    r"[\u4e00-\u9fff]{0,30}?(?:长|书记|主任|主席|委员|代表|会员|队员|教授|研究员|院士|专家|学者|老师|医生|经理|总裁|"
    r"董事|会长|负责人|发言人|主持人|记者|先生|女士)"
)
_PERSON = re.compile(
    rf"(?P<office>{_OFFICE})\s*(?P<name>{_NAME})(?=\s*(?:$|[,，。、;；!！)）]|围绕|就|与|和|为|来|做客|接受|介绍|谈))"
)
_INVITED = re.compile(r"(?:邀请(?:到了?|了)?|专访了?|对话|采访(?:到|了)|请到了?)\s*")
_CAPTION_MARK = re.compile(r"^图\s*[丨|｜/:：]?\s*|^[▲△▼]\s*")
_HOST = re.compile(r"主持人|记者")


@dataclass(frozen=True, slots=True)
class Person:
    """Where a text names somebody: the office from `start` to `name_start`, the name from there to `end`."""

    field: str
    start: int
    name_start: int
    end: int


def people_in_captions(captions: list[Line]) -> list[Person]:
    """Return the guests and hosts that captions name."""
    found = []
    for line in captions:
        mark = _CAPTION_MARK.match(line.text)
        if mark and (match := _PERSON.fullmatch(line.text, mark.end())):
            field = "host" if _HOST.search(match.group("office")) else "guest"
            found.append(_person(field, match, line.start))
    return found


def invited_guest(text: str, start: int, end: int) -> Person | None:
    """Return the guest whom `text[start:end]` says to have been invited."""
    for invitation in _INVITED.finditer(text, start, end):
        if match := _PERSON.match(text, invitation.end(), end):
            return _person("guest", match, 0)
    return None


def _person(field: str, match: re.Match[str], offset: int) -> Person:
    return Person(
        field, offset + match.start("office"), offset + match.start("name"), offset + match.end("name")
    )
