"""What kind of answer a question asks for, by its words in Chinese and English."""

from __future__ import annotations

import re
from functools import lru_cache

# The first pattern that matches decides; the kinds are in the order of likelihood.
_RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"多久.{0,6}一[次回趟]|几[次回趟].{0,3}$|频率|隔多[久长]|每.{0,4}(?:几|多少)[次回天趟]|how often|how frequently|频次", ("frequency", "count")),
    (r"第几|排名|排位|排第|名次|几名|\brank|what place|position in", ("rank",)),
    (r"比例|比率|百分|几成|占多少|占比|发生率|增长率|增幅|涨了多少|增长(?:了)?多少|percent|what rate|\brate\b|proportion|by how much", ("percent",)),
    (
        (r"多少(?:资金|经费|钱|元|款|补贴|补助|贷款|投资|金额|亿|万元|人民币)|几个亿|几(?:千|百)?万(?:元|块|钱)|几亿|(?:花|投|贷|补|发|砸|拿出|整合|筹|卖|掏|赚).{0,8}(?:多少|几多|几何)(?!人|户|个|名|家|项)"
        r"|(?:金额|资金|花费|成本|投入|销售额|开支|经费|总额|数额|费用|款项)(?:$|\s|是|有|为|多|总)|how much|\bamount|\bmoney\b|\bcost\b|spent|\bsum\b|funding|\bdollars|\byuan\b|多少錢|价格|多大手笔"),
        ("money",),
    ),
    (r"多少(?:个)?(?:人|名|群众|干部|百姓|农民|乡亲|劳动力|贫困人口|老百姓|贫困人员)|几(?:个|多|名|位)?人|几位|几名|人数|人口(?:$|\s|有|是|多|数|总)|多少口|how many (?:\w+ ){0,4}(?:people|persons|residents|cadres|officials|workers|individuals|laborers|labourers|villagers|leaders|members)|population|headcount|多少位", ("people", "count")),
    (r"多少(?:个)?(?:户|家庭|人家)|几(?:多)?户|户数|多少家(?:$|[人户农])|几家人|how many (?:\w+ ){0,3}(?:households|families|homes|houses)|多少人家", ("household", "count")),
    (r"面积|多大(?:$|[的\s,，?？])|多少亩|几亩|平方|how large|how big|\barea\b|hectare|acre|\bmu\b|占地", ("area",)),
    (
        r"什么时候|啥时候|何时|哪[一]?(?:年|天|月|日)|几(?:月|号|年)|多会儿|什么时间|什么日期|时间$|到哪年|日期|年份|从.{0,3}年.{0,2}起|when\b|what (?:year|date|day|month|time)|which (?:year|date|day|month|days)|since what|几时|哪几(?:年|天)|哪两天|何年|什么年份",
        ("date", "period"),
    ),
    (r"多久|多长时间|(?<!哪)几年|多少年|任期|多少天|how long|term of|for how many years|连续.{0,3}年", ("period", "date")),
    (r"(?:多少|几多|(?<![哪举好])几|总数|数量|个数)|how many|number of", ("count", "people", "household", "period")),
    (r"文件|方案|条例|规定|办法叫|制度叫|哪本|手册|what (?:plan|document|policy|scheme|book)|which (?:plan|document)", ("document", "quote", "phrase")),
    (r"谁|哪个人|哪位|叫什么名字|姓名|who\b|whom|whose|\bname of|什么人|什么职务|哪些人", ("name", "phrase", "people")),
    (r"口号|称号|说法|叫什么|叫啥|什么名堂|称为|被称|called|nickname|slogan|简称", ("quote", "document", "phrase")),
    (r"哪些|哪几|列举|列一下|列出|请列|举几|有什么|都有啥|分别|包括|列举|what (?:\w+ ){0,2}(?:are|were|types|kinds|measures)|which (?:\w+ ){0,2}(?:are|were)|list|有啥|哪两|哪三|哪四|几方面|几个方面|几种|三个措施", ("list", "quote", "phrase", "clause")),
    (r"哪里|哪儿|在哪|什么地方|何地|哪个(?:省|市|县|地方|位置)|位置|地点|where\b|location|哪一带", ("phrase", "clause")),
    (r"为什么|为啥|为何|原因|怎么|怎样|如何|咋|why\b|how (?:do|does|did|is|are|was|were|can)|目的|干什么|为了什么|措施", ("clause", "sentence", "phrase")),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern, re.I), kinds) for pattern, kinds in _RULES)
