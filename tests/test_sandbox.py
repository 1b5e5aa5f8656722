"""What code can do in the sandbox, how it is stopped, and what becomes of a pipe that is misused."""

from __future__ import annotations

import hmac
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from glance.sandbox import conversation, frames, host, inside
from glance.sandbox.host import CodeFailure, Sandbox
from glance.sandbox.machine import Unsupported
from tests.sandbox_parts import NATIVE, Host, children, ended, run
from tests.waiting import PATIENCE_S, at_most, until


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One that leaves code all the time it needs, also on a slow machine."""
    made = Sandbox(wall_s=PATIENCE_S)
    yield made
    made.close()


@pytest.fixture(scope="module")
def hasty() -> Iterator[Sandbox]:
    """One that ends code early, for code that has to be ended."""
    made = Sandbox(wall_s=0.3)
    run(made, "return 1")
    yield made
    made.close()


# What code gets and gives


def test_the_text_can_be_the_body_of_a_function(sandbox: Sandbox) -> None:
    assert run(sandbox, "x = params['n'] + 1\nreturn {'x': x}", {"n": 1}).data == {"x": 2}


def test_a_function_run_gets_what_it_names(sandbox: Sandbox) -> None:
    assert run(sandbox, "def run(params):\n    return params", {"n": 1}).data == {"n": 1}
    assert run(sandbox, "def run():\n    return []").data == []
    assert run(sandbox, "def run(log, params, fetch, get_credential):\n    log('x')\n    return 1").log == ["x"]
    assert run(sandbox, "def run(*, params):\n    return params['n']", {"n": 3}).data == 3


def test_functions_classes_and_closures_of_a_body_see_each_other(sandbox: Sandbox) -> None:
    code = "class A:\n    n = 2\ndef f(x):\n    return x * A.n if x > 1 else f(2)\nreturn [f(x) for x in (0, 3)]"
    assert run(sandbox, code).data == [4, 6]


def test_a_future_import_may_stand_above_a_body(sandbox: Sandbox) -> None:
    assert run(sandbox, "from __future__ import annotations\nx: Anything = 1\nreturn x").data == 1


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "ä\u2028", [], {}, {"a": [None, {"b": "c"}]}, 10**300])
def test_any_json_is_an_answer(sandbox: Sandbox, value: object) -> None:
    assert run(sandbox, "return params['value']", {"value": value}).data == value


@pytest.mark.parametrize("module", inside.MODULES)
def test_every_module_of_the_list_can_be_imported(sandbox: Sandbox, module: str) -> None:
    assert run(sandbox, f"import {module}\nreturn 1").data == 1


def test_modules_do_their_work_without_opening_anything(sandbox: Sandbox) -> None:
    code = """
