"""Value templates of Home Assistant that need the sandbox: real ones, hostile ones, and what they may use up."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from glance.bounded import budget
from glance.ingest import Delivery
from glance.mqtt.decode import Decoder, sandbox, template_times
from glance.mqtt.decode.body import read
from glance.mqtt.decode.sandbox import Program, Purse, Purses, Refused, purses
from glance.mqtt.decode.templates import Missing, compiled, text_of
from tests.decode_corpus import say
from tests.page_site import Site

TABLE = Path(__file__).parent / "data" / "mqtt" / "templates.jsonl"
ROWS = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(autouse=True)
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with all the processor time that templates may save up."""
    monkeypatch.setattr(sandbox, "_purses", purses())


def given(payload: str) -> tuple[str, Any]:
    """(`value`, `value_json`) of a payload."""
    body = read(payload.encode())
    if body.form != "json":
        try:
            return payload, float(payload) if "." in payload else int(payload)
        except ValueError:
            return payload, payload
    return payload, body.value


def test_the_table_holds_many_templates_of_many_projects() -> None:
    assert len({row["template"] for row in ROWS}) >= 150
    assert len({row["from"] for row in ROWS}) >= 60


# Jinja reads '\\d' of a regular expression with a warning that nobody sees outside of tests.
@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
@pytest.mark.parametrize("row", ROWS, ids=[f"{row['from']}-{place}" for place, row in enumerate(ROWS)])
def test_a_template_of_a_real_project_gives_what_home_assistant_would(row: dict[str, Any]) -> None:
    template = compiled.__wrapped__(row["template"])
    try:
        found = template.render(*given(row["payload"])) if template.understood else None
    except (Missing, ValueError):
        found = None
    assert (None if found is None or found == "" else text_of(found)) == row["expect"], template.why


def program(source: str, shared: Purses | None = None) -> Program:
    found = sandbox.compiled(source, shared or purses())
    assert isinstance(found, Program), found
    return found


