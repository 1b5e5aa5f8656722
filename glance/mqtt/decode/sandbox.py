"""The bounded fall-back for value templates that are more than a path: Jinja as Home Assistant has it, with everything counted.

Loops, macros and lists are there; states and whatever else only Home Assistant knows are not. What one run may use up is bounded by
LIMITS and by its thread's time; a template that wants more three times in a row is left alone for a while. All templates together may
use a quarter of the time (`Purse`); beyond that only those run that take next to nothing, so that the thread of the broker goes on.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, MappingView
from datetime import timedelta
from typing import Any, NamedTuple

from jinja2 import Template, TemplateError, Undefined, nodes
from jinja2.exceptions import TemplateAssertionError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from glance.bounded.budget import Budget, Limits, TooMuch, bounded_text, done, running, use, within_bounds
from glance.bounded.counting import Weighing
from glance.bounded.environment import BoundedEnvironment
from glance.mqtt.decode import template_texts, template_times, template_values
from glance.mqtt.decode.template_check import ASKS, OTHERS, OTHERS_SENTENCE, TOO_DEEP, Asking, refused
from glance.mqtt.decode.template_texts import LONGEST_INPUT

LONGEST_RESULT = 4096
LIMITS = Limits(
    "The template", steps=3000, written=128 * 1024, text=64 * 1024, work=150_000, made_bytes=8 * 1024 * 1024, clock_every=1000
)  # fmt: skip
# Of the thread's own time: what one run may take, and where all together took too much.
MAX_CPU_S, MIN_CPU_S = 0.02, 0.002
# How far they may overdraw to try those of which nobody knows yet what they take.
DEBT_S = 0.1
MOST_STRIKES, PAUSE_S = 3, 600.0
# Characters of all templates that stay ready: one that is made ready takes some 50 bytes for each.
MOST_READY = 500_000
WAITS = "had to wait, because the templates of all messages together take too much time"
_JINJAS = frozenset(
    "capitalize count d default dictsort e escape first groupby items join last length list lower map max min reject rejectattr "
    "replace reverse select selectattr sort string sum title trim truncate unique upper urlencode wordcount".split()
)
_FAILURES = (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError)


_VALUES = (
    str, int, float, list, tuple, set, range, Mapping, MappingView, Undefined, template_values.Version, *template_times.MOMENTS,
)  # fmt: skip


class Refused(ValueError):
    """A template that was not run to its end; the text says why, after "its template"."""


class _AsksOthers(Exception):
    """The template came to something that only Home Assistant can tell."""


class Purse:
    """Processor time that all templates share: `share` seconds in each second, of which `most` are saved up."""

    def __init__(self, share: float, most: float) -> None:
        self._share, self._most = share, most
        self._left, self._at = most, time.monotonic()

    def left_s(self) -> float:
        """What there is, below 0 where more was spent."""
        now = time.monotonic()
        self._left, self._at = min(self._most, self._left + (now - self._at) * self._share), now
        return self._left

    def pay(self, spent_s: float) -> None:
        """Something is done that took so long."""
        self._left -= spent_s


class Purses(NamedTuple):
    """What running takes, and what making templates ready does: Python needs some 10 ms for one of 1.5 kB."""

    running: Purse
    making: Purse


def purses() -> Purses:
    """Full ones."""
    return Purses(Purse(0.25, 0.5), Purse(0.5, 2.0))


class Ready:
    """The programs that are ready to run: those unused for longest make room, and are made ready anew when a message needs them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sizes: OrderedDict[Program, int] = OrderedDict()
        self._taken = 0

    def keep(self, program: Program, size: int) -> None:
        """This one was made ready just now; `size` in characters."""
        with self._lock:
            self._taken += size - self._sizes.pop(program, 0)
            self._sizes[program] = size
            while self._taken > MOST_READY and len(self._sizes) > 1:
                oldest, freed = self._sizes.popitem(last=False)
                self._taken -= freed
                oldest.rest()

    def used(self, program: Program) -> None:
        """This one runs."""
        with self._lock:
            if program in self._sizes:
                self._sizes.move_to_end(program)


def _asks(name: str, *_more: Any, **_named: Any) -> Any:
    raise _AsksOthers(name)


def _finalize(value: Any) -> Any:
    """How a value is written, counted; a function or a loop that is still to go is no value."""
    if value is not None and not isinstance(value, _VALUES):
        raise ValueError("no value")
    text = value if isinstance(value, (str, Undefined)) else str(within_bounds(value))
    if isinstance(text, str):
        running().write(len(text))
    return text