import base64, csv, datetime, decimal, hashlib, hmac, html, io, random, re, statistics, time, urllib.parse, uuid, zlib
import xml.etree.ElementTree as tree
return [
    datetime.datetime.strptime("2026-11-20", "%Y-%m-%d").date().isoformat(),
    datetime.datetime.fromtimestamp(0, datetime.UTC).strftime("%A %B"),
    hashlib.sha256(b"x").hexdigest()[:8], hmac.new(b"k", b"m", "sha256").hexdigest()[:8],
    statistics.median([3, 1, 2]), str(decimal.Decimal("0.1") + decimal.Decimal("0.2")),
    list(csv.reader(io.StringIO("a;b"), delimiter=";")), tree.fromstring("<a b='c'/>").attrib,
    urllib.parse.urlencode({"q": "ä b"}), html.unescape("&auml;"), re.sub("[aeiou]", "", "widget"),
    zlib.decompress(zlib.compress(b"x" * 99)).decode()[:3], b"\\xe4".decode("latin-1"), "ä".encode("cp1252").hex(),
    len(str(uuid.uuid4())), 0 <= random.random() < 1, time.time() > 1e9, base64.b64encode(b"ab").decode(),
]
"""
    digest = hmac.new(b"k", b"m", "sha256").hexdigest()[:8]
    assert run(sandbox, code).data == [
        "2026-11-20", "Thursday January", "2d711642", digest, 2, "0.3", [["a", "b"]], {"b": "c"}, "q=%C3%A4+b", "ä", "wdgt",
        "xxx", "ä", "e4", 36, True, True, "YWI=",
    ]  # fmt: skip


def test_two_runs_share_no_memory_and_no_chance(sandbox: Sandbox) -> None:
    assert run(sandbox, "import json\njson.left = 1\nimport random\nreturn random.random()").data != (
        run(sandbox, "import random\nreturn random.random()").data
    )
    assert run(sandbox, "import json\nreturn hasattr(json, 'left')").data is False


def test_a_module_that_is_not_there_is_named_with_those_that_are(sandbox: Sandbox) -> None:
    fault = run(sandbox, "\nimport requests\nreturn 1").fault
    assert fault is not None
    assert fault.line == 2
    assert fault.text.startswith("requests is not available to widget code; there are base64, binascii,")


def test_log_and_print_are_kept_in_order(sandbox: Sandbox) -> None:
    outcome = run(sandbox, "log('a', {'b': 1})\nprint('c', 2)\nprint('d', end='')\nreturn 1")
    assert outcome.log == ["a {'b': 1}", "c 2", "d"]


def test_a_log_is_bounded(sandbox: Sandbox) -> None:
    outcome = run(sandbox, "for n in range(100_000): log(n)\nreturn 1")
    assert len(outcome.log) == inside.LOG_LINES
    assert outcome.log[-1] == "(further lines are left out)"
    outcome = run(sandbox, "log('x' * 10_000_000)\nfor n in range(99): print('y' * 1990)\nreturn 1")
    assert sum(map(len, outcome.log)) < 40_000
    assert outcome.data == 1


def test_fetch_gives_an_answer_of_the_host(sandbox: Sandbox) -> None:
    played = Host()
    code = (
        "a = fetch('http://x.example/a', method='POST', headers={'A': 'b'}, json=[1], query={'q': 1}, timeout=2)\n"
        "return [a.status, a.status_code, a.ok, a.url, a.headers, a.text, a.json(), a.raise_for_status()]"
    )
    data = run(sandbox, code, host=played).data
    assert data == [200, 200, True, "http://x.example/a", {"content-type": "text/plain"}, '{"n": 7}', {"n": 7}, None]
    wish = played.wishes[0]
    assert 0 < wish.pop("left_s") <= PATIENCE_S
    assert wish == {
        "say": "fetch", "url": "http://x.example/a", "method": "POST", "headers": {"A": "b"}, "json": [1],
        "query": {"q": 1}, "timeout": 2, "binary": False,
    }  # fmt: skip


def test_a_refused_request_raises_in_the_code_which_may_go_on(sandbox: Sandbox) -> None:
    code = "try:\n    fetch('http://refused.example')\nexcept FetchError as error:\n    return str(error)"
    assert run(sandbox, code).data == "refused.example is not allowed."
    outcome = run(sandbox, "x = 1\nfetch('http://refused.example')\nreturn 1")
    assert outcome.fault is not None
    assert (outcome.fault.kind, outcome.fault.line) == ("fetch", 2)
    assert outcome.fetch_error is not None
    assert outcome.fetch_error.kind == "blocked"


def test_an_answer_that_is_not_json_says_what_came(sandbox: Sandbox) -> None:
    played = Host()
    played.text = "<html> Sign in"
    fault = run(sandbox, "return fetch('http://x').json()", host=played).fault
    assert fault is not None
    assert fault.text == "The answer (status 200) is not JSON; it begins with “<html> Sign in”."


def test_requests_of_a_run_are_counted(sandbox: Sandbox) -> None:
    played = Host()
    fault = run(sandbox, "while True: fetch('http://x')\nreturn 1", host=played).fault
    assert len(played.wishes) == conversation.MAX_FETCHES
    assert fault is not None
    assert fault.text == "Code may send 20 requests in a run."


def test_a_credential_is_asked_of_the_host(sandbox: Sandbox) -> None:
    played = Host()
    assert run(sandbox, "return get_credential('nas')", host=played).data == "mark-of-nas"
    assert played.names == ["nas"]
    fault = run(sandbox, "return get_credential('missing')").fault
    assert fault is not None
    assert fault.text == "There is no credential “missing”."


@pytest.mark.parametrize("wish", ["object()", "{1, 2}", "float('nan')", "b'x'"])
def test_a_request_that_is_not_json_is_refused_in_the_code(sandbox: Sandbox, wish: str) -> None:
    played = Host()
    fault = run(sandbox, f"return fetch('http://x', json={wish}).text", host=played).fault
    assert fault is not None
    assert fault.text.startswith("What was given to fetch is not JSON")
    assert played.wishes == []


def test_a_request_of_ten_megabytes_is_refused_in_the_code(sandbox: Sandbox) -> None:
    fault = run(sandbox, "return fetch('http://x', body='x' * 10_000_000).text").fault
    assert fault is not None
    assert fault.text == "The request is larger than 1 MB."


# Faults


@pytest.mark.parametrize(
    ("code", "line", "text"),
    [
        ("x = (\n", 1, "'(' was never closed"),
        ("a = 1\nb = = 2\nreturn a", 2, "invalid syntax"),
        ("if True:\nreturn 1", 2, "expected an indented block after 'if' statement on line 1"),
        ("return 1\n\n\n  x = 1", 4, "unexpected indent"),
        ("x = 'ä\n'", 1, "unterminated string literal (detected at line 1)"),
        ("return '\0'", None, "source code string cannot contain null bytes"),
        ("-" * 20_000 + "1", None, "it is nested too deeply"),
        ("return " + "not " * 5000 + "1", None, "it is nested too deeply"),
        ("break", 1, "'break' outside loop"),
        ("return 1\nawait x", 2, "'await' outside async function"),
    ],
)
def test_a_syntax_error_has_its_line(sandbox: Sandbox, code: str, line: int | None, text: str) -> None:
    fault = run(sandbox, code).fault
    assert fault is not None
    assert (fault.kind, fault.line, fault.text) == ("syntax", line, text)


def test_code_learns_nothing_of_how_it_was_started(sandbox: Sandbox) -> None:
    assert run(sandbox, "import json\nreturn json.codecs.sys.argv").data == [""]


def test_keys_become_text(sandbox: Sandbox) -> None:
    assert run(sandbox, "return {1: 2, True: 3, None: 4}").data == {"1": 3, "null": 4}


def test_code_can_be_checked_without_running_it(sandbox: Sandbox) -> None:
    played = Host()
    outcome = sandbox.run("log('x')\nfetch('http://x')\nreturn 1/0", {}, played, only_check=True)
    assert (outcome.fault, outcome.log, played.wishes) == (None, [], [])
    fault = sandbox.run("x = (", {}, played, only_check=True).fault
    assert fault is not None
    assert fault.line == 1


def test_an_exception_has_its_line_and_the_lines_on_the_way(sandbox: Sandbox) -> None:
    fault = run(sandbox, "def f(x):\n    return 1 / x\n\nlog('before')\nreturn f(0)").fault
    assert fault is not None
    assert (fault.type, fault.text, fault.line, fault.trace) == ("ZeroDivisionError", "division by zero", 2, (5, 2))


@pytest.mark.parametrize(
    ("code", "kind", "name"),
    [
        ("import sys\nsys.exit(0)\nreturn 1", "raised", "SystemExit"),
        ("raise KeyboardInterrupt\nreturn 1", "raised", "KeyboardInterrupt"),
        ("raise GeneratorExit('x')\nreturn 1", "raised", "GeneratorExit"),
        ("def f(): return f()\nreturn f()", "raised", "RecursionError"),
        ("x = []\nwhile True: x.append('y' * 1_000_000)\nreturn 1", "memory", "MemoryError"),
        ("return bytearray(10 ** 12)", "memory", "MemoryError"),
        ("class E(BaseException):\n    def __str__(self): raise E\nraise E\nreturn 1", "raised", "E"),
        ("def run(params, other): return 1", "raised", "TypeError"),
        ("run = 1", "answer", None),
        ("async def run(): return 1", "answer", None),
        ("x = 1", "answer", None),
        ("", "answer", None),
        ("def run():\n    return {1, 2}", "answer", None),
        ("return float('nan')", "answer", None),
        ("return [float('inf')]", "answer", None),
        ("a = []\na.append(a)\nreturn a", "answer", None),
        ("a = {}\na['a'] = a\nreturn a", "answer", None),
        ("a = []\nfor _ in range(100_000): a = [a]\nreturn a", "answer", None),
        ("return {(1, 2): 3}", "answer", None),
        ("return b'x'", "answer", None),
        ("return object()", "answer", None),
        ("return 'x' * 2_000_000", "answer", None),
        ("return 'x' * 100_000_000", "answer", None),
        ("return list(range(1_000_000))", "answer", None),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_a_fault_with_a_text(sandbox: Sandbox, code: str, kind: str, name: str | None) -> None:
    fault = run(sandbox, code).fault
    assert fault is not None
    assert (fault.kind, fault.type) == (kind, name)
    assert len(fault.text) < 2100
    assert run(sandbox, "return 'alive'").data == "alive"


# Stopping


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import time\ntime.sleep(100)",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
        "return 10 ** 10 ** 8",
        "sum(range(10 ** 12))",
        "import itertools\nlist(zip(*[itertools.repeat(0)] * 2, strict=False)) if False else all(itertools.repeat(1))",
        "def run():\n    while True: log('x')",
        "def run():\n    try:\n        while True: pass\n    finally:\n        while True: pass",
        NATIVE + "os.read(0, 1)",
        NATIVE + "os.write(1, b'\\0')\nos.read(0, 1)",
        NATIVE + "os.write(1, b'\\0\\0\\1\\0{')\nos.read(0, 1)",
    ],
)
def test_code_that_does_not_end_is_ended(hasty: Sandbox, code: str) -> None:
    began = time.monotonic()
    assert ended(hasty, code) == "The code ran longer than 0.3 s and was stopped."
    assert time.monotonic() - began < at_most(10)
    assert until(lambda: children(hasty.pid) == [])


def test_the_log_of_code_that_was_ended_is_kept(hasty: Sandbox) -> None:
    with pytest.raises(CodeFailure) as caught:
        run(hasty, "log('as far as here')\nwhile True: pass")
    assert caught.value.outcome.log == ["as far as here"]
    assert caught.value.kind == "timeout"


def test_a_flood_of_requests_that_are_never_read_ends_too(hasty: Sandbox) -> None:
    """The host's answers fill the pipe, because the code does not read them."""
    played = Host()
    played.text = "x" * 1_000_000
    wish = {"say": "fetch", "url": "http://x", "method": "GET", "binary": False}
    code = f"{NATIVE}while True: say({wish})"
    assert "was stopped" in ended(hasty, code, host=played)
    assert len(played.wishes) <= conversation.MAX_FETCHES


