"""Releases: each host answers as its documentation shows; the outside web is a table of answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from glance.errors import FetchError
from glance.sources import SourceIO, python

FOLDER = Path(__file__).resolve().parent
GITHUB = "https://api.github.com/repos/immich-app/immich/releases?per_page=15"
GITLAB = "https://gitlab.com/api/v4/projects/inkscape%2Finkscape/releases?per_page=5"
CODEBERG = "https://codeberg.org/api/v1/repos/forgejo/forgejo/releases?limit=15&draft=false"
DOCKERHUB = "https://hub.docker.com/v2/repositories/library/postgres/tags?page_size=50&ordering=last_updated"
ANSWERS: dict[str, Any] = {
    GITHUB: [
        {
            "tag_name": "v9-draft",
            "draft": True,
            "prerelease": False,
            "published_at": None,
            "html_url": "https://github.com/x",
        },
        {
            "tag_name": "v2.4.0-rc1",
            "draft": False,
            "prerelease": True,
            "published_at": "2026-11-19T10:00:00Z",
            "html_url": "https://github.com/rc",
        },
        {
            "tag_name": "v2.3.1",
            "draft": False,
            "prerelease": False,
            "published_at": "2026-11-18T10:00:00Z",
            "html_url": "https://github.com/a",
        },
    ],
    GITLAB: [
        {
            "tag_name": "INKSCAPE_1_4",
            "released_at": "2026-10-01T00:00:00.000Z",
            "_links": {"self": "https://gitlab.com/i"},
        }
    ],
    CODEBERG: [
        {
            "tag_name": "v13.0.2",
            "published_at": "2026-11-17T07:20:00+01:00",
            "html_url": "https://codeberg.org/f",
            "prerelease": False,
        }
    ],
    DOCKERHUB: {
        "count": 3,
        "results": [
            {"name": "latest", "last_updated": "2026-11-20T00:00:00Z"},
            {"name": "18-bookworm", "last_updated": "2026-11-20T00:00:00Z"},
            {"name": "18.1", "last_updated": "2026-11-13T00:00:00.123456Z"},
        ],
    },
}


class Web:
    """The outside web: a table of answers, and what was asked."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked: dict[str, Mapping[str, str]] = {}

    def request(self, method: str, url: str, *, headers: Mapping[str, str], **_: Any) -> Any:
        self.asked[url] = headers
        if url not in self.answers:
            raise FetchError(f"{url.split('/')[2]} does not know this address (404).", kind="status", http_status=404)
        return SimpleNamespace(json=lambda: self.answers[url])


def fetch(web: Web, **params: Any) -> list[dict[str, Any]]:
    io = SourceIO(http=web, params=params, deadline=time.monotonic() + 5, now=time.time, folder=FOLDER)  # type: ignore[arg-type]
    found: list[dict[str, Any]] = python.fetch({}, io)["releases"]
    return found


def project(host: str, repository: str) -> dict[str, str]:
    return {"host": host, "repository": repository}


ALL = [
    project("gitlab", "inkscape/inkscape"),
    project("github", "immich-app/immich"),
    project("dockerhub", "postgres"),
    project("codeberg", "forgejo/forgejo"),
]


def test_the_latest_release_of_each_host_newest_first() -> None:
    found = fetch(Web(ANSWERS), projects=ALL)
    assert [(one["host"], one["version"]) for one in found] == [
        ("GitHub", "v2.3.1"),
        ("Codeberg", "v13.0.2"),
        ("Docker Hub", "18.1"),
        ("GitLab", "INKSCAPE_1_4"),
    ]
    assert found[0]["published"] == 1794996000
    assert [one["url"] for one in found] == [
        "https://github.com/a",
        "https://codeberg.org/f",
        "https://hub.docker.com/_/postgres",
        "https://gitlab.com/i",
    ]


def test_prereleases_count_where_they_are_wanted() -> None:
    found = fetch(Web(ANSWERS), projects=ALL[1:3], prereleases=True)
    assert {one["version"] for one in found} == {"v2.4.0-rc1", "18-bookworm"}


def test_each_host_gets_its_own_token_only() -> None:
    web = Web(ANSWERS)
    fetch(web, projects=ALL, github_token="gh", gitlab_token="gl", codeberg_token="cb")
    assert web.asked[GITHUB]["Authorization"] == "Bearer gh"
    assert web.asked[GITLAB]["PRIVATE-TOKEN"] == "gl"
    assert web.asked[CODEBERG]["Authorization"] == "token cb"
    assert set(web.asked[DOCKERHUB]) == {"Accept"}


def test_a_project_that_fails_says_why_and_the_others_are_shown() -> None:
    found = fetch(Web(ANSWERS), projects=[ALL[1], project("github", "nobody/nothing")])
    assert found[0]["version"] == "v2.3.1"
    assert found[1]["error"] == "api.github.com does not know this address (404)."
    assert found[1]["version"] is None


def test_it_fails_only_where_all_fail() -> None:
    with pytest.raises(FetchError, match="does not know"):
        fetch(Web({}), projects=ALL)
    with pytest.raises(FetchError, match="No project"):
        fetch(Web({}), projects=[])


def test_a_project_without_releases_says_so() -> None:
    with pytest.raises(FetchError, match=r"immich-app/immich has no release yet\."):
        fetch(Web({GITHUB: []}), projects=[ALL[1]])
