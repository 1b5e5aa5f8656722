"""From an answer to what a card draws: picking by JMESPath, and the shapes value, points and rows. Pure."""

from __future__ import annotations

from glance.shapes.forms import fit
from glance.shapes.picking import check_pick, pick
from glance.shapes.query import fault, search
from glance.shapes.scalars import moment, number
from glance.shapes.tree import Leaf, tree

__all__ = ["Leaf", "check_pick", "fault", "fit", "moment", "number", "pick", "search", "tree"]
