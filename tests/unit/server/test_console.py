from __future__ import annotations

import re
from importlib.resources import files
from urllib.parse import urljoin

from longwave.server.console import console_pages


def test_pages_are_the_shipped_files():
    pages = console_pages()

    assert sorted(pages) == ["/", "/console.css", "/console.js", "/console.svg"]
    assert pages["/"].body == (files("longwave.web") / "console.html").read_bytes()


def test_page_asks_for_nothing_that_is_not_served():
    pages = console_pages()
    html = pages["/"].body.decode()
    addresses = {urljoin("/", address) for address in re.findall(r'(?:src|href)="([^"#]+)"', html)}

    assert {"/console.js", "/console.css"} <= addresses
    assert all(address in pages for address in addresses if not address.startswith("data:"))
    assert "<script>" not in html, "the policy would not let it run"
    assert " style=" not in html