LONG = "a" * 60_000
DATA = {
    "list": list(range(8000)),
    "rows": [{"a": n % 7, "b": n} for n in range(2000)],
    "text": "a" * 60,
    "deep": {"er": 1},
}
TWICE = "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}"
HOSTILE = {
    "a loop in a loop in a loop": "{% for i in range(1000) %}{% for j in range(1000) %}{% for k in range(1000) %}x{% endfor %}{% endfor %}{% endfor %}",
    "a loop without end": "{% for i in range(10**9) %}x{% endfor %}",
    "a loop over loops of the message": "{% for a in value_json.list %}{% for b in value_json.list %}{{ b }}{% endfor %}{% endfor %}",
    "a loop that calls itself": "{% for x in value_json.list recursive %}{{ loop(value_json.list) }}{% endfor %}",
    "a macro that calls itself": "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "a macro that branches": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(90) }}",
    "a text that doubles": "{% set ns = namespace(a='x') %}{% for i in range(900) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}{{ ns.a }}",
    "a text added to itself": "{% set ns = namespace(a='x') %}{% for i in range(900) %}{% set ns.a = ns.a + ns.a %}{% endfor %}{{ ns.a }}",
    "a text written over and over": "{% for i in range(900) %}{{ value }}{% endfor %}",
    "a text multiplied": "{{ 'x' * 1000000000 }}",
    "a text replaced by more": "{{ value" + " | replace('a', 'aaaaaaaa')" * 9 + " }}",
    "a list that doubles": "{% set ns = namespace(a=[1]) %}{% for i in range(900) %}{% set ns.a = ns.a + ns.a %}{% endfor %}{{ ns.a | length }}",
    "lists in lists written": TWICE + "{{ ns.a }}",
    "lists in lists as JSON": TWICE + "{{ ns.a | to_json }}",
    "lists in lists compared": TWICE + "{{ ns.a == ns.b }}",
    "lists in lists made flat": TWICE + "{{ ns.a | flatten | length }}",
    "a number squared": "{% set ns = namespace(a=9) %}{% for i in range(900) %}{% set ns.a = ns.a * ns.a %}{% endfor %}{{ ns.a }}",
    "sorting over and over": "{% for i in range(900) %}{% set x = value_json.list | sort %}{% endfor %}",
    "grouping over and over": "{% for i in range(900) %}{% set x = value_json.rows | groupby('a') %}{% endfor %}",
    "filters in a chain": "{% set ns = namespace(g=value_json.list) %}{% for i in range(900) %}{% set ns.g = ns.g | map('string') | select %}{% endfor %}{{ ns.g | list }}",
    "seeking in a text": "{% for i in range(900) %}{% if 'y' in value %}x{% endif %}{% endfor %}",
    "splitting a text": "{% for i in range(900) %}{% set x = value.split('a') %}{% endfor %}",
    "writing JSON over and over": "{% for i in range(900) %}{% set x = value_json | to_json %}{% endfor %}",
    "a regular expression that backtracks": "{{ value | regex_findall('(a+)+$') }}",
    "a regular expression on a long text": "{{ value | regex_search('a*b') }}",
    "regular expressions over and over": "{% for i in range(900) %}{% set x = value_json.text | regex_findall('a+b') %}{% endfor %}",
    "a regular expression of many groups": "{{ value | regex_findall('" + "()" * 190 + "') | length }}",
    "a regular expression that repeats nothing": r"{{ 'a' | regex_search('(?:(?:\\b){65535}){65535}x') }}",
    "a regular expression that compares much each time": "{{ value | regex_match('a*(?:aa){20000}b') }}",
    "a regular expression that refers back": r"{{ value | regex_match('(a*)\\1b') }}",
    "long numbers written": "{% set ns = namespace(a=[10 ** 1000]) %}{% for i in range(14) %}{% set ns.a = ns.a + ns.a %}{% endfor %}{{ ns.a }}",
    "long numbers joined": "{% set ns = namespace(a=[10 ** 1000]) %}{% for i in range(14) %}{% set ns.a = ns.a + ns.a %}{% endfor %}{{ ns.a | join }}",
    "new regular expressions over and over": "{% for i in range(900) %}{% set x = 'a' | regex_match('a{' ~ i ~ '}(b|c|d|e|f)*') %}{% endfor %}",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_template_is_stopped_early_and_says_why(name: str) -> None:
    run = program(HOSTILE[name])
    began = time.thread_time()
    with pytest.raises(Refused) as caught:
        run(LONG, DATA)
    # Of its own processor time: 20 ms, and one operation that had begun. Much more is left here for slow machines.
    assert time.thread_time() - began < 0.5
    assert str(caught.value).split()[0] in ("loops", "makes", "works", "writes", "asks", "calls", "searches")


@pytest.mark.parametrize(
    "template",
    [
        "{{ '%999999999d' % 1 }}", "{{ '%*d' % (999999999, 1) }}", "{{ '{:>999999999}'.format(1) }}", "{{ '{:{}}'.format(1, 999999999) }}",
        "{{ '{0.__class__}'.format(1) }}", "{{ '{0[a]}'.format(value_json) }}", "{{ '{a.__class__}'.format(a=1, **{'a.__class__': 1}) }}", "{{ now().strftime('%999999999Y') }}", "{{ 99 ** 99 ** 99 }}",
        "{{ 10.0 ** 400 }}", "{{ [1] * 1000000000 }}", "{{ value | regex_replace('a', 'x' * 1000) }}", "{{ timedelta(days=10 ** 12) }}",
        "{{ value | float }}", "{{ '1' * 5000 | int }}", "{{ ('9' * 5000) | int }}", "{{ value | base64_decode('utf-7') }}", "{{ 'a' | regex_match('" + r"[\x00-\uffff]" * 40 + "', true) }}", "{{ 'a' | regex_match('" + "[Ā-ж]" * 40 + "') }}", "{{ value_json.list | map('string') }}",
    ],
)  # fmt: skip
def test_what_would_take_much_memory_at_once_fails_at_once(template: str) -> None:
    began = time.thread_time()
    with pytest.raises(ValueError):
        program(template)("a" * 2000, DATA)
    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize(
    "template",
    [
        "{{ value_json.list|map(attribute='__class__')|list }}", "{{ namespace }}", "{{ now }}", "{% macro m() %}{% endmacro %}{{ m }}{{ m.arguments }}",
        "{% for x in [1] %}{{ loop }}{% endfor %}", "{{ now().tzinfo.utcoffset }}", "{{ value.format }}", "{{ value_json.items }}{{ value_json.update }}",
        "{{ (value_json.list|select).gi_frame }}", "{{ dict.from_keys }}{{ dict }}", "{{ self }}", "{{ value['__class__'] if false else value_json.list['sort'] }}",
        "{{ value_json|attr('__class__') }}", "{{ zip }}{{ range }}{{ joiner }}", "{{ [value]|map('attr', '__class__')|list }}",
    ],
)  # fmt: skip
def test_nothing_of_the_program_is_within_reach(template: str) -> None:
    found = sandbox.compiled(template, purses())
    if isinstance(found, str):
        return
    try:
        written = found("text", DATA) or ""
    except ValueError as error:
        written = str(error)
    for word in ("<class", "<function", "<bound", "<built", "module", "0x", "Environment", "Context"):
        assert word not in written


def test_a_template_changes_nothing_of_the_message() -> None:
    data: dict[str, Any] = {"list": [1], "deep": {"er": 1}}
    for template in (
        "{{ value_json.list.append(2) }}",
        "{{ value_json.update({'a': 1}) }}",
        "{% set value_json.list = [] %}",
    ):
        found = sandbox.compiled(template, purses())
        if isinstance(found, Program):
            with pytest.raises(ValueError):
                found("x", data)
    assert data == {"list": [1], "deep": {"er": 1}}


def test_the_recursion_of_a_template_ends_also_in_a_thread_with_a_small_stack() -> None:
    run, told = program(HOSTILE["a macro that calls itself"]), []

    def target() -> None:
        try:
            run("x", DATA)
        except Refused as error:
            told.append(str(error))

    before = threading.stack_size(1 << 20)
    try:
        thread = threading.Thread(target=target)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join(60)
    assert told == ["calls itself without end"]


def test_a_template_that_wants_too_much_three_times_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    run = program(HOSTILE["a loop without end"])
    for _ in range(3):
        with pytest.raises(Refused, match="asks range"):
            run("x", {})
    made: list[object] = []
    monkeypatch.setattr(sandbox, "Budget", lambda *given: made.append(given) or budget.Budget(*given))
    with pytest.raises(Refused, match="left alone for ten minutes"):
        run("x", {})
    assert not made, "it was not run"
    later = time.monotonic() + sandbox.PAUSE_S + 1
    monkeypatch.setattr(sandbox.time, "monotonic", lambda: later)
    with pytest.raises(Refused, match="asks range"):
        run("x", {})
    assert made


def test_what_a_message_makes_too_much_of_is_forgiven_when_the_next_one_is_read() -> None:
    run = program("{% for x in range(value_json.n) %}x{% endfor %}")
    for _ in range(4):
        for _ in range(2):
            with pytest.raises(Refused, match="asks range"):
                run("x", {"n": 5000})
        assert run("x", {"n": 3}) == "xxx"


def test_where_all_templates_have_used_up_their_time_only_the_cheap_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    # the first run of a cheap one takes its time where the machine is busy
    monkeypatch.setattr(sandbox, "MIN_CPU_S", sandbox.MAX_CPU_S / 2)
    spent = Purse(0.0, 0.001)
    shared = Purses(spent, Purse(1.0, 10.0))
    heavy, cheap = program(HOSTILE["sorting over and over"], shared), program("{{ value_json.n + 1 }}", shared)
    with pytest.raises(Refused, match="works on too much"):
        heavy("x", DATA)
    assert spent.left_s() <= 0
    # where the machine is busy it may have taken more than they may overdraw
    spent.pay(spent.left_s())
    with pytest.raises(Refused, match="had to wait"):
        heavy("x", DATA)
    assert cheap("x", {"n": 4}) == "5"
    untried = program("{{ value_json.n + 2 }}", shared)
    spent.pay(sandbox.DEBT_S)
    with pytest.raises(Refused, match="had to wait"):
        untried("x", {"n": 4})
    assert cheap("x", {"n": 4}) == "5"


def test_a_template_for_which_there_was_no_time_is_made_ready_with_a_later_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    making = Purse(1.0, 0.5)
    making.pay(1.0)
    run = program("{{ value_json.n + 1 }}", Purses(Purse(1.0, 1.0), making))
    unknown = program("{{ value | nonsense }}", Purses(Purse(1.0, 1.0), making))
    with pytest.raises(Refused, match="had to wait"):
        run("x", {"n": 4})
    later = time.monotonic() + 60
    monkeypatch.setattr(sandbox.time, "monotonic", lambda: later)
    assert run("x", {"n": 4}) == "5"
    with pytest.raises(Refused, match="nonsense"):
        unknown("x", {})


def test_only_so_many_templates_stay_ready_and_the_others_are_made_ready_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_kept", sandbox.Ready())
    monkeypatch.setattr(sandbox, "MOST_READY", 200)
    made = [program("{{ value ~ " + str(number) + " ~ '" + "x" * 30 + "' }}") for number in range(20)]
    assert sum(one._template is not None for one in made) <= 4
    for number, one in enumerate(made):
        assert one("a", "a") == f"a{number}" + "x" * 30
    assert sum(one._template is not None for one in made) <= 4


def test_now_is_the_time_of_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_times.time, "time", lambda: 1_790_000_000.0)
    run = program("{{ now() | as_timestamp | int - value_json.at }} {{ utcnow().isoformat() }}")
    assert run("x", {"at": 1_789_999_900}) == "100 2026-09-21T14:13:20+00:00"


