"""Addresses on the server, in files, and in one file."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouroloop.inspect.page.addresses import InFiles, InOneFile, OnServer, anchor_of, file_of

PARTS = st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4).map(tuple)


def test_the_server_has_every_page_and_quotes_what_it_must() -> None:
    to = OnServer().to
    assert to() == "/"
    assert to("runs", "a b?c", "rounds", 3, before=7, after=None) == "/runs/a%20b%3Fc/rounds/3?before=7"
    assert to("runs", "a/b") is None  # a server takes %2F for a slash
    assert OnServer("/token").to("runs", "a") == "/token/runs/a"


@given(PARTS)
def test_no_name_leads_out_of_a_site(place: tuple[str, ...]) -> None:
    path = PurePosixPath(file_of(place))
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert path.name == "index.html"
    assert len(path.parts) == len(place) + 1


@given(PARTS, PARTS)
def test_different_pages_have_different_files_and_anchors(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    if one != other:
        assert file_of(one) != file_of(other)
        assert anchor_of(one) != anchor_of(other)
    assert anchor_of(one).isascii()
    assert all(len(part) <= 120 for part in file_of(one).split("/"))


def test_a_site_links_only_what_it_has_and_relatively() -> None:
    known = {("runs", "a"), ("runs", "a", "rounds", "1")}
    to = InFiles(("runs", "a", "rounds", "1"), known).to
    assert to("runs", "a") == "../../../../runs/a/index.html"
    assert to("runs", "b") is None
    assert to("runs", "a", before=3) is None


@pytest.mark.parametrize("place", [("runs", "a"), ("runs", "a", "rounds", "1")])
def test_one_file_links_its_own_anchors(place: tuple[str, ...]) -> None:
    to = InOneFile({place}).to
    assert to(*place) == f"#{anchor_of(place)}"
    assert to("runs", "other") is None
