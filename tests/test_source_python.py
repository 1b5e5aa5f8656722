"""The python source: fetch.py of a folder, read again when it changes, its errors named by line."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from glance import sources
from glance.errors import FetchError
from glance.outbound import Outbound
from glance.sources import SourceIO, python
from tests.upstream import Upstream


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "my-widget"
    made.mkdir()
    return made


def fetch(
    outbound: Outbound,
    folder: Path | None,
    code: str | None = None,
    *,
    state: dict[str, Any] | None = None,
    secrets: tuple[str, ...] = (),
    **given: Any,
) -> Any:
    if folder is not None and code is not None:
        path = folder / "fetch.py"
        path.write_text(code, encoding="utf-8")
        stamp = time.time_ns() + hash(code) % 1000
        os.utime(path, ns=(stamp, stamp))
    deadline = time.monotonic() + 5
    client = outbound.client(deadline, secrets)
    kept = {} if state is None else state
    io = SourceIO(client, given, deadline, time.time, state=kept, folder=folder, secrets=secrets)
    return python.fetch({"kind": "python"}, io)


def refusal(outbound: Outbound, folder: Path | None, code: str | None = None, **options: Any) -> str:
    with pytest.raises(FetchError) as caught:
        fetch(outbound, folder, code, **options)
    return caught.value.sentence


def test_it_is_a_kind_that_only_folders_can_use() -> None:
    module = sources.kinds()["python"]
    assert (module.FETCHES, module.PICKABLE) == (True, False)


def test_the_function_gets_params_and_http(outbound: Outbound, folder: Path) -> None:
    code = """
def fetch(params, http):
    got = http.get(params["url"], headers={"X-Key": "k"}).json()
    http.post(params["url"], json={"a": 1})
    return {"value": got["value"] + 1, "pair": (1, 2)}
"""
    with Upstream() as up:
        up.json("/", {"value": 1})
        assert fetch(outbound, folder, code, url=up.url("/")) == {"value": 2, "pair": [1, 2]}
        assert [request.method for request in up.seen] == ["GET", "POST"]


def test_the_function_may_keep_a_state(outbound: Outbound, folder: Path) -> None:
    state: dict[str, Any] = {"runs": 1}
    code = "def fetch(params, http, state):\n    state['runs'] += 1\n    return state['runs']\n"
    assert fetch(outbound, folder, code, state=state) == 2
    assert state == {"runs": 2}


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(outbound: Outbound, folder: Path) -> None:
    counted = "calls = []\ndef fetch(params, http):\n    calls.append(1)\n    return len(calls)\n"
    assert [fetch(outbound, folder, counted), fetch(outbound, folder), fetch(outbound, folder)] == [1, 2, 3]
    assert fetch(outbound, folder, "def fetch(params, http):\n    return 'new'\n") == "new"
    assert not (folder / "__pycache__").exists()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def fetch(params, http):\n    return params['missing']\n", "fetch.py, line 2: KeyError: 'missing'."),
        ("def fetch(params, http):\n    return 1 +\n", "fetch.py, line 2: invalid syntax."),
        ("import nothing_like_this\n", "fetch.py, line 1: ModuleNotFoundError: No module named"),
        ("x = 1\n", "fetch.py has no function fetch(params, http)."),
        ("def fetch():\n    return 1\n", "fetch must take (params, http)"),
        ("def fetch(params, http):\n    return {1, 2}\n", "something that is not JSON"),
        ("def fetch(params, http):\n    return float('nan')\n", "something that is not JSON"),
        ("def fetch(params, http):\n    raise SystemError\n", "fetch.py, line 2: SystemError."),
    ],
)
def test_an_error_names_the_line(outbound: Outbound, folder: Path, code: str, words: str) -> None:
    assert words in refusal(outbound, folder, code)


def test_an_upstream_s_failure_keeps_its_own_sentence(outbound: Outbound, folder: Path) -> None:
    with Upstream() as up:
        code = "def fetch(params, http):\n    return http.get(params['url']).json()\n"
        assert (
            refusal(outbound, folder, code, url=up.url("/x")) == "127.0.0.1 has nothing at /x (404); check the address."
        )


def test_secrets_are_hidden_in_its_errors(outbound: Outbound, folder: Path) -> None:
    code = "def fetch(params, http):\n    raise ValueError('bad ' + params['token'])\n"
    sentence = refusal(outbound, folder, code, token="t0ken-value", secrets=("t0ken-value",))
    assert sentence == "fetch.py, line 2: ValueError: bad ••••••••."


@pytest.mark.parametrize("secret", ["two  spaces  inside", "-----BEGIN KEY-----\nLINEONEOFKEY1234\n-----END KEY-----"])
def test_secrets_are_looked_for_before_an_error_becomes_one_line(outbound: Outbound, folder: Path, secret: str) -> None:
    code = "def fetch(params, http):\n    raise ValueError('x' * 190 + params['token'])\n"
    sentence = refusal(outbound, folder, code, token=secret, secrets=(secret,))
    assert sentence == f"fetch.py, line 2: ValueError: {'x' * 190}••••••••."


def test_params_of_the_widget_cannot_be_changed_by_it(outbound: Outbound, folder: Path) -> None:
    given = {"a": 1}
    assert fetch(outbound, folder, "def fetch(params, http):\n    params['a'] = 2\n    return params\n", **given) == {
        "a": 2
    }
    assert given == {"a": 1}


def test_a_missing_file_or_folder_is_said(outbound: Outbound, folder: Path) -> None:
    assert refusal(outbound, folder) == "fetch.py is missing in the folder my-widget."
    assert "needs a folder" in refusal(outbound, None)


def test_its_time_limit_comes_from_the_manifest() -> None:
    assert (python.deadline_s({}), python.deadline_s({"timeout": 25}), python.deadline_s({"timeout": "x"})) == (
        10,
        25,
        10,
    )
