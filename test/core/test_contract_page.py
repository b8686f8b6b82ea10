"""docs/contract.md lists every key with its unit, as the code has them now."""

from __future__ import annotations

import runpy
from pathlib import Path

from wall_oss_ros.core.contract.describe import describe

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_its_script_writes():
    page = runpy.run_path(str(DOCS / "make_contract.py"))["page"]
    assert (DOCS / "contract.md").read_text(encoding="utf-8") == page()


def test_limits_have_units_and_no_defaults():
    keys = {item.key: item for item in describe()}
    velocity = keys["arms.<name>.joints.<name>.velocity"]
    assert (velocity.value, velocity.default) == ("rad or m/s", "required")
    assert keys["cameras.<name>.transport"].value == "raw or compressed"
    assert keys["lift"].default == "none"
    assert keys["arms.<name>.tool.xyz"].value == "3 numbers in m"
