"""What a request's headers tell: the language to speak."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from dawu_qa.web.texts import LANGUAGES, Language, preferred_language

COOKIE = "dawu_language"


def chosen_language(value: str | None) -> Language | None:
    """Return the language that a cookie or an address names, if it is one of the page's."""
    return next((language for language in LANGUAGES if language == value), None)


def language_of_request(headers: Mapping[str, str]) -> Language:
    """Return the language that was chosen before, else the one that the browser prefers."""
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        cookie = None
    return chosen_language(cookie.value if cookie else None) or preferred_language(
        headers.get("accept-language", "")
    )
