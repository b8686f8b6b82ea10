"""Is a camera still looking? Detects pictures that stand still while messages keep coming.

A driver that repeats its last buffer, with or without new stamps, is the failure that a rate check
does not see. Real and simulated sensors have noise, so two equal pictures in a row are already odd;
equal ones for `frozen_after_s` are a fault.
"""

from __future__ import annotations

SECOND_NS = 1_000_000_000


class FrozenDetector:
    """Watches stamps and picture fingerprints of one camera."""

    def __init__(self, frozen_after_s: float) -> None:
        self._limit_ns = round(frozen_after_s * SECOND_NS)
        self._stamp_ns: int | None = None
        self._fingerprint: int | None = None
        self._stamp_since_ns = 0
        self._picture_since_ns = 0

    def observe(self, stamp_ns: int, received_ns: int, fingerprint: int) -> None:
        """Take note of a message.

        Args:
            stamp_ns: its capture stamp [ns].
            received_ns: when it arrived [ns].
            fingerprint: checksum of its bytes.
        """
        if stamp_ns != self._stamp_ns:
            self._stamp_ns, self._stamp_since_ns = stamp_ns, received_ns
        if fingerprint != self._fingerprint:
            self._fingerprint, self._picture_since_ns = fingerprint, received_ns
        self._received_ns = received_ns

    def fault(self) -> str | None:
        """Return in words what stands still, or None."""
        if self._stamp_ns is None:
            return None
        for since_ns, what in (
            (self._stamp_since_ns, "frozen: messages arrive but their stamp does not advance"),
            (self._picture_since_ns, "frozen: stamps advance but the picture does not change"),
        ):
            if self._received_ns - since_ns >= self._limit_ns:
                return f"{what} for {(self._received_ns - since_ns) / SECOND_NS:.1f} s"
        return None