def test_code_that_waited_for_others_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "SIDE_BY_SIDE", 1)
    narrow = Sandbox(wall_s=PATIENCE_S)
    try:
        run(narrow, "return 1")
        narrow._slots.acquire()
        threading.Timer(0.3, narrow._slots.release).start()
        with pytest.raises(CodeFailure) as caught:
            narrow.run("while True: pass", {}, Host(), limit_s=2.0)
        assert caught.value.kind == "timeout"
        assert "for other widget code, did not end in the " in caught.value.sentence
    finally:
        narrow.close()


def test_code_that_waited_for_nobody_is_not_told_that_it_did() -> None:
    alone = Sandbox(wall_s=PATIENCE_S)
    try:
        with pytest.raises(CodeFailure) as caught:
            alone.run("while True: pass", {}, Host(), limit_s=1.5)
        assert caught.value.kind == "timeout"
        assert caught.value.sentence.startswith("The code did not end in the ")
        assert "other widget code" not in caught.value.sentence
    finally:
        alone.close()


def test_several_run_at_once_and_no_more_than_there_are_places() -> None:
    small = Sandbox(wall_s=1.0)
    try:
        run(small, "return 1")
        sentences: list[str] = []
        threads = [
            threading.Thread(target=lambda: sentences.append(ended(small, "while True: pass")))
            for _ in range(2 * host.SIDE_BY_SIDE)
        ]
        for thread in threads:
            thread.start()
        until(lambda: len(children(small.pid)) == host.SIDE_BY_SIDE)
        for thread in threads:
            thread.join(2 * PATIENCE_S)
        assert len(sentences) == len(threads)
        assert all("ran longer" in one or "ther widget code" in one for one in sentences)
        assert run(small, "return 2").data == 2
    finally:
        small.close()


