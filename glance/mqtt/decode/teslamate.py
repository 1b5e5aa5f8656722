"""TeslaMate: `teslamate/[namespace/]cars/<n>/<key>`, all retained. Source: teslamate-org/teslamate website docs (MQTT)."""

from __future__ import annotations

from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.keys import clean, role
from glance.mqtt.readings import SensorKind

ECOSYSTEM = "teslamate"
UNITS = {
    "battery_level": "%", "usable_battery_level": "%", "charge_limit_soc": "%", "power": "kW", "charger_power": "kW",
    "inside_temp": "°C", "outside_temp": "°C", "driver_temp_setting": "°C", "speed": "km/h", "odometer": "km",
    "est_battery_range_km": "km", "ideal_battery_range_km": "km", "rated_battery_range_km": "km", "elevation": "m",
    "charge_energy_added": "kWh", "charger_actual_current": "A", "charger_voltage": "V", "charge_current_request": "A",
    "charge_current_request_max": "A", "time_to_full_charge": "h", "heading": "°", "tpms_pressure_fl": "bar",
    "tpms_pressure_fr": "bar", "tpms_pressure_rl": "bar", "tpms_pressure_rr": "bar", "center_display_state": None,
    "active_route_miles_to_arrival": "mi", "active_route_minutes_to_arrival": "min", "active_route_energy_at_arrival": "%",
    "active_route_traffic_minutes_delay": "min", "passenger_temp_setting": "°C", "charger_phases": None,
}  # fmt: skip
KINDS: dict[str, SensorKind] = {
    "state": "enum", "shift_state": "enum", "geofence": "text", "charging_state": "enum", "climate_keeper_mode": "enum",
    "active_route_destination": "text",
}  # fmt: skip
META = frozenset(
    "version update_version since exterior_color wheel_type spoiler_type trim_badging location latitude longitude "
    "scheduled_charging_start_time active_route".split()
)


def parts_of(levels: list[str]) -> tuple[str, str] | None:
    """(device, key) of a topic of TeslaMate."""
    if levels[0] != "teslamate" or len(levels) not in (4, 5) or levels[-3] != "cars":
        return None
    return clean("/".join(levels[1:-1])), levels[-1]


def read(draft: Draft, device: str, key: str) -> None:
    """One key of a car."""
    draft.ecosystem = ECOSYSTEM
    body = draft.message.body
    if key in ("display_name", "model") and body.form == "text":
        if key == "display_name":
            draft.device(device, name=str(body.value), maker="Tesla")
        else:
            draft.device(device, model=f"Model {body.value}", maker="Tesla")
        draft.says("declaration", "The car's name.")
        return
    if key == "healthy" or (key not in META and role(key) == "sensor" and body.form == "text"):
        if not draft.knows(device):
            draft.device(device, name=f"Tesla {device.rpartition('/')[2]}", maker="Tesla")
        draft.reading(device, clean(key), body.value, UNITS.get(key), KINDS.get(key))
        return
    draft.says("meta", "About the car, or where it is: not a reading.")
