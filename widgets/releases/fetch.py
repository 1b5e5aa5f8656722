"""The latest release of each project, newest first.

Sources: docs.github.com/rest/releases, docs.gitlab.com/api/releases, codeberg.org/api/swagger (Forgejo), docs.docker.com/reference/api/hub.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from glance.errors import FetchError
from glance.moments import unix

AT_ONCE = 6
HOSTS = {"github": "GitHub", "gitlab": "GitLab", "codeberg": "Codeberg", "dockerhub": "Docker Hub"}
_VERSION = re.compile(r"v?\d+(\.\d+)*([-+][0-9A-Za-z.-]+)?")
_PLAIN_VERSION = re.compile(r"v?\d+(\.\d+)+")


def fetch(params: Mapping[str, Any], http: Any) -> dict[str, Any]:
    """`{releases: [{name, host, version, published, url, error}]}`; a project that fails says why, FetchError where all do."""
    projects = list(params.get("projects") or [])
    if not projects:
        raise FetchError("No project is set. Add at least one.")
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="releases") as pool:
        outcomes = list(pool.map(lambda project: _one(project, params, http), projects))
    errors = [outcome for outcome in outcomes if isinstance(outcome, FetchError)]
    if len(errors) == len(projects):
        raise errors[0]
    releases = [
        _failed(project, found) if isinstance(found, FetchError) else found
        for project, found in zip(projects, outcomes, strict=True)
    ]
    return {"releases": sorted(releases, key=lambda release: release["published"] or 0, reverse=True)}


def _one(project: Mapping[str, Any], params: Mapping[str, Any], http: Any) -> dict[str, Any] | FetchError:
    """The release of one project, or why there is none."""
    host = project.get("host") or "github"
    repository = str(project.get("repository") or "").strip("/ ")
    try:
        return {"name": repository, "host": HOSTS[host], "error": None, **READERS[host](repository, params, http)}
    except FetchError as error:
        return error


def _failed(project: Mapping[str, Any], error: FetchError) -> dict[str, Any]:
    host = HOSTS.get(str(project.get("host") or "github"), "")
    return {
        "name": project.get("repository"),
        "host": host,
        "version": None,
        "published": None,
        "url": None,
        "error": error.sentence,
    }


def _json(http: Any, url: str, token: Any = None, header: str = "Authorization", prefix: str = "Bearer ") -> Any:
    """An answer as JSON; a token goes into a header."""
    headers = {"Accept": "application/json"}
    if token:
        headers[header] = f"{prefix}{token}"
    return http.request("GET", url, headers=headers).json()


def _release(version: Any, published: Any, url: Any) -> dict[str, Any]:
    return {"version": str(version), "published": unix(published), "url": url}


def _first(found: Any, what: str, wanted: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
    """The first entry that is wanted; FetchError where there is none."""
    for entry in found if isinstance(found, list) else []:
        if isinstance(entry, Mapping) and wanted(entry):
            return entry
    raise FetchError(f"{what} has no release yet.")


def _github(repository: str, params: Mapping[str, Any], http: Any) -> dict[str, Any]:
    found = _json(
        http, f"https://api.github.com/repos/{quote(repository)}/releases?per_page=15", params.get("github_token")
    )
    release = _first(found, repository, lambda entry: not entry.get("draft") and _wanted(entry, params))
    return _release(release["tag_name"], release.get("published_at"), release.get("html_url"))


def _codeberg(repository: str, params: Mapping[str, Any], http: Any) -> dict[str, Any]:
    token = params.get("codeberg_token")
    found = _json(
        http,
        f"https://codeberg.org/api/v1/repos/{quote(repository)}/releases?limit=15&draft=false",
        token,
        prefix="token ",
    )
    release = _first(found, repository, lambda entry: _wanted(entry, params))
    return _release(release["tag_name"], release.get("published_at"), release.get("html_url"))


def _gitlab(repository: str, params: Mapping[str, Any], http: Any) -> dict[str, Any]:
    url = f"https://gitlab.com/api/v4/projects/{quote(repository, safe='')}/releases?per_page=5"
    found = _json(http, url, params.get("gitlab_token"), "PRIVATE-TOKEN", "")
    release = _first(found, repository, lambda entry: not entry.get("upcoming_release"))
    links = release.get("_links")
    return _release(
        release["tag_name"], release.get("released_at"), links.get("self") if isinstance(links, Mapping) else None
    )


def _dockerhub(repository: str, params: Mapping[str, Any], http: Any) -> dict[str, Any]:
    path = repository if "/" in repository else f"library/{repository}"
    answer = _json(
        http, f"https://hub.docker.com/v2/repositories/{quote(path)}/tags?page_size=50&ordering=last_updated"
    )
    found = answer.get("results") if isinstance(answer, Mapping) else None
    pattern = _VERSION if params.get("prereleases") else _PLAIN_VERSION
    tag = _first(found, repository, lambda entry: pattern.fullmatch(str(entry.get("name"))) is not None)
    page = (
        f"https://hub.docker.com/_/{quote(repository)}"
        if "/" not in repository
        else f"https://hub.docker.com/r/{quote(path)}"
    )
    return _release(tag["name"], tag.get("last_updated"), f"{page}/tags" if "/" in repository else page)


def _wanted(entry: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    return bool(params.get("prereleases")) or not entry.get("prerelease")


READERS: dict[str, Callable[[str, Mapping[str, Any], Any], dict[str, Any]]] = {
    "github": _github,
    "gitlab": _gitlab,
    "codeberg": _codeberg,
    "dockerhub": _dockerhub,
}
