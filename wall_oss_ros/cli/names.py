"""Options that hold several names."""

from __future__ import annotations


def names_in(text: str) -> tuple[str, ...]:
    """Return the names in a text that separates them by commas; none in an empty one."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
