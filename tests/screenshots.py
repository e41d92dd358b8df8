"""Takes pictures of the page's main states: `python tests/screenshots.py docs [address of a running page]`."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from dawu_qa.pipeline import open_pipeline
from dawu_qa.web import WebSettings
from test_browser import ARGUMENTS, CHROMIUM
from web_pipeline import served

WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def ask(page: Page, question: str) -> None:
    page.fill("#dq-box textarea", question)
    page.press("#dq-box textarea", "Enter")
    page.wait_for_selector(".dq-answer")


def answered(page: Page) -> None:
    ask(page, "饮水安全花了多少钱?")


def cited(page: Page) -> None:
    answered(page)
    page.click(".dq-cite")


def declined(page: Page) -> None:
    ask(page, "后天会不会下雪?")


def english(page: Page) -> None:
    ask(page, "How much money went into safe drinking water?")


def figures(page: Page) -> None:
    page.click('#dq-tabs [role="tab"] >> nth=1')
    page.wait_for_selector("#dq-figures h2")


STATES = {
    "welcome": (WIDE, "light", "zh-CN", lambda page: None),
    "answer": (WIDE, "light", "zh-CN", answered),
    "answer-dark": (WIDE, "dark", "zh-CN", answered),
    "declined": (WIDE, "light", "zh-CN", declined),
    "english": (WIDE, "light", "en-US", english),
    "figures": (WIDE, "light", "zh-CN", figures),
    "phone": (PHONE, "light", "zh-CN", answered),
    "phone-source": (PHONE, "light", "zh-CN", cited),
}


def main(folder: Path, address: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = address or stack.enter_context(
            served(open_pipeline(), WebSettings(data_dir=data, feedback=False))
        )
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS
        )
        for name, (size, scheme, locale, act) in STATES.items():
            context = browser.new_context(
                viewport=size, color_scheme=scheme, locale=locale, reduced_motion="reduce"
            )
            page = context.new_page()
            page.goto(address)
            page.wait_for_selector(".dq-welcome")
            act(page)
            page.wait_for_timeout(500)
            page.screenshot(path=folder / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
