"""Which topics of a Home Assistant component hold a state, and what kind of values they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from glance.mqtt.readings import SensorKind

# Components that have something to show; the others are declared for Home Assistant only.
SHOWN = frozenset(
    "sensor binary_sensor switch light number select cover climate lock fan button text event update device_tracker vacuum "
    "valve humidifier water_heater alarm_control_panel lawn_mower siren".split()
)
IGNORED = frozenset("device_automation tag scene camera image notify".split())
TRIGGER = "device_automation"
COMPONENTS = SHOWN | IGNORED | {"device"}
NUMERIC_CLASSES = frozenset(
    "apparent_power aqi atmospheric_pressure battery carbon_dioxide carbon_monoxide current data_rate data_size distance "
    "duration energy energy_storage frequency gas humidity illuminance irradiance moisture monetary nitrogen_dioxide ozone ph "
    "pm1 pm10 pm25 power power_factor precipitation precipitation_intensity pressure reactive_power signal_strength "
    "sound_pressure speed sulphur_dioxide temperature voltage volume volume_flow_rate volume_storage water weight "
    "wind_speed volatile_organic_compounds".split()
)
TIMES = frozenset(("timestamp", "date"))
# What of a payload that is no object belongs to a source which else reads a key: everything, words, numbers, nothing.
Whole = Literal["any", "word", "number", "none"]


class Source(NamedTuple):
    """One state of an entity: where it comes from, the suffix of its sensor, its kind and unit.

    `path` is a key of the JSON object that the payload (or what its template gives) is; what is no object is taken as `whole` says.
    """

    topic: str
    template: str | None
    suffix: str
    kind: SensorKind | None
    unit: str | None = None
    path: str | None = None
    whole: Whole = "any"


# component -> (topic key, template key, suffix, kind, unit)
PARTS: dict[str, tuple[tuple[str, str, str, SensorKind | None, str | None], ...]] = {
    "light": (
        ("brightness_state_topic", "brightness_value_template", ".brightness", "number", None),
        ("color_temp_state_topic", "color_temp_value_template", ".color_temp", "number", "mired"),
        ("effect_state_topic", "effect_value_template", ".effect", "enum", None),
        ("color_mode_state_topic", "color_mode_value_template", ".color_mode", "enum", None),
        ("rgb_state_topic", "rgb_value_template", ".rgb", "text", None),
        ("rgbw_state_topic", "rgbw_value_template", ".rgbw", "text", None),
        ("rgbww_state_topic", "rgbww_value_template", ".rgbww", "text", None),
        ("hs_state_topic", "hs_value_template", ".hs", "text", None),
        ("xy_state_topic", "xy_value_template", ".xy", "text", None),
    ),
    "cover": (
        ("position_topic", "position_template", ".position", "number", "%"),
        ("tilt_status_topic", "tilt_status_template", ".tilt", "number", "%"),
    ),
    "climate": (
        ("current_temperature_topic", "current_temperature_template", ".current_temperature", "number", None),
        ("temperature_state_topic", "temperature_state_template", ".target_temperature", "number", None),
        ("temperature_high_state_topic", "temperature_high_state_template", ".target_temperature_high", "number", None),
        ("temperature_low_state_topic", "temperature_low_state_template", ".target_temperature_low", "number", None),
        ("current_humidity_topic", "current_humidity_template", ".current_humidity", "number", "%"),
        ("target_humidity_state_topic", "target_humidity_state_template", ".target_humidity", "number", "%"),
        ("mode_state_topic", "mode_state_template", ".mode", "enum", None),
        ("action_topic", "action_template", ".action", "enum", None),
        ("fan_mode_state_topic", "fan_mode_state_template", ".fan_mode", "enum", None),
        ("swing_mode_state_topic", "swing_mode_state_template", ".swing_mode", "enum", None),
        ("swing_horizontal_mode_state_topic", "swing_horizontal_mode_state_template", ".swing_2", "enum", None),
        ("preset_mode_state_topic", "preset_mode_value_template", ".preset", "enum", None),
    ),
    "fan": (
        ("percentage_state_topic", "percentage_value_template", ".percentage", "number", "%"),
        ("preset_mode_state_topic", "preset_mode_value_template", ".preset", "enum", None),
        ("oscillation_state_topic", "oscillation_value_template", ".oscillation", "boolean", None),
        ("direction_state_topic", "direction_value_template", ".direction", "enum", None),
    ),
    "humidifier": (
        ("target_humidity_state_topic", "target_humidity_state_template", ".target_humidity", "number", "%"),
        ("current_humidity_topic", "current_humidity_template", ".current_humidity", "number", "%"),
        ("mode_state_topic", "mode_state_template", ".mode", "enum", None),
        ("action_topic", "action_template", ".action", "enum", None),
    ),
}
PARTS["water_heater"] = PARTS["climate"]
PARTS["lawn_mower"] = (("activity_state_topic", "activity_value_template", "", "enum", None),)
PARTS["update"] = (("latest_version_topic", "latest_version_template", ".latest_version", "text", None),)
STATE_KINDS: dict[str, SensorKind] = {
    "binary_sensor": "boolean", "switch": "boolean", "light": "boolean", "fan": "boolean", "humidifier": "boolean",
    "siren": "boolean", "number": "number", "select": "enum", "cover": "enum", "valve": "enum", "lock": "enum",
    "text": "text", "event": "event", "device_tracker": "enum", "vacuum": "enum", "alarm_control_panel": "enum",
    "update": "text",
}  # fmt: skip
JSON_LIGHT: tuple[tuple[str, SensorKind | None, str | None], ...] = (
    ("state", "boolean", None), ("brightness", "number", None), ("color_temp", "number", "mired"), ("color_mode", "enum", None),
    ("effect", "enum", None),
)  # fmt: skip
TEMPLATE_LIGHT: tuple[tuple[str, str, SensorKind | None, str | None], ...] = (
    ("brightness_template", ".brightness", "number", None), ("color_temp_template", ".color_temp", "number", "mired"),
    ("effect_template", ".effect", "enum", None),
)  # fmt: skip
STATE_WORDS = tuple(
    f"state_{word}" for word in "locked unlocked locking unlocking jammed open opening closed closing stopped".split()
)
QUIET_KEYS = frozenset("json_attributes_topic image_topic url_topic set_position_topic set_fan_speed_topic".split())
# Components whose state_topic holds a state.
STATED = SHOWN - {"button", "climate", "water_heater", "lawn_mower"}
JSON_VACUUM: tuple[tuple[str, SensorKind | None, str | None], ...] = (
    ("state", "enum", None), ("battery_level", "number", "%"), ("fan_speed", "enum", None),
)  # fmt: skip


def sources(component: str, config: Mapping[str, Any]) -> Iterator[Source]:
    """Every state of an entity that can be read."""
    state_topic = config.get("state_topic")
    if type(state_topic) is str and component in STATED:
        yield from _states(component, config, state_topic)
    for topic_key, template_key, suffix, kind, unit in PARTS.get(component, ()):
        topic = config.get(topic_key)
        if type(topic) is str:
            template = _template(config, template_key)
            if template is None and topic_key == "position_topic":
                template = _template(config, "value_template") if topic == state_topic else None
            yield Source(topic, template, suffix, kind, unit or _temperature_unit(suffix, config))


def _states(component: str, config: Mapping[str, Any], topic: str) -> Iterator[Source]:
    """What an entity's state topic holds: one value, or several in an object."""
    own = _template(config, "value_template")
    template = _template(config, "state_value_template") or own or _template(config, "state_template")
    if component == "light" and config.get("schema") == "json":
        yield from (Source(topic, None, f".{path}", kind, unit, path, _main(path)) for path, kind, unit in JSON_LIGHT)
    elif component == "vacuum" and not own:
        yield from (Source(topic, None, f".{path}", kind, unit, path, _main(path)) for path, kind, unit in JSON_VACUUM)
    elif component == "event":
        yield Source(topic, own, "", "event", None, "event_type", "any")
    elif component == "update":
        yield Source(topic, own, "", "text", None, "installed_version")
        if "latest_version_topic" not in config:
            yield Source(topic, own, ".latest_version", "text", None, "latest_version", "none")
    elif component == "valve":
        position = config.get("reports_position") is True
        yield Source(topic, own, "", "enum", None, "state", "word" if position else "any")
        if position:
            yield Source(topic, own, ".position", "number", "%", "position", "number")
    elif component == "siren":
        yield Source(topic, template, "", "boolean", None, "state")
    elif component == "sensor":
        if str(config.get("device_class")) not in TIMES:
            yield Source(topic, template, "", sensor_kind(config))
    else:
        yield Source(topic, template, "", STATE_KINDS.get(component))
        if component == "light" and config.get("schema") == "template":
            yield from (
                Source(topic, config[key], suffix, kind, unit)
                for key, suffix, kind, unit in TEMPLATE_LIGHT
                if _template(config, key)
            )