DEVICE = {"ids": ["meter"], "name": "Meter"}
KEPT = "{% if value_json.w is defined %}{{ value_json.w }}{% else %}{{ states('sensor.meter_power') }}{% endif %}"


def declared(template: str, name: str = "Power") -> Decoder:
    decoder = Decoder(UTC)
    declare(decoder, template, name)
    return decoder


def declare(decoder: Decoder, template: str, name: str) -> None:
    config = {"state_topic": "cellar/meter", "name": name, "unique_id": name, "value_template": template, "dev": DEVICE}
    say(decoder, f"homeassistant/sensor/meter/{name.lower()}/config", config, retained=True)


def test_a_template_that_asks_home_assistant_on_one_way_only_is_read_on_the_other() -> None:
    decoder = declared(KEPT)
    assert [reading.value for reading in say(decoder, "cellar/meter", {"w": 120}).readings] == [120]
    other = say(decoder, "cellar/meter", {"v": 230})
    assert other.readings == ()
    assert "power has no value, because its template asks for other entities" in other.sentence


def test_a_template_that_used_too_much_is_told_beside_what_was_read() -> None:
    decoder = declared("{{ value_json.w }}")
    declare(decoder, HOSTILE["a loop without end"], "Bad")
    outcome = say(decoder, "cellar/meter", {"w": 120})
    assert [(reading.sensor, reading.value) for reading in outcome.readings] == [("power", 120)]
    assert outcome.sentence == (
        "Something was left out: bad has no value, because its template asks range() for more than 1000 numbers."
    )


