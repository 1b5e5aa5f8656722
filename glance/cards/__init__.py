"""Cards: from a definition's template, a widget and its data to the markup inside the card."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from jinja2 import TemplateSyntaxError, pass_context
from jinja2.environment import Template
from jinja2.runtime import Context
from markupsafe import Markup

from glance.bounded.budget import TooMuch, done, use, within_bounds
from glance.cards import guard, lint
from glance.cards.budget import MAX_CPU_S, MAX_TEXT, MAX_TRUSTED_CPU_S, Budget
from glance.cards.helpers import offered
from glance.cards.marks import Icon, Marks
from glance.cards.sandbox import CardEnvironment
from glance.errors import GlanceError
from glance.model import Widget

_TIMED = frozenset({"now", "month", "agenda", "is_new"})
TIME_STEP_S = 60
# Height of a card in px: 48 a row less the gap of 12, the head of 36, the foot of 12 and the border.
_ROW_PX, _GAP_PX, _FRAME_PX = 48, 12, 50
_KEPT = 400

__all__ = ["Card", "CardError", "CardRenderer", "Drawable"]


class CardError(GlanceError):
    """A template that fails; `line` is the line in card.html (1 where it is not known)."""

    title = "The card cannot be drawn"

    def __init__(self, sentence: str, line: int = 1) -> None:
        super().__init__(sentence)
        self.line = line


class Drawable(Protocol):
    """What of a definition the renderer needs; `version` changes whenever the template or the schema of the params does."""

    @property
    def slug(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def template(self) -> str: ...
    @property
    def trusted(self) -> bool: ...
    @property
    def params(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Card:
    """A drawn card: what goes into `.w-body`, and the quiet words beside the title (`{% set aside = … %}` in the template)."""

    body: Markup
    aside: str


@dataclass(frozen=True, slots=True)
class _Compiled:
    template: Template
    defaults: Mapping[str, Any]
    timed: bool


class CardRenderer:
    """Renders cards; safe for several threads.

    `icon(name, cls)` draws an icon, `image_url(url)` gives the address of a picture on Glance's own route (None: no pictures),
    `may_show(definition, widget, url)` tells which of them a definition that is not trusted may show (None: all).
    `helpers` are the names templates can call. `clock` gives Unix seconds, `base` is the path Glance is served under (GLANCE_PUBLIC_URL), without a trailing slash.
    """

    def __init__(
        self,
        icon: Icon,
        image_url: Callable[[str], str] | None = None,
        *,
        clock: Callable[[], float] = time.time,
        base: str = "",
        has_icon: Callable[[str], bool] | None = None,
        may_show: Callable[[Any, Widget, str], bool] | None = None,
    ) -> None:
        self._may_show = may_show
        self._environments = {trusted: CardEnvironment(strict=not trusted) for trusted in (True, False)}
        self._base = base
        self._compiled: dict[tuple[str, str, bool], _Compiled] = {}
        self._lock = threading.Lock()
        helpers = offered(Marks(icon), image_url, clock, has_icon)
        for environment in self._environments.values():
            environment.globals.update(helpers)
            environment.globals.update(fit=_fit, action=self._action())
            for name in ("markdown", "clean_html", "number", "bytes", "duration", "percent", "ago", "link", "plain"):
                environment.offer(name, helpers[name])
        self.helpers = frozenset(self._environments[True].globals)

    def body(self, definition: Drawable, widget: Widget, data: Any) -> Markup:
        """The markup inside the card; CardError with a sentence and a line where the template fails."""
        return self.card(definition, widget, data).body

    def card(self, definition: Drawable, widget: Widget, data: Any) -> Card:
        """The markup inside the card and the words beside its title."""
        compiled = self._compile(definition)
        context = compiled.template.new_context(
            {
                "data": data,
                "params": {**compiled.defaults, **{k: v for k, v in widget.params.items() if v is not None}},
                "widget": {
                    "id": widget.id,
                    "title": widget.title,
                    "slug": widget.custom_widget,
                    "w": widget.place.w,
                    "h": widget.place.h,
                    "version": widget.version,
                },
            }
        )
        parts: list[str] = []
        length = 0
        drawing = use(self._budget(definition, widget))
        try:
            for part in compiled.template.root_render_func(context):
                length += len(part)
                if length > MAX_TEXT:
                    raise TooMuch("The card is longer than 512 KB.")
                parts.append(part)
            aside = within_bounds(context.vars.get("aside"))
            said = "" if aside is None else str(aside)
        except Exception as error:
            # Whatever a template does wrong belongs on the card as a sentence, never as a trace.
            raise CardError(_sentence(error), _line_of(error, compiled.template)) from error
        finally:
            done(drawing)
        markup, said = _whole("".join(parts).strip()), _whole(said)
        refused = None if definition.trusted else guard.fault(markup)
        if refused:
            raise CardError(refused, 1)
        return Card(Markup(markup), said)

    def _budget(self, definition: Drawable, widget: Widget) -> Budget:
        """What this drawing may use up and show."""
        trusted = definition.trusted
        # Of a folder's definition too where the params came with an import.
        is_asked = not trusted or widget.agreed is not None
        may_show = partial(self._may_show, definition, widget) if self._may_show and is_asked else None
        return Budget(MAX_TRUSTED_CPU_S if trusted else MAX_CPU_S, may_show)

    def check(self, definition: Drawable) -> tuple[int, str] | None:
        """The first fault of a definition's template as (line, sentence); None where it can be used."""
        return lint.fault(self._environments[definition.trusted], definition.template, definition.trusted, self.helpers)

    def step_s(self, definition: Drawable) -> int | None:
        """How long a drawn card stays right while its data does not change: 60 s where the template asks for the time, else None."""
        return TIME_STEP_S if self._compile(definition).timed else None

    def _compile(self, definition: Drawable) -> _Compiled:
        key = (definition.slug, definition.version, definition.trusted)
        found = self._compiled.get(key)
        if found is not None:
            return found
        try:
            environment = self._environments[definition.trusted]
            tree = environment.parse(definition.template)
            names = set(lint.names_in(tree))
            template = environment.from_string(tree)
        except TemplateSyntaxError as error:
            reason = str(error.message).rstrip(".")
            raise CardError(f"The template of {definition.slug} cannot be read: {reason}.", error.lineno) from error
        except (RecursionError, SyntaxError, ValueError, MemoryError) as error:
            # What Jinja reads and Python does not: blocks in blocks in blocks, a number of thousands of digits.
            raise CardError(
                f"The template of {definition.slug} cannot be read: it is nested too deeply, or holds a number that is too long."
            ) from error
        found = _Compiled(template, _defaults(definition.params), bool(names & _TIMED))
        with self._lock:
            if len(self._compiled) >= _KEPT:
                self._compiled.clear()
            self._compiled[key] = found
        return found

    def _action(self) -> Callable[..., str]:
        """The helper `action(what)`: where a form of the card posts to."""

        @pass_context
        def action(context: Context, what: str = "save") -> str:
            return f"{self._base}/widgets/{context['widget']['id']}/{what}"

        return action


