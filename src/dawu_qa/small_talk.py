"""Greetings, thanks and farewells: they are not questions, and are known by themselves."""

from __future__ import annotations

import re

from dawu_qa.folding import fold

_WORDS = (
    "你好|您好|大家好|哈喽|哈啰|嗨|嘿|喂|在吗|在不在|有人吗|早上好|上午好|中午好|下午好|晚上好|早安|晚安|午安|早|新年好|新年快乐|春节快乐|节日快乐|"
    "谢谢|多谢|感谢|谢了|谢啦|辛苦了|麻烦了|再见|拜拜|回头见|回见|下次见|明天见|好的|好|行|嗯|哦|知道了|明白了|了解了|收到|不客气|没事了?|对不起|不好意思|抱歉|"
    "你是谁|你叫什么(?:名字)?|你是(?:什么|机器)人|你(?:会|能)(?:做|干)?(?:什么|啥)|你是干(?:什么|嘛|啥)的|你吃(?:饭|了)[吗没]?了?|吃了吗|最近好吗|你好吗|很高兴认识你|"
    "哈{2,3}|呵{2,3}|嘿{2,3}|嘻{2,3}|(?:ha){2,3}|lol|hi|hello|hey|hi there|hello there|good (?:morning|afternoon|evening|night|day)|thanks?(?: you)?(?: (?:so|very) much| a lot)?|thx|bye|goodbye|good bye|bye bye|"
    "see you(?: later| soon| tomorrow)?|ok|okay|how are you(?: doing)?(?: today)?|who are you|what(?:'s| is) your name|what can you do|nice to meet you|nihao|ni hao|xiexie|xie xie|zaijian|zai jian|cheers|welcome"
)
_FILLER = r"(?:的?(?:帮忙|帮助|解答|回答|支持)|呀|啊|哦|哟|啦|呢|吧|吗|嘛|了|哈|的|你们?|您|大家|朋友们?|同志们?|小助手|助手|老师|啊?都|there|all|everyone|friend|非常|真的?|太|十分|很)"
#: No word or filler is longer, in characters.
_LONGEST = 24
_WORD, _FILLERS = re.compile(_WORDS), re.compile(_FILLER)


def is_small_talk(question: str) -> bool:
    """Tell whether a question is nothing but a greeting, thanks, a farewell or the like."""
    words = re.sub(r"[^\w']+", " ", fold(question)).strip()
    return _is_row_of_words(words) or _is_row_of_words(words.replace(" ", ""))


def _is_row_of_words(text: str) -> bool:
    """Tell whether a text is a row of words and fillers with a word among them.

    One pattern for the whole row would try every way to divide "哈哈哈哈"; here each place is looked at once.
    """
    fillers, words = {0}, set[int]()  # where a row may end that has none but fillers, and one with a word
    for at in range(len(text)):
        if at not in fillers and at not in words:
            continue
        for end in range(at + 1, min(at + _LONGEST, len(text)) + 1):
            filler = _FILLERS.fullmatch(text, at, end)
            if _WORD.fullmatch(text, at, end) or (filler and at in words):
                words.add(end)
            if filler and at in fillers:
                fillers.add(end)
    return len(text) in words
