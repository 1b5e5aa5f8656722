"""Glance: a self-hosted dashboard that is there at once."""

__version__ = "0.1.0"
