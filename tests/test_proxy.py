"""The page behind nginx, in a folder of a site."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest

from behind_nginx import FOLDER, behind_nginx
from dawu_qa.web import WebSettings
from web_pipeline import WATER

USER, PASSWORD = "editor", "open sesame:1"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[str]:
    """The address of the page behind nginx; a client may ask three questions a minute."""
    settings = WebSettings(
        root_path=FOLDER,
        credentials=f"{USER}:{PASSWORD}",
        data_dir=tmp_path_factory.mktemp("data"),
        questions_per_minute=3,
    )
    with behind_nginx(settings, tmp_path_factory.mktemp("nginx")) as address:
        yield address


def client(site: str, **options) -> httpx.Client:
    return httpx.Client(base_url=site, auth=(USER, PASSWORD), **options)


def test_the_folder_itself_leads_to_the_page(site):
    assert urljoin(site, httpx.get(site).headers["location"]) == site + "/"


def test_credentials_are_asked_for_and_passed_on(site):
    refused = httpx.get(site + "/")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")
    with client(site) as known:
        assert known.get("/").status_code == 200


def test_all_that_the_page_loads_lies_in_the_folder(site):
    with client(site) as known:
        page = known.get("/").text
        links = re.findall(r'(?:src|href)="([^"#]+)"', page)
        own = [link for link in links if not link.startswith("data:")]
        assert len(own) > 3
        for link in own:
            address = urljoin(site + "/", link)
            assert address.startswith(site)
            assert known.get(address).status_code == 200, link


def test_a_cookie_holds_in_the_folder_and_over_the_scheme_that_was_used(site):
    with client(site) as known:
        (cookie,) = known.get("/?lang=en").headers.get_list("set-cookie")
    assert f"Path={FOLDER};" in cookie
    assert "HttpOnly" in cookie
    assert "Secure" not in cookie


def test_a_client_is_limited_by_its_own_address_whatever_it_says_of_itself(site):
    with client(site) as known:
        outcomes = [
            known.post(
                "/api/ask", json={"question": "饮水?"}, headers={"x-forwarded-for": "127.0.0.1, 198.51.100.7"}
            )
            for _ in range(5)
        ]
    # nginx adds the address that it saw, here this computer's, which uvicorn trusts as a proxy's and passes over.
    assert [each.status_code for each in outcomes] == [200] * 3 + [429] * 2
    assert WATER in outcomes[0].json()["text"]


@pytest.mark.parametrize(
    "path", ["/../healthz", "//etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/page/static/..%2f..%2fx"]
)
def test_no_path_climbs_out_of_the_folder(site, path):
    host, port = site.removeprefix("http://").removesuffix(FOLDER).split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(f"GET {FOLDER}{path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        status = raw.recv(4096).split()[1]
    assert status in {b"400", b"401", b"404"}