def _main(path: str) -> Whole:
    return "any" if path == "state" else "none"


def quiet(component: str, config: Mapping[str, Any]) -> Iterator[str]:
    """Topics of an entity that hold no state to draw: attributes, pictures, tags, commands, moments."""
    for key, topic in config.items():
        if type(topic) is str and topic and (key.endswith("command_topic") or key in QUIET_KEYS):
            yield topic
    topic = config.get("state_topic")
    if component == "sensor" and str(config.get("device_class")) in TIMES and type(topic) is str and topic:
        # A moment is no value to draw, whatever a reader without the declaration would make of it.
        yield topic
    topic = config.get("topic")
    if type(topic) is str and topic and component in IGNORED and component != TRIGGER:
        yield topic


def sensor_kind(config: Mapping[str, Any]) -> SensorKind | None:
    """The kind of a sensor: with a unit, a state class or a numeric device class it must be a number."""
    device_class = str(config.get("device_class"))
    if device_class == "enum" or config.get("options"):
        return "enum"
    if config.get("unit_of_measurement") or config.get("state_class") or device_class in NUMERIC_CLASSES:
        return "number"
    return None


def truth(component: str, config: Mapping[str, Any], suffix: str = "") -> dict[str, bool] | None:
    """The words for on and off of a state that has two."""
    if suffix == ".oscillation":
        return {
            str(config.get("payload_oscillation_on", "oscillate_on")): True,
            str(config.get("payload_oscillation_off", "oscillate_off")): False,
        }
    if STATE_KINDS.get(component) != "boolean":
        return None
    on, off = config.get("payload_on", "ON"), config.get("payload_off", "OFF")
    if component in ("switch", "siren"):
        on, off = config.get("state_on", on), config.get("state_off", off)
    if component == "light" and config.get("schema") == "template":
        on, off = "on", "off"
    return {str(on): True, str(off): False}


def states_by_number(component: str, config: Mapping[str, Any]) -> dict[str, str] | None:
    """The states of a lock, a cover or a valve that sends numbers for them, each by what Home Assistant calls it."""
    found = {
        str(config[key]): key.removeprefix("state_")
        for key in STATE_WORDS
        if component in ("lock", "cover", "valve") and str(config.get(key, "")).isdecimal()
    }
    return found or None


def _template(config: Mapping[str, Any], key: str) -> str | None:
    template = config.get(key)
    return template if type(template) is str and template.strip() else None


def _temperature_unit(suffix: str, config: Mapping[str, Any]) -> str | None:
    unit = config.get("temperature_unit")
    return f"°{unit}" if suffix.find("temperature") >= 0 and unit in ("C", "F") else None
