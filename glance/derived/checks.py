"""What a derived series may be made of: every field checked, no circles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from glance import formulas
from glance.errors import FieldError, Invalid, PreconditionFailed
from glance.formulas import Formula
from glance.mqtt.readings import OWN_DEVICE
from glance.store.derived import DerivedSeries, Input

DEVICE = OWN_DEVICE
MOST_INPUTS = 30
SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
RESERVED = frozenset(
    {"and", "or", "not", "if", "else", "in", "is", "true", "false", "none", "lambda", "for", "while", "import"}
)


@dataclass(frozen=True, slots=True)
class Worked:
    """A derived series ready to work out: its formula and those of its inputs that exist, by name."""

    about: DerivedSeries
    formula: Formula


def keys_of(about: DerivedSeries) -> set[tuple[str, str]]:
    """Its inputs as (device, sensor)."""
    return {(each.device, each.sensor) for each in about.inputs}


def makes_a_circle(made: DerivedSeries, others: Mapping[str, Worked]) -> bool:
    """Whether its inputs lead back to it, over any number of steps."""
    waiting, seen = [made], set[str]()
    while waiting:
        for device, sensor in keys_of(waiting.pop()):
            if device != DEVICE or sensor in seen:
                continue
            if sensor == made.slug:
                return True
            seen.add(sensor)
            if sensor in others:
                waiting.append(others[sensor].about)
    return False


def free_slug(title: str, taken: Mapping[str, Worked]) -> str:
    """A slug made from a title."""
    plain = re.sub(r"[^a-z0-9]+", "-", title.casefold().replace("ß", "ss")).strip("-")[:50].strip("-") or "series"
    slug, count = plain, 2
    while slug in taken:
        slug, count = f"{plain}-{count}", count + 1
    return slug


def checked(
    about: DerivedSeries, given: Mapping[str, Any], others: Mapping[str, Worked], errors: list[FieldError]
) -> Worked:
    """`about` with what is given, ready to work out; Invalid names each field, with those in `errors`."""
    inputs = about.inputs
    if "inputs" in given:
        inputs = tuple(Input(each["name"], each["device"], each["sensor"]) for each in given["inputs"])
    made = replace(
        about,
        title=str(given.get("title", about.title)).strip(),
        expression=str(given.get("expression", about.expression)).strip(),
        inputs=inputs,
        unit=(given.get("unit", about.unit) or "").strip() or None,
        decimals=given.get("decimals", about.decimals),
        is_counter=bool(given.get("is_counter", about.is_counter)),
    )
    errors = [*errors, *_faults(made)]
    formula = None
    try:
        formula = formulas.parse(made.expression)
    except Invalid as error:
        errors.append(FieldError("expression", error.sentence))
    if formula is not None:
        unknown = sorted(formula.names - {each.name for each in inputs})
        if unknown:
            errors.append(FieldError("expression", f"{', '.join(unknown)}: not among the inputs."))
    if makes_a_circle(made, others):
        errors.append(FieldError("inputs", "lead back to this series itself"))
    if errors or formula is None:
        raise Invalid(_summary(errors), errors)
    return Worked(made, formula)


def _faults(made: DerivedSeries) -> list[FieldError]:
    errors: list[FieldError] = []
    if not 0 < len(made.title) <= 80:
        errors.append(FieldError("title", "needs 1 to 80 characters"))
    if not made.inputs:
        errors.append(FieldError("inputs", "needs at least one sensor"))
    if len(made.inputs) > MOST_INPUTS:
        errors.append(FieldError("inputs", f"takes at most {MOST_INPUTS}"))
    names = [each.name for each in made.inputs]
    for turn, each in enumerate(made.inputs):
        taken = each.name in formulas.FUNCTIONS or each.name in formulas.WINDOWS or each.name in RESERVED
        if not NAME.fullmatch(each.name) or taken:
            errors.append(
                FieldError(f"inputs.{turn}.name", "must be a short name such as t or power_1, and no function")
            )
        elif each.name in names[:turn]:
            errors.append(FieldError(f"inputs.{turn}.name", "is used twice"))
        if not each.device or not each.sensor:
            errors.append(FieldError(f"inputs.{turn}.sensor", "is missing"))
    if made.unit and len(made.unit) > 24:
        errors.append(FieldError("unit", "has at most 24 characters"))
    if made.decimals is not None and not 0 <= made.decimals <= 8:
        errors.append(FieldError("decimals", "goes from 0 to 8"))
    return errors


def _summary(errors: Sequence[FieldError]) -> str:
    first = f"{errors[0].field}: {errors[0].message.rstrip('.')}."
    return first if len(errors) == 1 else f"{len(errors)} fields do not fit; the first is {first}"


def refuse_stale(before: DerivedSeries, if_version: int | None) -> None:
    """PreconditionFailed where it was changed since the caller read it."""
    if if_version is not None and if_version != before.version:
        raise PreconditionFailed("The derived series was changed since you read it.", before)
