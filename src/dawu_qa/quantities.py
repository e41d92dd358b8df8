"""Quantities in Chinese text: where they stand, their value, their unit, and how exactly the text gives them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import cn2an

_ARABIC = r"\d+(?:,\d{3})*(?:\.\d+)?"
_CHINESE = r"[零〇一二两三四五六七八九十百千](?:[零〇一二两三四五六七八九十百千万亿]|点(?=[零〇一二三四五六七八九]))*"
_SCALE = r"万亿|亿|万|千|百"
_APPROXIMATE_BEFORE = r"不少于|不低于|不超过|超过|至少|最少|最多|将近|大约|近|约|超|逾|达|仅"
_APPROXIMATE_AFTER = r"多|余|来|左右|以上|以下"

MONEY = ("元", "块钱", "块", "美元", "角", "毛钱", "分钱")
PEOPLE = ("人次", "人", "名", "位", "口人", "口")
AREA = ("平方公里", "平方千米", "平方米", "公顷", "亩")
TIME = ("个月", "年", "月", "日", "天", "周", "小时", "分钟", "季度", "个工作日", "工作日", "秒")
SHARE = ("%", "％", "‰", "个百分点", "成")
_COUNTERS = (
    "个", "家", "户", "项", "所", "座", "处", "条", "次", "届", "种", "类", "批", "件", "台", "辆", "部", "份", "篇", "间", "栋", "套", "村",
    "县", "区", "镇", "乡", "省", "市", "支", "场", "期", "倍", "岁", "吨", "公斤", "斤", "公里", "千米", "米", "度", "千瓦", "兆瓦", "本",
    "起", "张", "只", "头", "匹", "尾", "羽", "株", "棵", "幅", "册", "枚", "盏", "眼", "孔", "口井", "节", "课时", "学时", "床", "列", "艘", "架", "架次", "车次", "班次", "班",
    "笔", "宗", "单", "毫米", "厘米", "毫克", "微克", "克", "千克", "公担", "升", "毫升", "立方米", "方", "千瓦时", "千伏安", "千伏", "兆", "℃", "级", "层", "对", "双", "片", "组", "队", "团",
    "营", "员", "字", "页", "集", "站", "环节", "步", "户次", "间次", "件(套)", "根", "面", "门", "道", "顶", "趟", "声", "斗", "袋", "箱", "桶", "瓶", "粒", "剂", "针", "例", "科", "星", "折",
    "人日", "工日", "社", "校", "厂", "店", "点", "行", "路", "街", "组团",
)  # fmt: skip
#: Measures that an ideograph before them makes a word of its own: 一起, 一路, 一点 count nothing.
_AFTER_DIGITS = frozenset(
    {"起", "头", "面", "道", "点", "行", "路", "街", "成", "方", "级", "队", "组", "对", "双", "片", "声", "步", "门", "层", "科", "折", "单", "校", "社", "站", "字", "员", "团", "营", "斗", "班", "节", "例", "毛钱", "分钱"}
)  # fmt: skip
_UNITS = sorted({*MONEY, *PEOPLE, *AREA, *TIME, *SHARE, *_COUNTERS}, key=len, reverse=True)
_QUANTITY = re.compile(
    rf"(?P<before>{_APPROXIMATE_BEFORE})?(?P<ordinal>第)?"
    rf"(?P<number>{_ARABIC}|{_CHINESE})"
    rf"(?P<more>(?:个)?(?:{_APPROXIMATE_AFTER})(?=[万亿千百])|个(?=[万亿]))?(?P<scale>{_SCALE})?"
    rf"(?P<after>{_APPROXIMATE_AFTER})?(?P<unit>{'|'.join(map(re.escape, _UNITS))})?(?P<tail>左右|以上|以下|以内)?"
)
_TENTHS = "一二两三四五六七八九"
_SCALES = {"": 1.0, "百": 1e2, "千": 1e3, "万": 1e4, "亿": 1e8, "万亿": 1e12}
_DIGITS = {digit: value for value, digit in enumerate("〇一二三四五六七八九")} | {"零": 0, "两": 2}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity at `text[start:end]`; `value` is in `unit`, 万 and 亿 multiplied out.

    `qualifier` holds 近, 多, 余, 不少于 and the like, `ordinal` tells 第2位 from 2位.
    """

    start: int
    end: int
    value: float
    unit: str
    qualifier: str = ""
    ordinal: bool = False

    @property
    def kind(self) -> str:
        """What sort of thing is measured: money, people, area, time, percent, rank or count."""
        if self.ordinal:
            return "rank"
        for kind, units in (("money", MONEY), ("people", PEOPLE), ("area", AREA), ("time", TIME)):
            if self.unit in units:
                return kind
        return "percent" if self.unit in SHARE else "count"


@lru_cache(maxsize=16384)
def quantities(text: str) -> tuple[Quantity, ...]:
    """Return the quantities of a text, in order.

    A numeral written in ideographs counts only with a unit or with two digits and more: 一方面 is none.
    """
    found = []
    for match in _QUANTITY.finditer(text):
        number, scale, unit = match["number"], match["scale"] or "", match["unit"] or ""
        value = number_value(number)
        if unit in _AFTER_DIGITS and not number[0].isdigit() and not (unit == "成" and number in _TENTHS):
            continue
        if value is None or (not number[0].isdigit() and not unit and not scale and len(number) < 2):
            continue
        qualifier = "".join(match[part] or "" for part in ("before", "more", "after", "tail")).replace(
            "个", ""
        )
        value = round(value * _SCALES[scale], 6)
        found.append(Quantity(match.start(), match.end(), value, unit, qualifier, bool(match["ordinal"])))
    return tuple(found)


def amounts(text: str) -> list[float]:
    """Return the values of the quantities of a text, in order."""
    return [quantity.value for quantity in quantities(text)]


def number_value(number: str) -> float | None:
    """Return the value of a numeral in digits or ideographs, None where it is none or too large."""
    value = _parsed(number)
    return value if value is not None and math.isfinite(value) else None


def _parsed(number: str) -> float | None:
    if len(number) > 1 and all(character in _DIGITS for character in number):
        number = "".join(str(_DIGITS[character]) for character in number)
    try:
        return float(number.replace(",", ""))
    except ValueError:
        pass
    try:
        return float(cn2an.cn2an(number, "smart"))
    except (ValueError, KeyError, IndexError, OverflowError):  # cn2an leaks the latter three on odd numerals
        return None