def test_a_word_of_nothing_is_no_value() -> None:
    decoder = declared("{{ value_json.w if value_json.w is defined else None }}")
    assert say(decoder, "cellar/meter", {"v": 230}).readings == ()
    assert [reading.value for reading in say(decoder, "cellar/meter", {"w": 5}).readings] == [5]


def test_the_page_of_a_device_tells_which_template_was_stopped_and_why(tmp_path: Path) -> None:
    site = Site(tmp_path, mqtt_url="off")
    site.runtime.start()
    try:
        for name, template in (("Power", "{{ value_json.w / 10 }}"), ("Bad", HOSTILE["a loop in a loop in a loop"])):
            config = {
                "state_topic": "cellar/meter",
                "name": name,
                "unique_id": name,
                "value_template": template,
                "dev": DEVICE,
            }
            topic = f"homeassistant/sensor/meter/{name.lower()}/config"
            site.runtime.ingest.deliver(Delivery(topic, json.dumps(config).encode(), True))
        site.runtime.ingest.deliver(Delivery("cellar/meter", b'{"w": 1200}', False))
        site.runtime.ingest.settle()
        page = site.app.test_client().get("/devices/meter", headers={"Accept": "text/html"}).text
    finally:
        site.runtime.stop()
    assert "power 120" in page
    assert "bad has no value, because its template loops more than 3000 times" in page


@pytest.mark.parametrize(
    "template", ["{{ [float] }}", "{{ {'a': now} }}", "{{ [float] | to_json }}", "{{ [[namespace]] | string }}"]
)
def test_a_function_in_a_list_is_not_written(template: str) -> None:
    with pytest.raises((ValueError, Refused)):
        program(template, purses())("x", {})
