"""A text inside a JPEG that changes its bytes and none of its pixels."""

from __future__ import annotations

# Markers: start of image, the JFIF header that must come next where there is one, comment.
_START, _JFIF, _COMMENT = b"\xff\xd8", b"\xff\xe0", b"\xff\xfe"


def with_comment(jpeg: bytes, text: str) -> bytes:
    """Return the picture with a comment before its data.

    Raises:
        ValueError: if it is no JPEG, or the text is longer than a comment may be.
    """
    if not jpeg.startswith(_START):
        raise ValueError(f"no JPEG: it begins with {jpeg[:4].hex()}")
    comment = text.encode()
    place = len(_START)
    if jpeg.startswith(_JFIF, place):
        # A segment's length counts itself, not its marker.
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
    length = (len(comment) + 2).to_bytes(2, "big")
    return jpeg[:place] + _COMMENT + length + comment + jpeg[place:]
