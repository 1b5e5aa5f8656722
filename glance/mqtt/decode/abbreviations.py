"""The abbreviations of Home Assistant's MQTT discovery. Source: homeassistant/components/mqtt/abbreviations.py."""

from __future__ import annotations

from typing import Any

KEYS = {
    "act_t": "action_topic", "act_tpl": "action_template", "atype": "automation_type", "avty": "availability",
    "avty_mode": "availability_mode", "avty_t": "availability_topic", "avty_tpl": "availability_template",
    "away_mode_stat_t": "away_mode_state_topic", "b_tpl": "blue_template", "bri_cmd_t": "brightness_command_topic",
    "bri_scl": "brightness_scale", "bri_stat_t": "brightness_state_topic", "bri_tpl": "brightness_template",
    "bri_val_tpl": "brightness_value_template", "clr_temp_stat_t": "color_temp_state_topic",
    "clr_temp_val_tpl": "color_temp_value_template", "cmps": "components", "cmd_t": "command_topic",
    "cmd_tpl": "command_template", "curr_hum_t": "current_humidity_topic", "curr_hum_tpl": "current_humidity_template",
    "curr_temp_t": "current_temperature_topic", "curr_temp_tpl": "current_temperature_template", "def_ent_id": "default_entity_id",
    "dev": "device", "dev_cla": "device_class", "dir_stat_t": "direction_state_topic", "e": "encoding", "en": "enabled_by_default",
    "ent_cat": "entity_category", "ent_pic": "entity_picture", "evt_typ": "event_types", "exp_aft": "expire_after",
    "fan_mode_stat_t": "fan_mode_state_topic", "fan_mode_stat_tpl": "fan_mode_state_template", "fanspd_lst": "fan_speed_list",
    "frc_upd": "force_update", "hum_stat_t": "target_humidity_state_topic", "hum_state_tpl": "target_humidity_state_template",
    "ic": "icon", "init": "initial", "json_attr_t": "json_attributes_topic", "json_attr_tpl": "json_attributes_template",
    "json_attr": "json_attributes", "l_ver_t": "latest_version_topic", "l_ver_tpl": "latest_version_template",
    "lrst_val_tpl": "last_reset_value_template", "max": "max", "min": "min", "mode_stat_t": "mode_state_topic",
    "mode_stat_tpl": "mode_state_template", "modes": "modes", "name": "name", "o": "origin", "obj_id": "object_id",
    "off_dly": "off_delay", "on_cmd_type": "on_command_type", "ops": "options", "opt": "optimistic",
    "osc_stat_t": "oscillation_state_topic", "osc_val_tpl": "oscillation_value_template", "p": "platform",
    "pct_stat_t": "percentage_state_topic", "pct_val_tpl": "percentage_value_template", "pl": "payload",
    "pl_avail": "payload_available", "pl_not_avail": "payload_not_available", "pl_off": "payload_off", "pl_on": "payload_on",
    "pl_home": "payload_home", "pl_not_home": "payload_not_home", "pos_clsd": "position_closed", "pos_open": "position_open",
    "pos_t": "position_topic", "pos_tpl": "position_template", "pr_mode_stat_t": "preset_mode_state_topic",
    "pr_mode_val_tpl": "preset_mode_value_template", "qos": "qos", "ret": "retain", "schm": "schema",
    "src_type": "source_type", "stat_cla": "state_class", "stat_clsd": "state_closed", "stat_closing": "state_closing",
    "stat_off": "state_off", "stat_on": "state_on", "stat_open": "state_open", "stat_opening": "state_opening",
    "stat_stopped": "state_stopped", "stat_locked": "state_locked", "stat_unlocked": "state_unlocked", "stat_t": "state_topic",
    "stat_tpl": "state_template", "stat_val_tpl": "state_value_template", "step": "step", "stype": "subtype",
    "sug_dsp_prc": "suggested_display_precision", "sup_clrm": "supported_color_modes", "swing_mode_stat_t": "swing_mode_state_topic",
    "swing_mode_stat_tpl": "swing_mode_state_template", "t": "topic", "temp_cmd_t": "temperature_command_topic",
    "temp_hi_stat_t": "temperature_high_state_topic", "temp_hi_stat_tpl": "temperature_high_state_template",
    "temp_lo_stat_t": "temperature_low_state_topic", "temp_lo_stat_tpl": "temperature_low_state_template",
    "temp_stat_t": "temperature_state_topic", "temp_stat_tpl": "temperature_state_template", "temp_unit": "temperature_unit",
    "tilt_status_t": "tilt_status_topic", "tilt_status_tpl": "tilt_status_template", "uniq_id": "unique_id",
    "unit_of_meas": "unit_of_measurement", "url_t": "url_topic", "val_tpl": "value_template", "set_pos_t": "set_position_topic",
    "hs_stat_t": "hs_state_topic", "rgb_stat_t": "rgb_state_topic", "fx_stat_t": "effect_state_topic", "mdi": "migrate_discovery",
    "migr_discvry": "migrate_discovery", "json_attributes_t": "json_attributes_topic", "pl_rst": "payload_reset",
}  # fmt: skip
DEVICE_KEYS = {
    "cns": "connections", "ids": "identifiers", "cu": "configuration_url", "mf": "manufacturer", "mdl": "model", "mdl_id": "model_id",
    "hw": "hw_version", "sw": "sw_version", "sa": "suggested_area", "sn": "serial_number", "name": "name",
}  # fmt: skip


def expanded(config: dict[str, Any]) -> dict[str, Any]:
    """A discovery payload with whole key names; `~` replaced in topics, textually and only at their ends."""
    base = config.get("~")
    out = {KEYS.get(key, key): value for key, value in config.items() if key != "~"}
    device = out.get("device")
    if isinstance(device, dict):
        out["device"] = {DEVICE_KEYS.get(key, key): value for key, value in device.items()}
    entries = out.get("availability")
    if isinstance(entries, dict):
        entries = out["availability"] = [entries]
    if isinstance(entries, list):
        out["availability"] = [
            expanded({"~": base, **entry} if base is not None else entry)
            for entry in entries
            if isinstance(entry, dict)
        ]
    if type(base) is str:
        for key, value in out.items():
            if type(value) is str and key.endswith("topic"):
                out[key] = _with_base(value, base)
    return out


def _with_base(topic: str, base: str) -> str:
    if topic.startswith("~"):
        return base + topic[1:]
    return topic[:-1] + base if topic.endswith("~") else topic