def test_a_zygote_that_was_killed_is_replaced() -> None:
    small = Sandbox()
    try:
        run(small, "return 1")
        first = small.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert run(small, "return 2").data == 2
        assert small.pid != first
    finally:
        small.close()


def test_nothing_is_left_when_the_sandbox_closes_in_the_middle_of_a_run() -> None:
    small = Sandbox(wall_s=60.0)
    run(small, "return 1")
    zygote = small.pid
    sentences: list[str] = []
    thread = threading.Thread(target=lambda: sentences.append(ended(small, "while True: pass")))
    thread.start()
    child = until(lambda: children(zygote))[0]
    small.close()
    thread.join(PATIENCE_S)
    # the second where the run had only just begun
    assert any(words in sentences[0] for words in ("ended without an answer", "Glance ended meanwhile"))
    until(lambda: not os.path.exists(f"/proc/{child}"))
    assert not os.path.exists(f"/proc/{zygote}")
    with pytest.raises(CodeFailure, match="Glance is stopping"):
        run(small, "return 1")
    small.close()


def test_nothing_is_left_when_glance_is_killed_in_the_middle_of_a_run() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from glance.sandbox.host import Sandbox\n"
        "from glance.sandbox.selftest import NoCalls\n"
        "box = Sandbox(); box.run('return 1', {}, NoCalls()); print(box.pid, flush=True)\n"
        "box.run('while True: pass', {}, NoCalls())\n"
    )
    root = str(Path(inside.__file__).parents[2])
    with subprocess.Popen([sys.executable, "-c", program, root], stdout=subprocess.PIPE) as glance:
        assert glance.stdout is not None
        zygote = int(glance.stdout.readline())
        child = until(lambda: children(zygote))[0]
        glance.kill()
    until(lambda: not os.path.exists(f"/proc/{zygote}/exe") and not os.path.exists(f"/proc/{child}/exe"))


