"""Runs a stranger's Python in a process of its own that can reach nothing but two pipes.

`glance.sandbox.host` is what the rest of Glance uses. `zygote`, `cage`, `inside`, `rules`, `machine` and `frames` are the part
that lives in the other process; they import nothing else of Glance, so that this process stays small and knows nothing.
"""
