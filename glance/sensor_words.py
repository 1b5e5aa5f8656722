"""The words behind sensor_names: what publishers abbreviate, and what people call it. Keys as the publisher writes them.

Sources: those of the decoders (glance/mqtt/decode), ems-esp's and Ecowitt's own key lists.
"""

from __future__ import annotations

# One word of a name, lower case, wherever it appears.
WORDS = {
    "co2": "CO₂", "eco2": "eCO₂", "tvoc": "TVOC", "voc": "VOC", "iaq": "IAQ", "uv": "UV", "uvi": "UV index", "ac": "AC", "dc": "DC",
    "pv": "PV", "soc": "SoC", "wifi": "Wi-Fi", "ip": "IP", "cpu": "CPU", "ram": "RAM", "ph": "pH", "orp": "ORP", "mqtt": "MQTT",
    "hvac": "HVAC", "usb": "USB", "led": "LED", "lqi": "LQI", "pm1": "PM1", "pm10": "PM10", "pm25": "PM2.5", "rssi": "RSSI", "snr": "SNR",
    "l1": "L1", "l2": "L2", "l3": "L3", "ch": "CH", "dhw": "DHW", "dtu": "DTU", "cct": "CCT", "rgb": "RGB", "evcc": "evcc",
    "temp": "temperature", "temps": "temperatures", "pm2.5": "PM2.5", "hum": "humidity",
}  # fmt: skip
# A whole level of a path or a whole key, lower case, of any publisher.
PARTS = {
    "hum": "humidity", "batt": "battery", "bat": "battery", "temp": "temperature", "tempc": "temperature", "tempf": "temperature (°F)",
    "temperature_c": "temperature", "temperature_f": "temperature (°F)", "lux": "illuminance", "light_lux": "illuminance",
    "linkquality": "link quality", "lowbatt": "low battery", "volt": "voltage", "pres": "pressure", "moi": "moisture", "fer": "fertility",
    "cont": "contact", "vel": "speed", "acc": "accuracy", "alt": "altitude", "vac": "vertical accuracy", "freemem": "free memory", "uptimesec": "uptime",
    "uptime_sec": "uptime", "uptime_seconds": "uptime", "air_util_tx": "air time", "battery_ok": "battery", "wind_avg": "wind speed",
    "wind_max": "wind gust", "wind_dir": "wind direction", "strike_count": "lightning strikes", "strike_distance": "lightning distance",
    "storm_dist": "storm distance", "solarcharger": "solar charger", "vebus": "inverter", "pf": "power factor", "freq": "frequency",
    "rssi": "RSSI", "snr": "SNR", "soc": "state of charge", "batterysoc": "battery charge", "vehiclesoc": "vehicle charge", "limitsoc": "charge limit",
    "wifistrength": "Wi-Fi strength", "current_temperature": "temperature", "barometric_pressure": "air pressure", "baro": "air pressure",
    "yieldday": "yield today", "yieldtotal": "total yield", "electricity_delivered_1": "electricity delivered, tariff 1",
    "electricity_delivered_2": "electricity delivered, tariff 2", "electricity_returned_1": "electricity returned, tariff 1",
    "electricity_returned_2": "electricity returned, tariff 2", "energy_delivered_tariff1": "energy delivered, tariff 1",
    "energy_delivered_tariff2": "energy delivered, tariff 2", "electricity_currently_delivered": "power",
    "electricity_currently_returned": "power returned", "power_delivered": "power", "gas_delivered": "gas", "svalue1": "value 1", "svalue2": "value 2",
}  # fmt: skip
SHELLY = {
    "relay": "switch", "emeter": "meter", "roller": "cover", "em": "meter", "em1": "meter", "emdata": "meter", "em1data": "meter", "pm1": "meter",
    "adc": "analogue input", "devicepower": "battery", "voltmeter": "voltmeter", "bthomesensor": "Bluetooth sensor", "blutrv": "valve",
    "bthomedevice": "Bluetooth device", "thermostat": "thermostat", "rgbw": "light", "rgb": "light", "cct": "light", "ext_temperature": "external temperature",
    "ext_humidity": "external humidity", "ext_switch": "external switch", "ext_temperature_f": "external temperature (°F)",
    "ext_temperatures": "external sensor", "longpush": "long push", "input_event": "button", "double_push": "double push", "wifi": "Wi-Fi",
    "apower": "power", "act_power": "power", "aprt_power": "apparent power", "pf": "power factor", "freq": "frequency", "lux": "illuminance", "rh": "humidity",
    "aenergy.total": "energy", "ret_aenergy.total": "energy returned", "total_act_power": "total power", "total_aprt_power": "total apparent power",
    "total_current": "total current", "total_act_energy": "energy", "total_act_ret_energy": "energy returned", "total_act": "total energy",
    "total_act_ret": "total energy returned", "temperature.tC": "device temperature", "temperature.tF": "device temperature (°F)", "tC": "temperature",
    "tF": "temperature (°F)", "battery.percent": "battery", "battery.V": "battery voltage", "external.present": "external power", "counts.total": "count",
    "percent": "level", "current_pos": "position", "target_pos": "target position", "pos": "position", "pos_control": "position control",
    "slat_pos": "slat position", "last_direction": "last direction", "current_C": "temperature", "target_C": "target temperature", "illumination": "light level",
    "total": "energy", "total_returned": "energy returned", "reactive_power": "reactive power", "overpower_value": "overpower", "temp": "colour temperature",
    "ct": "colour temperature", "temperature_f": "temperature (°F)", "temperature_status": "temperature state", "overtemperature": "overheating", "bat": "battery",
    "tmp.value": "temperature", "tmp.is_valid": "temperature valid", "target_t.value": "target temperature", "target_t.enabled": "heating",
    "wifi:rssi": "Wi-Fi signal", "sys:uptime": "uptime", "rssi": "signal", "concentration": "gas concentration", "stop_reason": "stop reason", "xvoltage": "converted voltage",
}  # fmt: skip
TASMOTA = {
    "POWER": "Switch", "Switch": "Input", "ENERGY.Total": "Energy", "ENERGY.Today": "Energy today", "ENERGY.Yesterday": "Energy yesterday", "ENERGY.Period": "Energy since last report",
    "ENERGY.TotalTariff": "Energy tariff", "ENERGY.ExportTariff": "Energy exported, tariff", "ENERGY.ExportActive": "Energy exported",
    "ENERGY.ImportActive": "Energy imported", "ENERGY.ExportReactive": "Reactive energy exported", "ENERGY.ImportReactive": "Reactive energy imported",
    "ENERGY.ApparentPower": "Apparent power", "ENERGY.ReactivePower": "Reactive power", "ENERGY.Factor": "Power factor", "ENERGY.PhaseAngle": "Phase angle",
    "Wifi.RSSI": "Wi-Fi quality", "Wifi.Signal": "Wi-Fi signal", "Wifi.LinkCount": "Wi-Fi reconnects", "Wifi.Channel": "Wi-Fi channel",
    "LoadAvg": "Load", "UptimeSec": "Uptime", "Vcc": "Supply voltage", "Heap": "Free memory", "MqttCount": "MQTT connections", "CarbonDioxide": "CO₂",
    "DewPoint": "Dew point", "CT": "Colour temperature", "Power_curr": "Power", "Total_in": "Energy", "Total_out": "Energy returned", "eCO2": "eCO₂",
    "LinkQuality": "Link quality", "SeaPressure": "Sea-level pressure", "BatteryPercentage": "Battery", "ActivePower": "Power", "RMSVoltage": "Voltage",
    "aHumidity": "Absolute humidity", "Ambient": "Illuminance", "Speed.Act": "Wind speed", "Speed.Avg": "Wind speed, mean", "Speed.Max": "Wind gust",
    "Speed.Min": "Wind speed, lowest", "Dir.Deg": "Wind direction", "Dir.Card": "Wind direction in words", "Dir.Avg": "Wind direction, mean",
    "Dir.AvgCard": "Wind direction in words, mean", "Dir.Min": "Wind direction, lowest", "Dir.Max": "Wind direction, highest", "Dir.Range": "Wind direction, range",
    "AMBTMP": "Ambient temperature", "OBJTMP": "Object temperature",
}  # fmt: skip
OPENDTU = {
    "yieldday": "yield today", "yieldtotal": "total yield", "powerdc": "DC power", "powerfactor": "power factor", "reactivepower": "reactive power",
    "limit_relative": "power limit", "limit_absolute": "power limit in watts", "p_ac": "AC power", "u_ac": "AC voltage", "i_ac": "AC current", "q_ac": "reactive power",
    "f_ac": "frequency", "pf_ac": "power factor", "u_dc": "DC voltage", "i_dc": "DC current", "p_dc": "DC power", "temp": "temperature", "rssi": "signal",
    "wifi_rssi": "Wi-Fi signal", "active_powerlimit": "power limit", "maxpower": "highest power", "maxtemp": "highest temperature",
}  # fmt: skip
VALETUDO = {
    "BatteryStateAttribute/level": "battery", "BatteryStateAttribute/status": "charging", "StatusStateAttribute/status": "status", "StatusStateAttribute/flag": "task",
    "StatusStateAttribute/error": "error", "CurrentStatisticsCapability/area": "cleaned area", "CurrentStatisticsCapability/time": "cleaning time",
    "TotalStatisticsCapability/area": "cleaned area in all", "TotalStatisticsCapability/time": "cleaning time in all",
    "TotalStatisticsCapability/count": "cleanings", "WifiConfigurationCapability/signal": "Wi-Fi signal", "FanSpeedControlCapability/preset": "fan speed",
    "WaterUsageControlCapability/preset": "water usage", "OperationModeControlCapability/preset": "operation mode",
    "SpeakerVolumeControlCapability/value": "volume", "AttachmentStateAttribute/dustbin": "dustbin attached", "AttachmentStateAttribute/mop": "mop attached",
    "AttachmentStateAttribute/watertank": "water tank attached",
}  # fmt: skip
# By command class (number or name) and value.
ZWAVE = {
    "37/currentValue": "Switch", "switch_binary/currentValue": "Switch", "38/currentValue": "Level", "switch_multilevel/currentValue": "Level",
    "128/level": "Battery", "battery/level": "Battery", "128/isLow": "Low battery", "battery/isLow": "Low battery", "98/currentMode": "Lock",
}  # fmt: skip
ECOWITT = {
    "tempf": "outdoor temperature", "tempinf": "indoor temperature", "humidity": "outdoor humidity", "humidityin": "indoor humidity", "temp1f": "temperature 1", "humidity1": "humidity 1", "humidity2": "humidity 2", "humidity3": "humidity 3", "humidity4": "humidity 4",
    "humidity5": "humidity 5", "humidity6": "humidity 6", "humidity7": "humidity 7", "humidity8": "humidity 8",
    "temp2f": "temperature 2", "temp3f": "temperature 3", "temp4f": "temperature 4", "temp5f": "temperature 5", "temp6f": "temperature 6", "temp7f": "temperature 7",
    "temp8f": "temperature 8", "baromabsin": "absolute pressure", "baromrelin": "air pressure", "dailyrainin": "rain today", "hourlyrainin": "rain this hour",
    "weeklyrainin": "rain this week", "monthlyrainin": "rain this month", "yearlyrainin": "rain this year", "totalrainin": "rain in all", "eventrainin": "rain of this event",
    "rainratein": "rain rate", "drain_piezo": "rain today (piezo)", "erain_piezo": "rain of this event (piezo)", "hrain_piezo": "rain this hour (piezo)",
    "wrain_piezo": "rain this week (piezo)", "mrain_piezo": "rain this month (piezo)", "yrain_piezo": "rain this year (piezo)", "rrain_piezo": "rain rate (piezo)",
    "soilmoisture": "soil moisture", "soilbatt": "soil sensor battery", "leaf_batt": "leaf sensor battery", "leafwetness_ch": "leaf wetness", "leak_ch": "leak",
    "leakbatt": "leak sensor battery", "pm25_ch": "PM2.5", "tf_ch": "probe temperature", "tf_batt": "probe battery", "lightning_num": "lightning strikes today",
    "lightning": "lightning distance", "maxdailygust": "strongest gust today", "winddir": "wind direction", "windspeedmph": "wind speed", "windgustmph": "wind gust",
    "solarradiation": "solar radiation", "uv": "UV index", "batt": "battery", "heap": "free memory", "runtime": "uptime", "wh26batt": "outdoor sensor battery",
    "wh40batt": "rain gauge battery", "wh57batt": "lightning sensor battery", "wh65batt": "weather station battery", "wh90batt": "weather station battery (WS90)",
    "ws90cap_volt": "weather station capacitor", "vpd": "vapour pressure deficit",
}  # fmt: skip
EMS = {
    "curflowtemp": "flow temperature", "selflowtemp": "selected flow temperature", "rettemp": "return temperature", "outdoortemp": "outdoor temperature",
    "dampedoutdoortemp": "damped outdoor temperature", "boiltemp": "boiler temperature", "switchtemp": "mixer temperature", "syspress": "system pressure", "burngas": "burner",
    "burnstarts": "burner starts", "burnworkmin": "burner run time", "heatworkmin": "heating run time", "curburnpow": "burner power", "selburnpow": "selected burner power",
    "flamecurr": "flame current", "fanwork": "fan", "ignwork": "ignition", "heatpmp": "heating pump", "pumpmod": "pump modulation", "heatingpumpmod": "heating pump modulation",
    "pump_mod_max": "highest pump modulation", "pump_mod_min": "lowest pump modulation", "heatingactive": "heating", "tapwateractive": "hot water", "servicecode": "service code",
    "servicecodenumber": "service code number", "ubauptime": "boiler uptime", "seltemp": "selected temperature", "currtemp": "room temperature", "curtemp": "temperature",
    "modetype": "mode type", "flowtemphc": "flow temperature", "valvestatus": "valve", "intoffset": "sensor offset", "rxfails": "receive errors", "rxreceived": "telegrams received",
    "wwcurtmp": "hot water temperature", "wwseltemp": "selected hot water temperature", "wwdesiredtemp": "desired hot water temperature", "wwcircpump": "circulation pump installed",
    "wwcirc": "circulation pump", "wwactivated": "hot water on", "wwcomfort": "hot water comfort", "wwcurflow": "hot water flow", "wwheat": "hot water heating",
    "wwstarts": "hot water starts", "wwworkm": "hot water run time", "hc": "heating circuit", "burnpow": "burner power",
}  # fmt: skip
OMG = {
    "433": "radio code", "ir": "infrared code", "pilight": "radio code", "lvl_cm": "level", "lvl_in": "level (in)", "accx": "acceleration X",
    "accy": "acceleration Y", "accz": "acceleration Z", "mov": "movement", "rot": "rotation", "lightlevel": "light level", "in_ct": "times in",
    "out_ct": "times out", "push_ct": "pushes", "freestack": "free stack", "minfreemem": "lowest free memory", "powermode": "power mode", "pa": "pressure",
}  # fmt: skip