_ASKING = re.compile(
    r"多少|几|什么|啥|哪|谁|何时|何地|多久|多大|多高|多长|怎么|怎样|如何|为何|咋|吗$|\b(?:how|what|when|where|who|whom|which|why)\b",
    re.I,
)
_YES_NO = re.compile(
    r"(?:吗|么|没有|不是|与否|不成|没)[?？]?$|是不是|有没有|是否|有无|能不能|会不会|对不对|对吗|算不算|^(?:is|are|was|were|did|does|do|has|have|had|can|could)\b",
    re.I,
)


@lru_cache(maxsize=4096)
def expected_kinds(folded: str) -> tuple[str, ...]:
    """Return the kinds of answers a folded question asks for, likeliest first; empty where its words do not tell."""
    if is_yes_no(folded) and not _ASKING.search(_YES_NO.sub("", folded)):
        return ("clause", "sentence", "phrase")
    for pattern, kinds in _COMPILED:
        if pattern.search(folded):
            return kinds
    return ()


_CUES = {
    "cause": re.compile(
        r"为什么|为啥|为何|为嘛|原因|理由|凭啥|凭什么|依据|成因|怎么会|\bwhy\b|reason|cause", re.I
    ),
    "procedure": re.compile(
        r"申请|办理|流程|手续|材料|窗口|报名|证明|条件|要求才|资格|怎么领|哪里领|去哪办|怎么办|联系|电话|网址|apply|application|procedure|document|eligib|require|sign up|contact|phone",
        re.I,
    ),
    "naming": re.compile(
        r"名字|姓名|姓什么|姓啥|叫什么|叫啥|都是谁|名单|哪(?:几|两|三|四|五|六|七|八|九|十|些)?(?:个|家|位|名|条|项|所|座)|是哪|\bnames?\b|\bwhich\b|list of",
        re.I,
    ),
    "meaning": re.compile(
        r"指的是|什么意思|啥意思|是指|含义|定义|什么叫|具体是|内容是|解释|代表什么|\bmeans?\b|\bmeaning\b|stand for|defin|explain",
        re.I,
    ),
    "total": re.compile(
        r"总共|一共|合计|总额|总计|加起来|总数|总的|平均|人均|每户|每人|每个|户均|占|分别|各|total|average|altogether|per (?:household|person|capita|village)|each",
        re.I,
    ),
    "future": re.compile(
        r"明年|后年|以后|将来|未来|接下来|下一步|今后|往后|打算|预计|计划|准备|还会|还要|目标|期满|\bwill\b|going to|plan|next|future|target|upcoming",
        re.I,
    ),
    "past": re.compile(
        r"前年|去年|上个月|民国|清朝|解放前|古代|以前|过去|上届|前任|之前|原来|当年|刚才|昨天|今天|现在|目前|如今|\bnow\b|today|currently|former|previous|last year",
        re.I,
    ),
    "superlative": re.compile(
        r"最[大多高少小低早晚好差快慢远]|第一(?:名|位|个|条)|哪家最|\b(?:most|largest|biggest|highest|best|least|smallest)\b",
        re.I,
    ),
}
CUES = tuple(_CUES)


@lru_cache(maxsize=16384)
def cues(folded: str) -> frozenset[str]:
    """Return what a folded question is after beyond its kind: a cause, a procedure, a name, a meaning, a total, a time."""
    return frozenset(name for name, pattern in _CUES.items() if pattern.search(folded))


