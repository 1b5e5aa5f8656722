"""Devices in the browser: the list, one device, its messages, and making widgets of its sensors."""
