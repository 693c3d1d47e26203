"""Links between pages lead somewhere: the file exists, and the heading if one is named."""

from __future__ import annotations

import pytest

from docs.pages import Page, pages


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_each_relative_link_leads_to_a_file_and_a_heading_that_exist(page):
    assert not [link for link in page.links() if ":" not in link and not leads_somewhere(page, link)]


def leads_somewhere(page: Page, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.path.parent / path).resolve() if path else page.path
    if not target.exists():
        return False
    return not anchor or anchor in Page(page.name, target.read_text(encoding="utf-8")).anchors()


def test_each_page_of_docs_or_its_folder_is_linked_from_the_index():
    index = next(page for page in pages() if page.name == "docs/index.md")
    reached = {(index.path.parent / link.partition("#")[0]).resolve() for link in index.links() if ":" not in link}
    ours = [page for page in pages() if page.name.startswith("docs/") and page is not index]
    assert [page.name for page in ours if reached.isdisjoint({page.path, page.path.parent})] == []