_COUNT_ASKED = re.compile(
    r"哪(?P<han>[两二三四五六七八九2-9])(?![\d十百千万])|(?<![第\d.一二三四五六七八九十百千万])(?P<told>[两二三四五六七八九2-9])(?:个|条|步|大|方面|项|种).{0,8}"
    r"(?:什么(?!时候|时间|日期|名次|地方)|啥(?!时候|时间|地方)|哪(?!一?[年天月日里儿]))|\b(?:what|which|name|list)\s+(?:\w+\s+){0,2}?(?P<word>two|three|four|five|six)\b",
    re.I,
)
_COUNTS = {
    **{word: count for count, word in enumerate("二三四五六七八九", 2)},
    **{word: count for count, word in enumerate(("two", "three", "four", "five", "six"), 2)},
    "两": 2,
}


def asked_count(folded: str) -> int:
    """Return how many answers a folded question asks for by number ("哪两个", "which three"), else 1."""
    match = _COUNT_ASKED.search(folded)
    if not match:
        return 1
    word = match["han"] or match["told"] or match["word"]
    return int(word) if word.isdigit() else _COUNTS[word.lower()]


_UNIT_ASKED = re.compile(
    r"(?:多少|几多|几)(?:个|十|百|千|万|亿)?(户|家|人次|人|名|位|亩|平方公里|次|回|天|年|所|座|支|处|项|条|个百分点|元|块)"
)
_SAME_UNITS = {
    "人": ("人", "名", "位", "人次"),
    "名": ("名", "人", "位"),
    "位": ("名", "位", "人"),
    "回": ("次",),
    "块": ("元",),
    "家": ("家", "户"),
}
_NOUN_ASKED = re.compile(
    r"(?:多少|几多|几)(?:个|名|位|户|家|次|项|所|座|条|支|处|亩|种|类)?(?P<after>[\u4e00-\u9fff]{2,10})|(?P<before>[\u4e00-\u9fff]{2,10})\s*(?:的)?(?:有|是|为|共|一共|总共|总)?(?:多少|几|数量|个数|户数|人数|金额|总数)"
)


_FUNCTION = frozenset(
    "的了是在有人和与吗呢吧啊呀么什多少几哪谁怎样为何请问一下个这那都被把给对从到于及其之以上下里中后前时年月日不没大小"
)


@lru_cache(maxsize=4096)
def asked_unit(folded: str) -> tuple[str, ...]:
    """Return the units that 多少户, 几个人 and the like ask for; empty where none is named."""
    match = _UNIT_ASKED.search(folded)
    return _SAME_UNITS.get(match[1], (match[1],)) if match else ()


@lru_cache(maxsize=4096)
def asked_noun(folded: str) -> str:
    """Return what is to be counted, as the words next to 多少 and 几 say; empty where they do not."""
    return " ".join(part for match in _NOUN_ASKED.finditer(folded) for part in match.groups() if part)


@lru_cache(maxsize=4096)
def asking_words(folded: str) -> str:
    """Return the words of a folded question that ask, from the first of them on; empty where none does."""
    found = _ASKING.search(folded)
    if not found:
        return ""
    matches = [match.start() for pattern, _ in _COMPILED if (match := pattern.search(folded))]
    return folded[min([*matches, found.start()]) :].rstrip("?？ ")


@lru_cache(maxsize=4096)
def is_yes_no(folded: str) -> bool:
    """Tell whether a folded question wants a yes or a no."""
    return bool(_YES_NO.search(folded.rstrip("?？。!！ ")))


def content_pairs(folded: str) -> list[str]:
    """Return the pairs of adjoining ideographs of a folded question, those with a function word left out."""
    runs = re.findall(r"[\u4e00-\u9fff]+", folded)
    return [
        pair for run in runs for at in range(len(run) - 1) if not set(pair := run[at : at + 2]) & _FUNCTION
    ]