def test_there_is_no_process_before_the_first_run() -> None:
    small = Sandbox()
    assert small.pid is None
    assert small.layers == ()
    run(small, "return 1")
    assert small.layers[0] == "seccomp"
    small.stop()
    assert small.pid is None
    assert run(small, "return 1").data == 1
    small.close()


def test_it_says_so_where_the_zygote_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_COMMAND", "raise SystemExit(1)")
    small = Sandbox()
    with pytest.raises(Unsupported, match="does not start"):
        run(small, "return 1")
    assert small.pid is None


def test_nothing_runs_where_a_layer_cannot_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = host._COMMAND.replace(
        "main(int", "from glance.sandbox import rules; rules.packed = lambda steps: b'\\xff' * 800; main(int"
    )
    monkeypatch.setattr(host, "_COMMAND", broken)
    small = Sandbox()
    try:
        sentence = ended(small, "return 'ran'")
        assert sentence == (
            "The code was not run: its process could not be locked. The kernel refuses seccomp (Invalid argument)."
        )
    finally:
        small.close()


def test_what_a_process_said_before_it_went_is_heard() -> None:
    """It may be gone before it could be given its task."""
    reading, writing = os.pipe()
    task_reading, task_writing = os.pipe()
    frames.send(writing, {"say": "unlocked", "text": "The kernel refuses."})
    os.close(writing)
    os.close(task_reading)
    pipes = conversation.Pipes(reading, task_writing)
    pipes.deadline = time.monotonic() + 5
    with pytest.raises(conversation.Unlocked, match=r"The kernel refuses\."):
        conversation.Conversation(pipes, Host()).hold({})
    with pytest.raises(conversation.Ended):
        conversation.Conversation(pipes, Host()).hold({})
    os.close(reading)
    os.close(task_writing)


