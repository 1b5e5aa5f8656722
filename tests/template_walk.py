"""Every filter, test, method and function of a bounded template, each of its arguments huge in turn, in a process with little memory.

Run as `python -m tests.template_walk cards` (or `values`): one line for each call that took more memory or time than a template may.
"""

from __future__ import annotations

import inspect
import itertools
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from markupsafe import Markup

from glance import cards
from glance.bounded.environment import LIST_METHODS, TEXT_METHODS, BoundedEnvironment
from glance.cards import CardError, CardRenderer
from glance.mqtt.decode import sandbox
from glance.mqtt.decode.template_check import OTHERS
from tests.test_templates_bounded import Made, widget

SPARE_BYTES = 220 * 1024 * 1024
MOST_CPU_S = 6.0
# A message for a value template has 64 KB at most.
LENGTHS = {"cards": 100_000, "values": 60_000}


def huge(length: int) -> list[Any]:
    """What an argument may be made: numbers, texts, a list."""
    return [
        10**9,
        -(10**9),
        "a" * (length - 1),
        "b" * (length // 2) + "a",
        "a." * (length // 2),
        [["a" * 200, 1]] * 1000,
    ]


def values(length: int) -> list[Any]:
    """What it is done to."""
    deep: Any = [1] * 200
    for _ in range(40):
        deep = [deep]
    return ["a" * length, "<!---->" * (length // 7), 7, deep, ["a" * 300] * 500, {"a": [[1]]}]


def calls(function: Callable[..., Any], given: int, most: list[Any]) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Arguments beside the first `given` ones: each huge in turn (the others small), then all of them."""
    try:
        found = list(inspect.signature(function).parameters.values())[given:]
    except (TypeError, ValueError):
        found = [inspect.Parameter("values", inspect.Parameter.VAR_POSITIONAL)]
    by_place = [one for one in found if one.kind is one.POSITIONAL_ONLY]
    count = 2 if any(one.kind is one.VAR_POSITIONAL for one in found) else len(by_place)
    names = [one.name for one in found if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    if any(one.kind is one.VAR_POSITIONAL for one in found):
        names = [one.name for one in found if one.kind is one.KEYWORD_ONLY]
    if any(one.kind is one.VAR_KEYWORD for one in found):
        names += ["attribute", "default"]
    needed = [one.name for one in found if one.name in names and one.default is one.empty]
    yield [], {}
    for big in most:
        for at in range(count):
            yield ["a"] * at + [big], {}
            yield ["a"] * at + [big, "a"][: count - at], {}
        for name in names:
            yield [], {**dict.fromkeys(needed, "a"), name: big}
        yield [big] * count, dict.fromkeys(names, big)


def _passed(function: Callable[..., Any]) -> int:
    return 1 + hasattr(function, "jinja_pass_arg")


def walked(environment: BoundedEnvironment, most: list[Any]) -> Iterator[tuple[str, str, bool, list[Any]]]:
    """What is called: its name, the template that does it, whether it is done to a value, and with which arguments."""
    for name, function in environment.filters.items():
        if not name.startswith("<") and name not in OTHERS:
            yield f"|{name}", f"D.v|{name}(*D.a, **D.k)", True, list(calls(function, _passed(function), most))
    for name, function in environment.tests.items():
        if name.isidentifier() and name not in OTHERS and name not in ("in", "none", "true", "false"):
            yield f"is {name}", f"D.v is {name}(*D.a, **D.k)", True, list(calls(function, _passed(function), most))
    for name in sorted({*TEXT_METHODS, *LIST_METHODS, "format"}):
        sample = lambda *values: None  # noqa: E731
        yield f".{name}()", f"D.v.{name}(*D.a, **D.k)", True, list(calls(sample, 0, most))
    for name, function in environment.globals.items():
        if callable(function) and name != "namespace":
            passed = int(hasattr(function, "jinja_pass_arg"))
            yield f"{name}()", f"{name}(*D.a, **D.k)", False, list(calls(function, passed, most))


def _card() -> tuple[BoundedEnvironment, Callable[[str], Callable[[Any], None]]]:
    cards.MAX_CPU_S = 0.2
    renderer = CardRenderer(lambda name, cls="i": Markup(""), lambda url: "/image/x", has_icon=lambda name: True)

    def made(call: str) -> Callable[[Any], None]:
        definition = Made(f"{{% set found = {call.replace('D.', 'data.')} %}}{{{{ found }}}}")
        return lambda data: str(renderer.body(definition, widget(), data)) and None

    return renderer._environments[False], made


def _value() -> tuple[BoundedEnvironment, Callable[[str], Callable[[Any], None]]]:
    def made(call: str) -> Callable[[Any], None]:
        full = sandbox.Purses(sandbox.Purse(1e9, 1e9), sandbox.Purse(1e9, 1e9))
        program = sandbox.Program("{{ " + call.replace("D.", "value_json.") + " }}", full)
        program.prepare()
        if program.why:
            raise SystemExit(f"{call} {program.why}")

        def run(data: Any) -> None:
            program._strikes = 0
            program("{}", data)

        return run

    return sandbox._environment, made


def _by_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def main(kind: str) -> None:
    """Walk all of one kind of template and print what went beyond."""
    environment, made = _card() if kind == "cards" else _value()
    to, most = values(LENGTHS[kind]), huge(LENGTHS[kind])
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, used + SPARE_BYTES))
    count, slowest = 0, 0.0
    for name, call, is_done_to, arguments in walked(environment, most):
        run = made(call)
        for value, (args, named) in itertools.product(
            to if name[0] == "|" else to[:2] if is_done_to else [None], arguments
        ):
            began, failed = time.thread_time(), ""
            try:
                run({"v": value, "a": args, "k": named})
            except (CardError, ValueError) as error:
                failed = "memory" if _by_memory(error) else ""
            except Exception as error:
                failed = type(error).__name__
            took_s = time.thread_time() - began
            count, slowest = count + 1, max(slowest, took_s)
            if failed or took_s > MOST_CPU_S:
                told = [repr(one)[:24] for one in (value, *args, *named.items())]
                print(f"{name} {failed or f'{took_s:.1f} s'}: {', '.join(told)}", flush=True)
                break
    print(f"walked {count}, the slowest took {slowest:.2f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
