"""Every operation of openapi.json with bodies, parameters and heads that schemathesis makes up: no failure, no answer that is not told."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from glance.web.api.openapi import describe
from tests.api_site import TOKEN, Site

CONFORM = [status_code_conformance, content_type_conformance, response_schema_conformance]
KNOWN = {"slug": "home", "device_id": "greenhouse", "sensor": "t", "name": "known"}
PHASES = (Phase.explicit, Phase.generate)
FEW = settings(
    max_examples=14,
    derandomize=True,
    database=None,
    deadline=None,
    phases=PHASES,
    suppress_health_check=list(HealthCheck),
)
FEWER = settings(FEW, max_examples=4)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("fuzzed")) as made:
        yield made


@pytest.fixture(scope="module")
def described(site: Site) -> Any:
    return schemathesis.openapi.from_wsgi("/api/openapi.json", site.app, headers={"Authorization": f"Bearer {TOKEN}"})


OPERATIONS = [
    (method, path) for path, methods in describe()["paths"].items() for method in methods if path != "/api/docs"
]


@pytest.fixture(params=OPERATIONS, ids=" ".join)
def cases(request: pytest.FixtureRequest, described: Any) -> Any:
    """What schemathesis makes up for one operation."""
    method, path = request.param
    return described[path][method].as_strategy()


@pytest.fixture
def things(site: Site) -> dict[str, str]:
    """What the operations can be about; made again where one before deleted it. By the name of the path's part."""
    site.post("/api/dashboards", {"title": "Home", "slug": "home"})
    site.post("/api/readings", {"device_id": "greenhouse", "sensor_type": "t", "value": 1})
    site.post("/api/credentials", {"name": "known", "value": "x", "hosts": ["127.0.0.1"]})
    inputs = [{"name": "a", "device": "greenhouse", "sensor": "t"}]
    site.post("/api/derived", {"title": "Home", "slug": "home", "expression": "a", "inputs": inputs})
    manifest = {"name": "Home", "slug": "home", "source": {"kind": "push"}, "template": "<p>{{ data }}</p>"}
    site.post("/api/custom-widgets", manifest)
    token = site.post("/api/tokens", {"name": "x", "scopes": ["read"]}).json["id"]
    return {**KNOWN, "widget_id": site.widget("pushed", dashboard="home"), "token_id": token}


def test_the_owner_gets_only_answers_that_are_told(cases: Any, things: dict[str, str]) -> None:
    @FEW
    @given(case=cases)
    def ask(case: Case) -> None:
        _about(case, things)
        answer = case.call(headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code < 500 or answer.status_code in (502, 504), (case.as_curl_command(), answer.text)
        case.validate_response(answer, checks=CONFORM)

    ask()


def test_without_a_token_nothing_is_told(cases: Any, things: dict[str, str]) -> None:
    @FEWER
    @given(case=cases)
    def ask(case: Case) -> None:
        _about(case, things)
        answer = case.call()
        if case.path in ("/healthz", "/readyz", "/metrics"):
            # What is no API sends a browser to the login.
            assert answer.status_code in (200, 303, 503)
        else:
            assert answer.status_code in (401, 403), case.as_curl_command()
            assert set(json.loads(answer.content)) == {"type", "title", "status", "detail"}

    ask()


def _about(case: Case, things: Mapping[str, str]) -> None:
    """Let most cases ask for things that are there."""
    made = dict(case.path_parameters or {})
    for name, value in made.items():
        if name in things and not (isinstance(value, str) and set(value) & set(string.ascii_uppercase)):
            made[name] = things[name]
    case.path_parameters = made