@pass_context
def _fit(context: Context, row_px: float, used_px: float = 0, least: int = 1) -> int:
    """How many rows of that height fit into the card beside what is used already; never fewer than `least`."""
    widget = context.get("widget")
    height = widget.get("h", 6) if isinstance(widget, Mapping) else 6
    room = _ROW_PX * height - _GAP_PX - _FRAME_PX - used_px
    return max(int(least), int(room // max(1.0, row_px)))


def _defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of a params schema, for widgets saved before a param existed."""
    properties: Any = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    return {
        name: part["default"] for name, part in properties.items() if isinstance(part, Mapping) and "default" in part
    }


def _whole(text: str) -> str:
    """The text with a question mark for each half of a character, which a template can write and no page can hold."""
    return text.encode("utf-8", "replace").decode()


def _sentence(error: Exception) -> str:
    """What went wrong in a template, for its author."""
    if isinstance(error, TooMuch):
        return str(error)
    if isinstance(error, MemoryError):
        return "The card needs more memory than there is."
    if isinstance(error, RecursionError):
        return "The card calls itself without end."
    text = " ".join(_whole(str(error)).split())[:300] or type(error).__name__
    return f"The card could not be drawn: {text.rstrip('.')}."


def _line_of(error: Exception, template: Template) -> int:
    """The line of the template that the error came from; 1 where it cannot be told."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line
