"""Pins: whoever takes gets the newest item, once; whoever puts never waits.

Inference is slower than the cameras; an observation that waited in a queue is an old one.
"""

from __future__ import annotations

import threading

from wall_oss_ros.core.mailbox import Mailbox

LONG = 10.0  # [s]; only a broken mailbox ever waits for it


def test_the_newest_item_wins_and_the_replaced_are_counted() -> None:
    mailbox: Mailbox[int] = Mailbox()
    for item in (1, 2, 3):
        mailbox.put(item)
    assert mailbox.take(0.0) == 3
    assert mailbox.replaced == 2


def test_an_item_is_given_once() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(1)
    assert mailbox.take(0.0) == 1
    assert mailbox.take(0.0) is None
    mailbox.put(2)
    assert mailbox.replaced == 0  # the first one was taken, not replaced


def test_a_cleared_mailbox_is_empty() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(1)
    mailbox.clear()
    assert mailbox.take(0.0) is None


def test_who_waits_is_woken_by_a_put() -> None:
    mailbox: Mailbox[str] = Mailbox()
    taken: list[str | None] = []
    taker = threading.Thread(target=lambda: taken.append(mailbox.take(6 * LONG)), daemon=True)
    taker.start()
    mailbox.put("picture")
    taker.join(LONG)
    assert taken == ["picture"]


def test_between_threads_items_only_get_newer_and_the_last_arrives() -> None:
    mailbox: Mailbox[int] = Mailbox()
    last = 2_000
    taken: list[int] = []

    def take_until_the_last() -> None:
        while not taken or taken[-1] != last:
            item = mailbox.take(LONG)
            if item is None:
                return
            taken.append(item)

    taker = threading.Thread(target=take_until_the_last, daemon=True)
    taker.start()
    for item in range(1, last + 1):
        mailbox.put(item)
    taker.join(LONG)
    assert taken[-1] == last
    assert taken == sorted(set(taken))
    assert len(taken) + mailbox.replaced == last
