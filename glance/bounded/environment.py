"""The sandbox in which templates run that may come from anybody: few methods, no formatting, and all of it counted.

What a template may use up is counted in a `Budget` (glance.bounded.budget): without it `{% for %}` in `{% for %}` or a text doubled
in a loop would hold a thread or fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from glance.bounded import counting, filters
from glance.bounded.budget import TooMuch, bounded_text, running
from glance.bounded.counting import CALLED

MAX_RANGE = 1000
MAX_BITS = 4096
# Filters that make much out of little, or that call what they are given by name.
_NOT_OFFERED = "batch slice center format filesizeformat indent pprint urlize wordwrap xmlattr attr".split()
# Methods of plain values. None makes much out of little, and none formats: a width in a format can ask for any amount of memory.
TEXT_METHODS = frozenset(
    "capitalize casefold count endswith find isalnum isalpha isdigit islower isnumeric isspace isupper lower lstrip partition "
    "removeprefix removesuffix rfind rpartition rsplit rstrip split splitlines startswith strip swapcase title upper".split()
)
LIST_METHODS = frozenset({"count", "index"})
PLAIN = (str, bytes, bytearray, int, float, complex, list, tuple, range)

Tested = Callable[..., Any]


def _range(*bounds: int) -> range:
    """`range`, of at most 1000 numbers, counted."""
    found = range(*(int(bound) for bound in bounds))
    if len(found) > MAX_RANGE:
        raise TooMuch(f"{running().limits.what} asks range() for more than {MAX_RANGE} numbers.")
    running().step(len(found))
    return found


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """A field of the data comes before a method of the same name (`data.items` is the field).

    `strict` is for templates that may come from anybody: all they do is weighed against a Budget. Of those that are trusted the
    loops are counted, and the text they write. `offer_all` finishes it, after the filters of its own were added.
    """

    intercepted_binops = frozenset(["*", "**", "+", "-", "%"])

    def __init__(self, *, strict: bool = True, **options: Any) -> None:
        self.strict = strict
        # Not optimised: constants would be worked out while the template is compiled, when no budget is running.
        super().__init__(optimized=not strict, **options)
        for name in _NOT_OFFERED:
            self.filters.pop(name, None)
        self.filters.update(filters.BOUNDED)
        for name in ("lipsum", "cycler", "dict"):
            self.globals.pop(name, None)
        self.globals["range"] = _range

    def offer_all(self) -> None:
        """Count what every filter and test looks at and makes."""
        for name in filters.WRITING:
            if name in self.filters:
                self.filters[name] = filters.writing(self.filters[name])
        if self.strict:
            for name, filter_ in self.filters.items():
                if name not in filters.CHEAP:
                    self.filters[name] = filters.measured(filter_, deep=name in filters.DEEP)
            self.tests.update(
                {name: filters.measured(cast(Tested, test), deep=True) for name, test in self.tests.items()}
            )
        self.filters.update(counting.FILTERS)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Parse, then wrap what loops go over and what joins texts in counting filters."""
        tree = super()._parse(source, name, filename)
        counted: nodes.Template = (counting.Weighing() if self.strict else counting.Counting()).visit(tree)
        return counted

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`data.name`: the field of that name, in a call the method of dicts, else what the sandbox allows."""
        if isinstance(obj, Mapping):
            if attribute in obj:
                return obj[attribute]
            if attribute in CALLED:
                return getattr(obj, CALLED[attribute])
            return self.undefined(obj=obj, name=attribute)
        attribute = CALLED.get(attribute, attribute)
        # Asked first: Jinja itself would hand out the formatting methods of texts before it looks whether they are safe.
        if isinstance(obj, PLAIN) and not _offers(obj, attribute):
            missing = self.unsafe_undefined if hasattr(obj, attribute) else None
            return missing(obj, attribute) if missing else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`data[x]`: a field or item, never what `data.x` would not give."""
        if self.strict:
            # Counted: the attribute of a filter may be a way of a hundred thousand parts, gone for each item.
            running().weigh(argument)
        if isinstance(argument, str) and isinstance(obj, PLAIN):
            return self.getattr(obj, argument)
        return super().getitem(obj, argument)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a helper, a macro or a method: a step, with all that it is given weighed and what it gives back counted."""
        if not __self.strict:
            return super().call(__context, __obj, *args, **kwargs)
        budget = running()
        budget.step()
        for value in (*args, *kwargs.values()):
            budget.weigh(value)
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str):
            budget.weigh(owner)
            filters.sought(owner, *args, *kwargs.values())
        found = super().call(__context, __obj, *args, **kwargs)
        budget.look_at_clock()
        return budget.make(found)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """`*`, `**`, `+`, `-` and `%`, refused where the result would be huge."""
        if operator == "**":
            raise SecurityError("The operator ** is not offered here.")
        if operator == "%" and isinstance(left, (str, bytes)):
            raise SecurityError("Text formatting with % is not offered here.")
        if operator == "*":
            _multipliable(left, right)
        return bounded_text(filters.bounded_number(super().call_binop(context, operator, left, right)))


def _multipliable(left: Any, right: Any) -> None:
    """TooMuch or SecurityError where a product would be huge."""
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MAX_BITS:
        raise TooMuch(f"{running().limits.what} makes a number of more than 1000 digits.")
    for one, other in ((left, right), (right, left)):
        if isinstance(one, (list, tuple)):
            raise SecurityError("Lists cannot be multiplied here.")
        if isinstance(one, (str, bytes)) and isinstance(other, int) and len(one) * other > running().limits.text:
            raise running().too_long()


def _offers(obj: Any, attribute: str) -> bool:
    """Whether a template may ask a plain value for this: a harmless method, or a field of a named tuple (as groupby makes)."""
    if isinstance(obj, str):
        return attribute in TEXT_METHODS
    if isinstance(obj, (list, tuple)):
        return attribute in LIST_METHODS or attribute in getattr(type(obj), "_fields", ())
    return False
