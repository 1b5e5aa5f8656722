"""What a card template may not hold, found before it is used: each fault with its line and a sentence."""

from __future__ import annotations

import re

from jinja2 import TemplateSyntaxError, nodes

from glance.cards.sandbox import CardEnvironment

MAX_TEMPLATE = 64 * 1024
# Python itself takes no more than 20 blocks in each other and 100 steps of indentation, of which a block has up to three.
MAX_BLOCKS, MAX_NODES = 15, 150
TOO_DEEP = "The template is nested too deeply."
_BLOCKS = (
    nodes.For,
    nodes.If,
    nodes.Macro,
    nodes.CallBlock,
    nodes.FilterBlock,
    nodes.With,
    nodes.AssignBlock,
    nodes.Block,
)
_GIVEN = frozenset({"data", "params", "widget"})
_SPECIAL = {"loop", "caller", "varargs", "kwargs", "self"}
_STYLE = re.compile(r"<[a-z][^<>]*?\sstyle\s*=", re.I | re.S)
_HANDLER = re.compile(r"<[a-z][^<>]*?\s(on[a-z]{3,})\s*=", re.I | re.S)
_SCRIPT = re.compile(r"<script\b(?![^>]*type=[\"']application/json[\"'])", re.I)
_STYLE_TAG = re.compile(r"<style\b", re.I)
_ELSEWHERE = re.compile(
    r"<(?:img|script|link|source|video|audio|use)\b[^<>]*?\s(?:src|href|srcset)\s*=\s*[\"']?(?:https?:)?//", re.I | re.S
)
_UNTRUSTED_TAG = re.compile(r"<(script|iframe|frame|object|embed|meta|base|link|form|input|textarea)\b", re.I)

_RULES = (
    (_STYLE, "A style attribute is ignored by the browser under Glance's policy; use the classes of the stylesheet."),
    (_HANDLER, "A script attribute (on…) never runs under Glance's policy; leave it out."),
    (_SCRIPT, "A script in a card never runs under Glance's policy; leave it out."),
    (_STYLE_TAG, "A <style> in a card is ignored under Glance's policy; put the rules into style.css."),
    (_ELSEWHERE, "Pictures and scripts of other hosts are not loaded; use image(…) for pictures."),
)


def fault(environment: CardEnvironment, template: str, trusted: bool, names: frozenset[str]) -> tuple[int, str] | None:
    """The first fault of a template as (line, sentence), or None. `names` are the helpers there are."""
    if len(template) > MAX_TEMPLATE:
        return 1, "The template is longer than 64 KB."
    try:
        # Parsed only: making code of every template at the start would cost more than all the rest of reading the folders.
        tree = environment.parse(template)
    except TemplateSyntaxError as error:
        return error.lineno, _sentence(error.message)
    except RecursionError:
        return 1, TOO_DEEP
    return (
        _too_deep(tree)
        or _unknown_filter(environment, tree)
        or _unknown_name(tree, names)
        or _forbidden_node(tree, trusted)
        or _forbidden_text(template, trusted)
    )


def _sentence(message: str | None) -> str:
    text = (message or "The template cannot be read").strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _too_deep(tree: nodes.Template) -> tuple[int, str] | None:
    """A part so deep within others that it could be read, and not be turned into a program."""
    waiting: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    while waiting:
        node, depth, blocks = waiting.pop()
        blocks += isinstance(node, _BLOCKS)
        if depth > MAX_NODES or blocks > MAX_BLOCKS:
            return node.lineno, TOO_DEEP
        waiting.extend((child, depth + 1, blocks) for child in node.iter_child_nodes())
    return None


def _unknown_filter(environment: CardEnvironment, tree: nodes.Template) -> tuple[int, str] | None:
    """A filter or test that is not there; within an `if` Jinja itself would notice only while drawing."""
    for used in tree.find_all((nodes.Filter, nodes.Test)):
        known = environment.filters if isinstance(used, nodes.Filter) else environment.tests
        if used.name not in known:
            what = "filter" if isinstance(used, nodes.Filter) else "test"
            return used.lineno, f"There is no {what} {used.name} in cards."
    return None


def names_in(tree: nodes.Template) -> dict[str, int]:
    """The names a template reads and nowhere sets, with the line where each is first read."""
    set_here = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    set_here |= {node.name for node in tree.find_all(nodes.Macro)} | _SPECIAL
    found: dict[str, int] = {}
    for node in tree.find_all(nodes.Name):
        if node.ctx == "load" and node.name not in set_here:
            found[node.name] = min(node.lineno, found.get(node.name, node.lineno))
    return found


def _unknown_name(tree: nodes.Template, names: frozenset[str]) -> tuple[int, str] | None:
    """A name that is neither given nor a helper nor set in the template."""
    unknown = sorted((line, name) for name, line in names_in(tree).items() if name not in _GIVEN | names)
    for line, name in unknown:
        return line, f"“{name}” is not known in a card; there are data, params, widget and the helpers."
    return None


def _forbidden_node(tree: nodes.Template, trusted: bool) -> tuple[int, str] | None:
    for part in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        return part.lineno, "A card is one file: include, import and extends are not offered."
    if trusted:
        return None
    for scoped in tree.find_all((nodes.ScopedEvalContextModifier, nodes.EvalContextModifier)):
        return scoped.lineno, "Escaping cannot be switched off in a card that is not from a folder."
    for used in tree.find_all(nodes.Filter):
        if used.name == "safe":
            return used.lineno, "The filter safe is offered to cards from a folder only; use markdown or clean_html."
    return None


def _forbidden_text(template: str, trusted: bool) -> tuple[int, str] | None:
    """Markup that the page's policy forbids anyway, named before somebody wonders why it does nothing."""
    # Expressions may hold quotes and angle brackets; blanked, they keep their length and lines.
    text = re.sub(
        r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", lambda found: re.sub(r"[^\n]", "x", found.group()), template, flags=re.S
    )
    for rule, sentence in _RULES:
        found = rule.search(text)
        if found:
            return text.count("\n", 0, found.end()) + 1, sentence
    if not trusted:
        tag = _UNTRUSTED_TAG.search(text)
        if tag:
            return text.count(
                "\n", 0, tag.start()
            ) + 1, f"<{tag.group(1).lower()}> is offered to cards from a folder only."
    return None
