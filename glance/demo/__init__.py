"""`make demo`: Glance on a throw-away data folder, filled, with small services of its own on loopback; no internet needed."""
