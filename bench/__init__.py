"""The figures Glance is held to, measured on the real server: `python -m bench`; docs/bench.md says how and why."""
