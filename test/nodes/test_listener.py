"""A listener thread answers while the executor is busy, and ends leaving nothing behind."""

from __future__ import annotations

import threading
import time

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from wall_oss_ros.ros import qos
from wall_oss_ros.ros.listener import ListenerThread


class Pair:
    """A node that nobody spins, which listens, and a node that speaks to it."""

    def __init__(self) -> None:
        self.listening, self.speaking = Node("listening"), Node("speaking")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.speaking)
        self.errors: list[BaseException] = []
        self.thread = ListenerThread(self.listening, "listener", self.errors.append)

    def wait(self, condition, what: str) -> None:
        end = time.monotonic() + 10.0
        while not condition():
            assert time.monotonic() < end, what
            self.executor.spin_once(timeout_sec=0.02)

    def close(self) -> None:
        self.thread.stop()
        self.executor.shutdown()
        self.listening.destroy_node()
        self.speaking.destroy_node()


@pytest.fixture
def pair(bench):
    bench()
    both = Pair()
    yield both
    both.close()


def test_topics_and_services_are_answered_though_nobody_spins_the_node(pair):
    heard, threads = [], []

    def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        threads.append(threading.current_thread().name)
        response.success, response.message = True, "heard"
        return response

    pair.thread.subscribe(Bool, "button", heard.append, qos.EVENTS)
    pair.thread.serve(Trigger, "press", answer)
    pair.thread.start()
    publisher = pair.speaking.create_publisher(Bool, "button", qos.EVENTS)
    pair.wait(publisher.get_subscription_count, "a connection")
    for pressed in (True, False, True):
        publisher.publish(Bool(data=pressed))
    pair.wait(lambda: len(heard) == 3, "three messages")
    assert [message.data for message in heard] == [True, False, True]
    client = pair.speaking.create_client(Trigger, "press")
    pair.wait(client.service_is_ready, "the service")
    calls = [client.call_async(Trigger.Request()) for _ in range(3)]
    pair.wait(lambda: all(call.done() for call in calls), "answers")
    assert all(call.result().message == "heard" for call in calls)
    assert set(threads) == {"listener"}


def test_when_nothing_comes_it_says_so_again_and_again(pair):
    idle, heard = [], []
    pair.thread.subscribe(Bool, "button", heard.append, qos.EVENTS)
    pair.thread.when_idle(0.01, lambda: idle.append(None))
    pair.thread.start()
    pair.wait(lambda: len(idle) > 3, "idleness")
    publisher = pair.speaking.create_publisher(Bool, "button", qos.EVENTS)
    pair.wait(publisher.get_subscription_count, "a connection")
    publisher.publish(Bool(data=True))
    pair.wait(lambda: heard, "a message")


def test_an_error_in_a_callback_is_handed_over_and_ends_the_thread(pair):
    def fail(message: Bool) -> None:
        raise RuntimeError("broken")

    pair.thread.subscribe(Bool, "button", fail, qos.EVENTS)
    pair.thread.start()
    publisher = pair.speaking.create_publisher(Bool, "button", qos.EVENTS)
    pair.wait(publisher.get_subscription_count, "a connection")
    publisher.publish(Bool(data=True))
    pair.wait(lambda: pair.errors, "the error")
    assert [str(error) for error in pair.errors] == ["broken"]


def test_it_stops_twice_and_unstarted(pair):
    never = ListenerThread(pair.listening, "never", pair.errors.append)
    never.stop()
    pair.thread.start()
    pair.thread.stop()
    pair.thread.stop()
    assert not any(thread.name == "listener" for thread in threading.enumerate())
    assert rclpy.ok()
    assert pair.errors == []