class ValueEnvironment(BoundedEnvironment):
    """The sandbox of value templates."""

    intercepted_binops = BoundedEnvironment.intercepted_binops

    def __init__(self) -> None:
        # What is not there is empty and false, as in Home Assistant; to reckon with it fails.
        super().__init__(
            autoescape=False, undefined=Undefined, finalize=_finalize, cache_size=0,
            extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do"],
        )  # fmt: skip
        bounded = {name: self.filters[name] for name in _JINJAS}
        self.filters = {
            **bounded, **template_times.FILTERS, **template_texts.FILTERS, **template_values.FILTERS,
            **dict.fromkeys(OTHERS, _asks), ASKS: _asks,
        }  # fmt: skip
        self.tests.update(template_values.TESTS)
        self.tests.update(match=template_texts.regex_match, search=template_texts.regex_search)
        self.tests.update(dict.fromkeys(OTHERS, _asks))
        self.globals.update(template_times.FUNCTIONS)
        self.globals.update(template_values.FUNCTIONS)
        self.functions = frozenset(self.globals)
        self.offer_all()

    def raw(self, source: str) -> nodes.Template:
        """The tree of a template as it is written, nothing in it counted yet."""
        return ImmutableSandboxedEnvironment._parse(self, source, None, None)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Also the fields of moments, and the formatting of texts as far as it is harmless."""
        if isinstance(obj, str) and attribute == "format":
            return lambda *values, **named: template_texts.formatted(obj, *values, **named)
        if isinstance(obj, template_times.MOMENTS):
            found = template_times.field_of(obj, attribute)
            return self.undefined(obj=obj, name=attribute) if found is None else found
        return super().getattr(obj, attribute)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Also powers and printf, as far as they stay small."""
        if operator == "**":
            return bounded_text(template_values.power(left, right))
        if operator == "%" and isinstance(left, str):
            return bounded_text(template_texts.printf(left, *(right if isinstance(right, tuple) else (right,))))
        if operator == "*" and isinstance(right, timedelta):
            return left * right
        return super().call_binop(context, operator, left, right)


_environment = ValueEnvironment()
_purses = purses()
_kept = Ready()


class Program:
    """A template that is allowed; `why` it is not, after "its template", once that is known."""

    def __init__(self, source: str, shared: Purses) -> None:
        self.why = ""
        self._source, self._shared = source, shared
        self._template: Template | None = None
        # What the last run took, None before the first.
        self._cost_s: float | None = None
        self._strikes, self._paused_until, self._fault = 0, 0.0, ""

    def prepare(self) -> Template | None:
        """Make it ready to run and give it, or find out why it cannot be."""
        began, template = time.thread_time(), None
        token = use(Budget(MAX_CPU_S, LIMITS))
        try:
            tree = _environment.raw(self._source)
            self.why = refused(tree, _environment.functions)
            if not self.why:
                self._template = template = _environment.from_string(Weighing().visit(Asking(tree).visit(tree)))
                _kept.keep(self, len(self._source))
        except TemplateAssertionError as error:
            # Jinja's own words: No filter named 'x'.
            self.why = f"uses what is not known here ({str(error.message)[:80].rstrip('.')})"
        except (TemplateError, TooMuch):
            self.why = "cannot be read"
        except (RecursionError, SyntaxError, ValueError, OverflowError, MemoryError):
            self.why = TOO_DEEP
        finally:
            done(token)
            self._shared.making.pay(time.thread_time() - began)
        return template

    def rest(self) -> None:
        """Give back what being ready takes."""
        self._template = None

    def __call__(self, text: str, json: Any) -> str | None:
        """What the template writes, None for "None"; ValueError where it fails, Refused where it may not go on."""
        if len(text) > LONGEST_INPUT:
            raise Refused("is not run on a message of more than 64 KB")
        template = self._ready()
        if self._strikes >= MOST_STRIKES:
            if time.monotonic() < self._paused_until:
                raise Refused(f"{self._fault}; it is left alone for ten minutes")
            self._strikes = 0
        result = self._run(template, text, json)
        self._strikes = 0
        if len(result) > LONGEST_RESULT:
            raise Refused(f"writes more than {LONGEST_RESULT} characters")
        return None if result == "None" else result

    def _ready(self) -> Template:
        """The template; made ready now where there was no time for it when it was declared."""
        # read once: another thread may take it away
        template = self._template
        if template is None and not self.why:
            if self._shared.making.left_s() <= 0:
                raise Refused(WAITS)
            template = self.prepare()
        else:
            _kept.used(self)
        if template is None:
            raise Refused(self.why)
        return template

    def _run(self, template: Template, text: str, json: Any) -> str:
        left_s = self._shared.running.left_s()
        hurried = left_s <= 0
        if hurried and (left_s < -DEBT_S if self._cost_s is None else self._cost_s > MIN_CPU_S):
            raise Refused(WAITS)
        began = time.thread_time()
        token = use(Budget(MIN_CPU_S if hurried else MAX_CPU_S, LIMITS))
        try:
            # A payload that is no JSON has no value_json.
            given = {"value": text} if type(json) is str else {"value": text, "value_json": json}
            return "".join(template.root_render_func(template.new_context(given))).strip()
        except _AsksOthers as error:
            raise Refused(OTHERS_SENTENCE) from error
        except (TooMuch, RecursionError, MemoryError) as error:
            # Where all templates together have used up their time it is not this one's fault.
            raise Refused(WAITS) if hurried else self._strike(error) from error
        except _FAILURES as error:
            raise ValueError(str(error)[:200]) from error
        finally:
            done(token)
            self._cost_s = spent_s = time.thread_time() - began
            self._shared.running.pay(spent_s)

    def _strike(self, error: BaseException) -> Refused:
        """A run that wanted too much."""
        why = str(error) if isinstance(error, TooMuch) else "The template calls itself without end."
        self._fault = why.removeprefix("The template ").rstrip(".")
        self._strikes += 1
        self._paused_until = time.monotonic() + PAUSE_S
        return Refused(self._fault)


def compiled(source: str, shared: Purses | None = None) -> Program | str:
    """A template that is allowed; else why it is not, after "its template"."""
    shared = shared or _purses
    program = Program(source, shared)
    if shared.making.left_s() > 0:
        program.prepare()
    return program.why or program
