"""Which topics of a Home Assistant component hold a state, and what kind of values they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from glance.mqtt.readings import SensorKind

# Components that have something to show; the others are declared for Home Assistant only.
SHOWN = frozenset(
    "sensor binary_sensor switch light number select cover climate lock fan button text event update device_tracker vacuum "
    "valve humidifier water_heater alarm_control_panel lawn_mower siren".split()
)
IGNORED = frozenset("device_automation tag scene camera image notify".split())
COMPONENTS = SHOWN | IGNORED | {"device"}
NUMERIC_CLASSES = frozenset(
    "apparent_power aqi atmospheric_pressure battery carbon_dioxide carbon_monoxide current data_rate data_size distance "
    "duration energy energy_storage frequency gas humidity illuminance irradiance moisture monetary nitrogen_dioxide ozone ph "
    "pm1 pm10 pm25 power power_factor precipitation precipitation_intensity pressure reactive_power signal_strength "
    "sound_pressure speed sulphur_dioxide temperature voltage volume volume_flow_rate volume_storage water weight "
    "wind_speed volatile_organic_compounds".split()
)
TIMES = frozenset(("timestamp", "date"))


class Source(NamedTuple):
    """One state of an entity: where it comes from, the suffix of its sensor, its kind and unit.

    `path` is read from the JSON where there is no template (the JSON schema of lights, vacuums).
    """

    topic: str
    template: str | None
    suffix: str
    kind: SensorKind | None
    unit: str | None = None
    path: str | None = None


# component -> (topic key, template key, suffix, kind, unit)
PARTS: dict[str, tuple[tuple[str, str, str, SensorKind | None, str | None], ...]] = {
    "light": (
        ("brightness_state_topic", "brightness_value_template", ".brightness", "number", None),
        ("color_temp_state_topic", "color_temp_value_template", ".color_temp", "number", "mired"),
        ("effect_state_topic", "effect_value_template", ".effect", "enum", None),
    ),
    "cover": (
        ("position_topic", "position_template", ".position", "number", "%"),
        ("tilt_status_topic", "tilt_status_template", ".tilt", "number", "%"),
    ),
    "valve": (("position_topic", "position_template", ".position", "number", "%"),),
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
        ("preset_mode_state_topic", "preset_mode_value_template", ".preset", "enum", None),
    ),
    "fan": (
        ("percentage_state_topic", "percentage_value_template", ".percentage", "number", "%"),
        ("preset_mode_state_topic", "preset_mode_value_template", ".preset", "enum", None),
        ("oscillation_state_topic", "oscillation_value_template", ".oscillation", None, None),
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
STATE_KINDS: dict[str, SensorKind] = {
    "binary_sensor": "boolean", "switch": "boolean", "light": "boolean", "fan": "boolean", "humidifier": "boolean",
    "siren": "boolean", "number": "number", "select": "enum", "cover": "enum", "valve": "enum", "lock": "enum",
    "text": "text", "event": "event", "device_tracker": "enum", "vacuum": "enum", "alarm_control_panel": "enum",
    "lawn_mower": "enum",
}  # fmt: skip
JSON_LIGHT: tuple[tuple[str, SensorKind | None, str | None], ...] = (
    ("state", "boolean", None), ("brightness", "number", None), ("color_temp", "number", "mired"), ("color_mode", "enum", None),
    ("effect", "enum", None),
)  # fmt: skip
JSON_VACUUM: tuple[tuple[str, SensorKind | None, str | None], ...] = (
    ("state", "enum", None), ("battery_level", "number", "%"), ("fan_speed", "enum", None),
)  # fmt: skip


def sources(component: str, config: Mapping[str, Any]) -> Iterator[Source]:
    """Every state of an entity that can be read."""
    state_topic = config.get("state_topic")
    if type(state_topic) is str and component not in ("button", "update"):
        if component == "light" and config.get("schema") == "json":
            yield from (Source(state_topic, None, f".{path}", kind, unit, path) for path, kind, unit in JSON_LIGHT)
        elif component == "vacuum" and not config.get("value_template"):
            yield from (Source(state_topic, None, f".{path}", kind, unit, path) for path, kind, unit in JSON_VACUUM)
        elif component == "event":
            yield Source(
                state_topic,
                _template(config, "value_template"),
                "",
                "event",
                None,
                None if config.get("value_template") else "event_type",
            )
        else:
            template = (
                _template(config, "state_value_template")
                or _template(config, "value_template")
                or _template(config, "state_template")
            )
            kind = sensor_kind(config) if component == "sensor" else STATE_KINDS.get(component)
            if component != "sensor" or str(config.get("device_class")) not in TIMES:
                yield Source(state_topic, template, "", kind)
    for topic_key, template_key, suffix, kind, unit in PARTS.get(component, ()):
        topic = config.get(topic_key)
        if type(topic) is str:
            template = _template(config, template_key)
            if template is None and topic_key == "position_topic":
                template = _template(config, "value_template") if topic == state_topic else None
            yield Source(topic, template, suffix, kind, unit or _temperature_unit(suffix, config))


def sensor_kind(config: Mapping[str, Any]) -> SensorKind | None:
    """The kind of a sensor: with a unit, a state class or a numeric device class it must be a number."""
    device_class = str(config.get("device_class"))
    if device_class == "enum" or config.get("options"):
        return "enum"
    if config.get("unit_of_measurement") or config.get("state_class") or device_class in NUMERIC_CLASSES:
        return "number"
    return None


def truth(component: str, config: Mapping[str, Any]) -> dict[str, bool] | None:
    """The words for on and off of a component that has two states."""
    if STATE_KINDS.get(component) != "boolean":
        return None
    on, off = config.get("payload_on", "ON"), config.get("payload_off", "OFF")
    if component == "switch":
        on, off = config.get("state_on", on), config.get("state_off", off)
    return {str(on): True, str(off): False}


def _template(config: Mapping[str, Any], key: str) -> str | None:
    template = config.get(key)
    return template if type(template) is str and template.strip() else None


def _temperature_unit(suffix: str, config: Mapping[str, Any]) -> str | None:
    unit = config.get("temperature_unit")
    return f"°{unit}" if suffix.find("temperature") >= 0 and unit in ("C", "F") else None
