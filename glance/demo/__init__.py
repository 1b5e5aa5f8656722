"""`make demo`: Glance on a throw-away data folder, filled, with small services, a broker and devices of its own on loopback; no internet needed."""