def test_nothing_runs_where_the_filter_lets_through_what_it_must_not(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_all = "b'\\x06\\0\\0\\0\\0\\0\\xff\\x7f'"
    broken = host._COMMAND.replace(
        "main(int", f"from glance.sandbox import rules; rules.packed = lambda steps: {allow_all}; main(int"
    )
    monkeypatch.setattr(host, "_COMMAND", broken)
    small = Sandbox(with_landlock=False)
    try:
        assert "does not work" in ended(small, "return 'ran'")
    finally:
        small.close()


# Forged messages

DONE = '{"say": "done", "data": 1}'


@pytest.mark.parametrize(
    "forged",
    [
        "os.write(1, b'\\xff\\xff\\xff\\xff')\nos.read(0, 1)",
        "os.write(1, b'\\0\\x1f\\xff\\xff' + b'x' * 100)\nos.read(0, 1)",
        "say(b'')",
        "say(b'{')",
        "say(b'[]')",
        "say(b'null')",
        "say(b'\\xff\\xfe')",
        "say(b'{\"say\": \"done\", \"data\": NaN}')",
        "say(b'{\"say\": \"done\", \"data\": Infinity}')",
        "say(b'{\"say\": \"done\", \"data\": 1e999}')",
        "say(b'{\"say\": \"done\", \"data\": ' + b'9' * 5000 + b'}')",
        "say(b'{\"say\": \"done\", \"data\": ' + b'[' * 100 + b']' * 100 + b'}')",
        "say(b'{\"say\": \"done\", \"data\": ' + b'[' * 400_000 + b']' * 400_000 + b'}')",
        "say(b'{\"say\": \"done\", \"data\": ' + b'{\"a\":' * 100 + b'1' + b'}' * 100 + b'}')",
        "say({'say': 'exec', 'code': '1'})",
        "say({'say': ['done'], 'data': 1})",
        "say({'say': None})",
        "say({'data': 1})",
        "say({'say': 'done'})",
        "say({'say': 'done', 'data': 1, 'log': []})",
        "say({'say': 'log', 'text': 1})",
        "say({'say': 'log', 'text': None})",
        "say({'say': 'credential', 'name': ['a']})",
        "say({'say': 'credential', 'name': {}})",
        "say({'say': 'fetch', 'url': 'http://x'})",
        "say({'say': 'fetch', 'url': 1, 'method': 'GET', 'binary': False})",
        "say({'say': 'fetch', 'url': 'http://x', 'method': 'GET', 'binary': 1})",
        "say({'say': 'fetch', 'url': 'http://x', 'method': 'GET', 'binary': False, 'timeout': True})",
        "say({'say': 'fetch', 'url': 'http://x', 'method': 'GET', 'binary': False, 'timeout': 'x'})",
        "say({'say': 'fetch', 'url': 'http://x', 'method': 'GET', 'binary': False, 'headers': [1]})",
        "say({'say': 'fetch', 'url': 'http://x', 'method': 'GET', 'binary': False, 'tls': {'verify': False}})",
        "say({'say': 'fetch', 'url': 'http://x', 'method': 'GET', 'binary': False, 'follow_redirects': True})",
        "say({'say': 'failed', 'kind': 'made up', 'type': None, 'text': 'x', 'line': 1, 'trace': []})",
        "say({'say': 'failed', 'kind': 'raised', 'type': None, 'text': 'x', 'line': True, 'trace': []})",
        "say({'say': 'failed', 'kind': 'raised', 'type': None, 'text': 'x', 'line': 1, 'trace': ['x']})",
        "say({'say': 'failed', 'kind': 'raised', 'type': None, 'text': 'x', 'line': 1, 'trace': [1] * 50})",
        "say({'say': 'failed', 'kind': 'raised', 'type': None, 'text': 'x', 'line': -1, 'trace': []})",
        "say({'say': 'failed', 'kind': 'raised', 'type': None, 'text': 'x', 'line': 10 ** 20, 'trace': []})",
        "for n in range(1000): say({'say': 'log', 'text': 'x'})",
        "for n in range(100): say({'say': 'log', 'text': 'x' * 100_000})",
    ],
)  # fmt: skip
def test_a_forged_message_ends_the_run(sandbox: Sandbox, forged: str) -> None:
    played = Host()
    code = f"{NATIVE}{forged}\nsay(b'{DONE}')\nos.read(0, 1)"
    assert ended(sandbox, code, host=played) == "The code was stopped: it broke the rules of its pipe to Glance."
    assert played.wishes == []
    assert played.names == []


def test_chance_never_makes_a_message_that_does_harm() -> None:
    """Messages of random parts: each is understood or refused, and none is answered with anything but those two."""
    chance = random.Random(4711)
    parts: list[Callable[[], object]] = [
        lambda: None, lambda: True, lambda: chance.randint(-9, 9), lambda: 1.5, lambda: "x" * chance.randint(0, 9), list,
        lambda: {"a": 1}, lambda: "http://x", lambda: "GET", lambda: [1, "a"],
    ]  # fmt: skip
    words = [
        "say",
        "text",
        "name",
        "url",
        "method",
        "binary",
        "data",
        "kind",
        "type",
        "line",
        "trace",
        "json",
        "x",
        "auth",
    ]
    says = ["log", "credential", "fetch", "done", "failed", "unlocked", "exec", "", None, 1]
    refused = understood = 0
    for _ in range(3000):
        message = {chance.choice(words): chance.choice(parts)() for _ in range(chance.randint(0, 5))}
        message["say"] = chance.choice(says)
        played = Host()
        reading, writing = os.pipe()
        back_reading, back_writing = os.pipe()
        frames.send(writing, message)
        os.close(writing)
        pipes = conversation.Pipes(reading, back_writing)
        pipes.deadline = time.monotonic() + 5
        try:
            conversation.Conversation(pipes, played).hold({})
            understood += 1
        except conversation.Ended:
            understood += 1
        except (frames.Forged, conversation.Unlocked):
            refused += 1
            assert played.wishes == []
        finally:
            for fd in (reading, back_reading, back_writing):
                os.close(fd)
    assert refused > 2000
    assert understood > 0


def test_a_message_that_claims_it_was_never_locked_gets_nothing(sandbox: Sandbox) -> None:
    sentence = ended(sandbox, NATIVE + "say({'say': 'unlocked', 'text': 'x' * 9000})")
    assert sentence.startswith("The code was not run")
    assert len(sentence) < 300


def test_what_comes_after_the_answer_is_not_read(sandbox: Sandbox) -> None:
    played = Host()
    code = NATIVE + f"say(b'{DONE}')\nsay({{'say': 'credential', 'name': 'nas'}})\nwhile True: pass"
    assert run(sandbox, code, host=played).data == 1
    assert played.names == []
    assert until(lambda: children(sandbox.pid) == [])


@pytest.mark.parametrize("code", ["data = 1\nfor _ in range(62):\n    data = [data]\nreturn data", "return 10 ** 399"])
def test_an_answer_at_the_limit_is_taken(sandbox: Sandbox, code: str) -> None:
    assert run(sandbox, code).fault is None


@pytest.mark.parametrize("code", ["data = 1\nfor _ in range(63):\n    data = [data]\nreturn data", "return 10 ** 400"])
def test_an_answer_beyond_what_can_be_read_tells_its_author_why(sandbox: Sandbox, code: str) -> None:
    fault = run(sandbox, code).fault
    assert fault is not None
    assert fault.kind == "answer"
    assert "62 levels" in fault.text
    assert "400 digits" in fault.text


@pytest.mark.parametrize(
    "wish", ['{"say": "credential", "name": "x"}', '{"say": "fetch", "url": "x", "method": "GET", "binary": false}']
)
def test_asking_without_end_ends_the_run(sandbox: Sandbox, wish: str) -> None:
    """Beyond its limits code gets refusals, but not for the whole time that it has."""
    code = f"{NATIVE}for _ in range(10_000):\n    say({wish!r}.encode())\n    hear()\nreturn 1"
    assert "broke the rules" in ended(sandbox, code)


def test_half_characters_and_long_texts_of_forged_messages_are_tamed(sandbox: Sandbox) -> None:
    outcome = run(sandbox, NATIVE + 'say(b\'{"say": "done", "data": {"\\\\ud800": ["\\\\uDFFF"]}}\')')
    assert outcome.data == {"?": ["?"]}
    forged = {"say": "failed", "kind": "raised", "type": "x" * 9000, "text": "y" * 9000, "line": 10**6, "trace": []}
    fault = run(sandbox, f"{NATIVE}say({forged})").fault
    assert fault is not None
    assert (len(str(fault.type)), len(fault.text)) == (100, inside.TEXT_LIMIT)


def test_replacing_the_code_around_it_changes_nothing_for_the_host(sandbox: Sandbox) -> None:
    code = (
        "import sys\ni = sys.modules['glance.sandbox.inside']\ni.LOG_LINES = i.LOG_CHARS = 10 ** 9\n"
        "i._encoded = lambda message: b'\\0\\0\\0\\1x'\nreturn 1"
    )
    assert "broke the rules" in ended(sandbox, code)
    assert inside.LOG_LINES == 200


# Frames


def test_a_frame_says_its_length_first() -> None:
    assert frames.encode({"a": "ä"}) == b'\0\0\0\x0a{"a":"\xc3\xa4"}'


def test_frames_travel_over_a_pipe_in_pieces() -> None:
    reading, writing = os.pipe()
    message = {"text": "x" * 300_000, "n": [1, 2.5, None]}
    thread = threading.Thread(target=frames.send, args=(writing, message))
    thread.start()
    assert frames.receive(reading, 1_000_000) == message
    thread.join()
    os.close(writing)
    with pytest.raises(EOFError):
        frames.receive(reading, 10)
    os.close(reading)


def test_a_frame_beyond_the_limit_is_not_read() -> None:
    reading, writing = os.pipe()
    frames.send(writing, {"a": "b" * 100})
    with pytest.raises(frames.Forged, match="too long"):
        frames.receive(reading, 50)
    os.close(reading)
    os.close(writing)


def test_depth_is_counted_not_recursed() -> None:
    deep: object = 1
    for _ in range(frames.MAX_DEPTH - 2):
        deep = [deep]
    assert frames.decode(json.dumps({"a": deep}).encode()) == {"a": deep}
    with pytest.raises(frames.Forged):
        frames.decode(json.dumps({"a": [[deep]]}).encode())
