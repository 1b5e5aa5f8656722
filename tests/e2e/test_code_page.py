"""Widget code in a real browser: turned on, written, run, mended, saved; with and without script, in both themes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.conftest import Look
from tests.e2e.test_door_pages import violations
from tests.page_site import Site


@pytest.mark.parametrize(("script", "theme"), [(True, "dark"), (False, "light")])
def test_code_is_written_run_and_saved(site: Site, look: Callable[..., Look], script: bool, theme: str) -> None:
    seen = look(java_script_enabled=script, color_scheme=theme)
    page = seen.open(site.address + "/settings/code").page
    if page.locator("button[role=switch]").get_attribute("aria-checked") == "false":
        page.click("button[role=switch]")
    assert page.locator("button[role=switch]").get_attribute("aria-checked") == "true"
    page.fill("#kn", f"Written {theme}")
    page.click("text=Make it")
    assert page.url.endswith(f"/custom-widgets/written-{theme}/code")
    page.fill("#code", "days = [1, 2]\nlog('days:', len(days))\nreturn days[2]")
    page.click("button[value=run]")
    assert page.inner_text("#failed span") == "Line 3 of the code: IndexError: list index out of range."
    assert page.inner_text("mark") == "  3  return days[2]"
    assert page.inner_text("#log") == "days: 2\n"
    page.fill("#code", "return {'value': '<script>alert(1)</script>'}")
    page.click("button[value=run]")
    assert "<script>alert(1)</script>" in page.inner_text("#output")
    page.click("button[value=save]")
    assert "It is saved." in page.inner_text("form [role=status]")
    assert page.input_value("#code") == "return {'value': '<script>alert(1)</script>'}"
    if script:
        assert violations(seen) == []
        seen.open(site.address + "/settings/code")
        assert violations(seen) == []
    assert seen.errors == []
