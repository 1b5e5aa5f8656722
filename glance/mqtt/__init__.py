"""Devices over MQTT: what a message says (decode, pure) and the thread that receives it (client)."""
