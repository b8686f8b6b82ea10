"""Pins: a camera that repeats itself is found out, by its stamps or by its pixels, and may recover.

A rate check does not see either: messages keep coming.
"""

from __future__ import annotations

from sample_robot import MS

from wall_oss_ros.core.liveness import FrozenDetector

PERIOD = 100 * MS


def test_a_camera_that_never_spoke_is_not_called_frozen() -> None:
    assert FrozenDetector(0.5).fault() is None


def test_new_stamps_and_new_pixels_are_no_fault() -> None:
    detector = FrozenDetector(0.5)
    for i in range(50):
        detector.observe(i * PERIOD, i * PERIOD, fingerprint=i)
        assert detector.fault() is None


def test_pixels_that_stand_still_are_a_fault_after_the_limit() -> None:
    detector = FrozenDetector(0.5)
    faults = []
    for i in range(7):
        detector.observe(i * PERIOD, i * PERIOD, fingerprint=7)
        faults.append(detector.fault())
    assert faults[:5] == [None] * 5
    assert faults[5] == "frozen: stamps advance but the picture does not change for 0.5 s"
    assert faults[6] == "frozen: stamps advance but the picture does not change for 0.6 s"


def test_stamps_that_stand_still_are_a_fault_even_if_the_pixels_change() -> None:
    detector = FrozenDetector(0.5)
    for i in range(6):
        detector.observe(0, i * PERIOD, fingerprint=i)
    assert detector.fault() == (
        "frozen: messages arrive but their stamp does not advance for 0.5 s"
    )


def test_silence_is_not_frozen_it_is_stale() -> None:
    detector = FrozenDetector(0.5)
    detector.observe(0, 0, fingerprint=1)
    detector.observe(PERIOD, PERIOD, fingerprint=2)
    assert detector.fault() is None  # however much later it is asked


def test_two_pictures_that_alternate_are_alive() -> None:
    detector = FrozenDetector(0.5)
    for i in range(20):
        detector.observe(i * PERIOD, i * PERIOD, fingerprint=i % 2)
    assert detector.fault() is None


def test_a_camera_that_moves_again_is_trusted_again() -> None:
    detector = FrozenDetector(0.5)
    for i in range(10):
        detector.observe(i * PERIOD, i * PERIOD, fingerprint=7)
    assert detector.fault() is not None
    detector.observe(10 * PERIOD, 10 * PERIOD, fingerprint=8)
    assert detector.fault() is None
