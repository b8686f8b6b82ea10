"""Nodes ring: real rclpy in one process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState

sys.path.insert(0, str(Path(__file__).parent))  # for supervised.py

from supervised import Scene

from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.images import image_message
from wall_oss_ros.ros.stamps import to_stamp

CONTRACT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"


@pytest.fixture(scope="session", autouse=True)
def real_time(undisturbed: None, over_udp: dict[str, str]) -> Iterator[None]:
    """Let no other ring that runs in real time run meanwhile; use no shared memory."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in over_udp.items():
            patch.setenv(name, value)
        yield


class Bench:
    """A tester node beside the nodes under test, all on one executor.

    Attributes:
        under_test: the nodes under test.
    """

    def __init__(self, **parameters: Any) -> None:
        """Start ROS; parameters go to every node of this bench."""
        values = {"contract": str(CONTRACT), **parameters}
        assignments = [word for key, value in values.items() for word in ("-p", f"{key}:={value}")]
        rclpy.init(args=["test", "--ros-args", *assignments])
        self.node = Node("tester")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.under_test: list[Any] = []

    def add(self, node: Any, *, activate: bool = True) -> Any:
        """Configure and activate a node of the suite and spin it with the others."""
        self.under_test.append(node)
        node.trigger_configure()
        if activate:
            node.trigger_activate()
        self.executor.add_node(node)
        return node

    def collect(self, kind: type, topic: str, qos: Any) -> list[Any]:
        """Return a list that fills with the messages of a topic."""
        messages: list[Any] = []
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def every(self, period_s: float, action: Callable[[], None]) -> Any:
        """Do something periodically; return the timer."""
        return self.node.create_timer(period_s, action)

    def now_ns(self) -> int:
        """Return the ROS time."""
        return int(self.node.get_clock().now().nanoseconds)

    def spin_until(self, condition: Callable[[], Any], what: str, timeout_s: float = 15.0) -> None:
        """Spin until a condition holds; fail with `what` otherwise."""
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, f"{what} did not happen within {timeout_s} s"
            self.executor.spin_once(timeout_sec=0.02)

    def spin_for(self, duration_s: float) -> None:
        """Spin for a time."""
        end = time.monotonic() + duration_s
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)

    def call(self, kind: type, service: str, request: Any) -> Any:
        """Call a service and return its answer."""
        client = self.node.create_client(kind, service)
        self.spin_until(client.service_is_ready, f"service {service}")
        future = client.call_async(request)
        self.spin_until(future.done, f"an answer of {service}")
        return future.result()

    def close(self) -> None:
        """End everything."""
        for node in self.under_test:
            node.halt()
        self.executor.shutdown(timeout_sec=1.0)
        for node in [*self.under_test, self.node]:
            node.destroy_node()
        rclpy.try_shutdown()


class FakeDrivers:
    """Publishes what the contract names; each stream can be told to misbehave.

    Attributes:
        frozen: cameras whose picture stands still.
        silent: streams that say nothing: camera names, "joint_states", "odometry".
        positions: joint positions by name.
        velocities: joint velocities by name.
    """

    def __init__(self, bench: Bench, contract: RobotContract, px: int = 32) -> None:
        node = bench.node
        self._bench, self._contract, self._px = bench, contract, px
        self._rng = np.random.default_rng(0)
        self._still = self._picture()
        self.frozen: set[str] = set()
        self.silent: set[str] = set()
        self.encoding = "rgb8"
        self.positions = dict(contract.home)
        self.velocities = dict.fromkeys(self.positions, 0.0)
        self._images = {
            name: node.create_publisher(Image, camera.topic, qos.DRIVER)
            for name, camera in contract.cameras.items()
        }
        self._joints = node.create_publisher(JointState, contract.joint_states.topic, qos.DRIVER)
        self._odometry = node.create_publisher(Odometry, contract.odometry.topic, qos.DRIVER)
        bench.every(0.01, self.publish_state)
        bench.every(0.05, self.publish_pictures)

    def publish_state(self) -> None:
        stamp = to_stamp(self._bench.now_ns())
        if "joint_states" not in self.silent:
            message = JointState(
                name=list(self.positions),
                position=list(self.positions.values()),
                velocity=list(self.velocities.values()),
            )
            message.header.stamp = stamp
            self._joints.publish(message)
        if "odometry" not in self.silent:
            odometry = Odometry()
            odometry.header.stamp = stamp
            odometry.twist.twist.linear.x = 0.25
            self._odometry.publish(odometry)

    def publish_pictures(self) -> None:
        now_ns = self._bench.now_ns()
        for name, publisher in self._images.items():
            if name in self.silent:
                continue
            pixels = self._still if name in self.frozen else self._picture()
            message = image_message(pixels, now_ns, self._contract.cameras[name].frame)
            message.encoding = self.encoding
            publisher.publish(message)

    def _picture(self) -> np.ndarray:
        return self._rng.integers(0, 255, (self._px, self._px, 3), dtype=np.uint8)


@pytest.fixture
def fake_drivers() -> type[FakeDrivers]:
    """Return the stand-in for a robot's drivers."""
    return FakeDrivers


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    """Make a bench; it is closed after the test."""
    made: list[Bench] = []

    def make(**parameters: Any) -> Bench:
        made.append(Bench(**parameters))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def contract() -> RobotContract:
    """Return the simulated robot's contract."""
    return load_contract(CONTRACT)


@pytest.fixture
def scene(bench, contract, fake_drivers) -> Scene:
    """Return an active supervisor with everything around it."""
    table = bench()
    return Scene(table, contract, fake_drivers(table, contract))
