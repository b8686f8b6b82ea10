"""Ways in: the message_filters interface and subscriptions that a loop polls itself."""

from __future__ import annotations

import time

from std_msgs.msg import String

from wall_oss_ros.ros import qos
from wall_oss_ros.ros.filters import SimpleFilter
from wall_oss_ros.ros.polling import PolledSubscriber


def test_a_filter_passes_messages_and_arguments_to_everyone_connected():
    source, heard = SimpleFilter(), []
    source.registerCallback(lambda message: heard.append(message))
    source.registerCallback(lambda message, extra: heard.append((message, extra)), "x")
    source.signalMessage("hello")
    assert heard == ["hello", ("hello", "x")]


def test_a_polled_subscription_speaks_only_when_polled_and_keeps_the_order(bench):
    table, heard, sentinel = bench(), [], []
    source = PolledSubscriber(table.node, String, "polled", qos.EVENTS)
    source.registerCallback(lambda message: heard.append(message.data))
    table.node.create_subscription(String, "polled", sentinel.append, qos.EVENTS)
    publisher = table.node.create_publisher(String, "polled", qos.EVENTS)
    table.spin_until(lambda: publisher.get_subscription_count() == 2, "connections")
    sent_ns = time.monotonic_ns()
    for word in ("a", "b", "c"):
        publisher.publish(String(data=word))
    # The ordinary subscription of the same topic has them, so they have arrived.
    table.spin_until(lambda: len(sentinel) == 3, "the sentinel's messages")
    assert heard == []
    time.sleep(0.05)
    source.poll()
    assert heard == ["a", "b", "c"]
    assert 50_000_000 <= source.waited_ns <= time.monotonic_ns() - sent_ns
    source.poll()
    assert heard == ["a", "b", "c"]


def test_a_polled_subscription_of_depth_one_keeps_the_newest(bench):
    table, heard, sentinel = bench(), [], []
    source = PolledSubscriber(table.node, String, "polled", qos.NEWEST)
    source.registerCallback(lambda message: heard.append(message.data))
    table.node.create_subscription(String, "polled", sentinel.append, qos.EVENTS)
    publisher = table.node.create_publisher(String, "polled", qos.EVENTS)
    table.spin_until(lambda: publisher.get_subscription_count() == 2, "connections")
    for word in ("a", "b", "c"):
        publisher.publish(String(data=word))
    table.spin_until(lambda: len(sentinel) == 3, "the sentinel's messages")
    source.poll()
    assert heard == ["c"]
