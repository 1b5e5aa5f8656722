"""Decoders: what a message from a device says. Pure: no I/O, no clock; `Decoder.message` never raises."""

from glance.mqtt.decode.decoder import Decoder

__all__ = ["Decoder"]
