"""Home Assistant telling its own entities: `homeassistant/<domain>/<entity>/state` and one topic per attribute.

Source: home-assistant/core components/mqtt_statestream. Attributes are JSON; sketches of ESP boards use the same topics.
"""

from __future__ import annotations

from glance.mqtt.decode import units
from glance.mqtt.decode.draft import Draft
from glance.mqtt.decode.ha_components import COMPONENTS
from glance.mqtt.decode.keys import clean, role
from glance.mqtt.readings import SensorInfo

ECOSYSTEM = "home-assistant"
DOMAINS = (COMPONENTS - {"device"}) | frozenset(
    "sun person weather media_player input_boolean input_number input_select input_text counter timer remote zone schedule".split()
)
# Attributes that describe an entity, they are no state of it.
ABOUT = frozenset(
    "friendly_name unit_of_measurement device_class state_class icon entity_picture attribution supported_features "
    "supported_color_modes effect_list options editable assumed_state restored min max step min_mireds max_mireds "
    "min_color_temp_kelvin max_color_temp_kelvin min_temp max_temp target_temp_step hvac_modes fan_modes preset_modes "
    "swing_modes min_humidity max_humidity available_modes fan_speed_list source_list sound_mode_list event_types user_id "
    "code_format code_arm_required last_reset last_reported entity_id device_trackers in_zones".split()
)


def is_stream(levels: list[str]) -> bool:
    """Whether a topic is of one entity: `homeassistant/<domain>/<entity>/<state or attribute>`."""
    return len(levels) == 4 and levels[0] == "homeassistant" and levels[1] in DOMAINS


def read(draft: Draft, levels: list[str]) -> None:
    """The state of an entity or one of its attributes."""
    draft.ecosystem = ECOSYSTEM
    device, key, value = clean(levels[2]), levels[3], draft.message.body.value
    if key == "friendly_name" and type(value) is str:
        draft.device(device, name=value)
    elif key == "unit_of_measurement" and type(value) is str:
        draft.declare(SensorInfo(draft.memory.same.get(device, device), "state", unit=units.normal(value)))
    if key in ABOUT or role(key) not in ("sensor", "event") or type(value) in (dict, list):
        draft.says("meta", f"“{key}” describes the entity, it is no reading.")
        return
    if draft.reading(device, clean(key), value, units.guess(key, value)) and not draft.knows(device):
        draft.device(device, name=levels[2])
