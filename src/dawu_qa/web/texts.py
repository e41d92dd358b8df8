"""Every word that the page says by itself, in both of its languages."""

from __future__ import annotations

from typing import Literal, get_args

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
#: What stands in `<html lang>`, and what Gradio calls the language.
LOCALES: dict[Language, str] = {"zh": "zh-CN", "en": "en"}

_TABLE: dict[str, tuple[str, str]] = {
    # page
    "page.suffix": ("智能问答", "Questions and answers"),
    "page.about": ("关于本页", "About this page"),
    "page.can": (
        "用自己的话提问：回答一字不差地取自原文，并标明出处。",
        "Ask in your own words: answers are taken word for word from the original, with the place they stand at.",
    ),
    "page.cannot": (
        "原文没有提到的，尽量不作回答；引用前请核对原句。不推测、不改写、不上网查找。",
        "What the original does not say is meant to be declined; check the quoted sentence before you rely on it. Nothing is guessed, reworded or looked up elsewhere.",
    ),
    "page.memory": (
        "对话记录保存在您的浏览器里，随时可以清除。",
        "The conversation is kept in your browser; clear it whenever you like.",
    ),
    "page.feedback_on": (
        "没有答上的问题和您的评价会保存在运行本页的电脑上，供编辑改进；不记录 IP 地址。",
        "Questions that found no answer, and votes, are kept on the computer that runs this page for its editors; no addresses are.",
    ),
    "page.feedback_off": (
        "不收集评价，也不另存没有答上的问题。",
        "Neither votes nor unanswered questions are collected.",
    ),
    "page.logged": (
        "本页会把每个问题的文字写入服务器日志。",
        "The text of every question is written to the server's log.",
    ),
    "page.index": (
        "资料：{documents} 篇，{passages} 段，版本 {fingerprint}。",
        "Sources: {documents}; passages: {passages}; version {fingerprint}.",
    ),
    "page.switch": ("English", "中文"),
    "page.switch_label": ("Switch to English", "切换到中文"),
    "page.loading": ("正在打开…", "Opening…"),
    "page.model": (
        "模型正在载入，可以先提问，稍等几秒就有回答。",
        "The model is being loaded: ask now, the answer comes in a few seconds.",
    ),
    "page.offline": (
        "连接不上服务器，正在重试，不用刷新页面。",
        "The server cannot be reached; trying again, there is no need to reload.",
    ),
    "meta.date": ("发布时间", "Published"),
    "meta.source": ("来源", "Source"),
    "meta.guest": ("嘉宾", "Guest"),
    "meta.host": ("主持人", "Host"),
    # chat
    "chat.tab": ("问答", "Questions"),
    "chat.log": ("问答记录", "Conversation"),
    "chat.box": ("输入问题", "Your question"),
    "chat.placeholder": ("请就原文内容提问", "Ask about the original"),
    "chat.send": ("发送", "Send"),
    "chat.stop": ("停止", "Stop"),
    "chat.new": ("新对话", "New chat"),
    "chat.down": ("查看最新回答", "Go to the latest answer"),
    "chat.welcome": ("您好，想了解什么？", "Hello, what would you like to know?"),
    "chat.starters": ("可以这样问：", "For example:"),
    "chat.you": ("提问", "Question"),
    "chat.me": ("回答", "Answer"),
    "chat.copy": ("复制", "Copy"),
    "chat.copied": ("已复制", "Copied"),
    "chat.votes": ("评价这个回答", "Rate this answer"),
    "vote.up": ("赞", "Good"),
    "vote.down": ("踩", "Bad"),
    "vote.figure": ("数字错误", "Wrong figure"),
    "vote.place": ("出处不对", "Wrong place"),
    "vote.thanks": ("谢谢，已记下", "Thank you, noted"),
    "answer.where": ("原文", "Original"),
    "answer.cite": ("在原文中查看第 {number} 处引文", "Show citation {number} in the original"),
    "answer.confidence": ("答对的把握 {percent}%", "{percent}% sure"),
    "answer.related": ("还可以问：", "You may also ask:"),
    "answer.original": ("以上为中文原文。", "Quoted from the Chinese original."),
    "answer.moved": (
        "原文已更新，找不到这处引文了。",
        "The original has changed; this quotation is no longer in it.",
    ),
    "answer.unsure": (
        "没有把握答对，所以不直接回答。",
        "There is no answer that is certain enough to give.",
    ),
    "answer.did_you_mean": ("您是不是想问：", "Did you mean:"),
    "answer.nearest": ("最接近的一处：", "The nearest passage:"),
    "answer.declined": ("原文没有回答这个问题。", "The original does not say."),
    "answer.covered": ("原文谈到的内容有：", "What it covers:"),
    "answer.small_talk": (
        "您好！我只回答原文里写到的内容，您可以这样问：",
        "Hello! I answer from the original only. You could ask:",
    ),
    "notice.too_long": (
        "问题太长了，请在 {limit} 个字以内提问。",
        "The question is too long; use up to {limit} characters.",
    ),
    "notice.busy": (
        "现在提问的人很多，请稍后再试。",
        "Many people are asking just now; please try again in a moment.",
    ),
    "notice.too_fast": ("问得太快了，请歇一会儿再问。", "That was too fast; please wait a moment."),
    "notice.error": ("出了点问题，请再试一次。", "Something went wrong; please try again."),
    "notice.retry": ("再试一次：", "Try again:"),
    # interview
    "doc.region": ("访谈原文", "The original"),
    "doc.contents": ("目录", "Contents"),
    "doc.picker": ("选择文章", "Choose a source"),
    "doc.close": ("收起原文", "Close the original"),
    "doc.open": ("查看原文", "Show the original"),
    "doc.ask": ("这一段能回答什么", "What this paragraph answers"),
    "doc.answers": ("这一段能回答：", "This paragraph answers:"),
    # figures
    "figures.tab": ("数字一览", "Figures"),
    "figures.title": ("原文中的数字", "Figures in the original"),
    "figures.none": ("原文中没有找到数字。", "No figures have been found."),
    "figures.filter": ("筛选", "Filter"),
    "figures.filter_hint": ("输入文字筛选", "Type to filter"),
    "figures.unit_filter": ("单位", "Unit"),
    "figures.all": ("全部", "All"),
    "figures.csv": ("下载 CSV", "Download CSV"),
    "figures.shown": ("显示 {shown} / {total} 项", "{shown} of {total} shown"),
    "figures.amount": ("原文写法", "As written"),
    "figures.value": ("数值", "Value"),
    "figures.unit": ("单位", "Unit"),
    "figures.counts": ("所指", "What it counts"),
    "figures.period": ("时间", "Period"),
    "figures.section": ("章节", "Section"),
    "figures.sort": ("按“{column}”排序", "Sort by {column}"),
    "figures.open": ("在原文中查看", "Show in the original"),
    "figures.money": ("金额（万元），最大的 {count} 项", "Amounts (10,000 yuan), the largest {count}"),
    "figures.people": ("人数（以“人”计），最大的 {count} 项", "Numbers of people, the largest {count}"),
    "figures.households": ("户数，最大的 {count} 项", "Numbers of households, the largest {count}"),
}


def text(key: str, language: Language, **fields: object) -> str:
    """Return a text of the table, its fields filled in."""
    return _TABLE[key][LANGUAGES.index(language)].format(**fields)


def keys() -> tuple[str, ...]:
    """Return the keys of the table."""
    return tuple(_TABLE)


def table(language: Language) -> dict[str, str]:
    """Return the whole table in one language."""
    return {key: texts[LANGUAGES.index(language)] for key, texts in _TABLE.items()}


def preferred_language(accept_language: str) -> Language:
    """Return the language of the two that a browser likes best; Chinese where it names neither."""
    ranked = sorted(
        ((_quality(part), -at, part) for at, part in enumerate(accept_language.lower().split(","))),
        reverse=True,
    )
    for quality, _, part in ranked:
        for language in LANGUAGES:
            if quality > 0 and part.strip().startswith(language):
                return language
    return "zh"


def _quality(part: str) -> float:
    _, _, quality = part.partition(";q=")
    try:
        return float(quality) if quality else 1.0
    except ValueError:
        return 0.0
