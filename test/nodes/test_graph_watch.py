"""What a person sees and asks of a real supervisor: by web view and `wall-oss status` alike."""

from __future__ import annotations

import pytest
from std_msgs.msg import Float64, String

from wall_oss_ros.core.finding import Health
from wall_oss_ros.core.safety import Mode
from wall_oss_ros.core.view import words
from wall_oss_ros.core.view.snapshot import RecorderStatus
from wall_oss_ros.msg import EpisodeState, PolicyState, SafetyState
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.graph_watch import GraphWatch
from wall_oss_ros.ros.person_commands import PersonCommands


class Person:
    """Somebody who watches and presses buttons, on the tester's node."""

    def __init__(self, table) -> None:
        self.table = table
        self.watch, self.commands = GraphWatch(table.node), PersonCommands(table.node)
        self.answers: list[tuple[bool, str]] = []
        table.every(0.1, self.watch.poll)

    def tell(self, done: bool, said: str) -> None:
        self.answers.append((done, said))

    def answer(self) -> tuple[bool, str]:
        self.table.spin_until(lambda: self.answers, "an answer")
        return self.answers.pop()

    def sees(self, condition, what: str):
        self.table.spin_until(lambda: condition(self.watch.snapshot()), what)
        return self.watch.snapshot()


def test_an_estop_is_seen_with_its_cause_and_a_reset_says_why_not(scene):
    person = Person(scene.table)
    scene.enable_for_sure()
    person.sees(lambda now: now.safety is not None and now.safety.enabled, "motion")
    person.commands.reset(person.tell)
    assert person.answer() == (False, "reset: there is no e-stop to reset")
    person.commands.estop(person.tell)
    assert person.answer()[0]
    now = person.sees(lambda now: now.safety.mode is Mode.ESTOP, "the e-stop")
    assert words.causes(now) == ("Service ~/estop was called",)
    assert words.headline(now).health is Health.BAD
    person.commands.enable(True, person.tell)
    done, said = person.answer()
    assert not done
    assert "reset it first" in said
    person.sees(lambda now: not now.safety.reset_needs, "the robot at rest")
    person.commands.reset(person.tell)
    assert person.answer() == (True, "reset: e-stop is reset")
    scene.enable_for_sure()
    person.commands.enable(False, person.tell)
    assert person.answer()[0]
    person.sees(lambda now: not now.safety.enabled, "motion off")


def test_who_is_not_there_is_named_at_once(bench):
    person = Person(bench())
    for press in (person.commands.estop, person.commands.reset, person.commands.discard_recording):
        press(person.tell)
        done, said = person.answers.pop()
        assert not done
        assert said.endswith("is not running")
    assert words.needs_a_person(person.watch.snapshot())


def test_speed_and_instruction_arrive_and_a_speed_is_kept_between_0_and_1(bench):
    table = bench()
    person = Person(table)
    speeds = table.collect(Float64, "chunk_executor/speed_scale", qos.STATE)
    told = table.collect(String, "instruction", qos.STATE)
    person.commands.set_speed(7.0)
    person.commands.instruct("wave")
    table.spin_until(lambda: speeds and told, "both")
    assert (speeds[-1].data, told[-1].data) == (1.0, "wave")
    assert person.sees(lambda now: now.instruction, "the instruction").instruction == "wave"


def test_a_state_of_another_version_is_not_believed_and_breaks_nothing(bench):
    table = bench()
    person = Person(table)
    table.node.create_publisher(PolicyState, "policy/state", qos.STATE).publish(
        PolicyState(state=99)
    )
    episodes = table.node.create_publisher(EpisodeState, "recorder/state", qos.STATE)
    episodes.publish(EpisodeState(state=EpisodeState.RECORDING, episode="ep", bytes=2_500_000))
    now = person.sees(lambda now: now.recorder is not None, "the recorder")
    assert now.policy is None
    assert now.recorder.status is RecorderStatus.RECORDING
    assert now.recorder.megabytes == pytest.approx(2.5)


def test_a_supervisor_that_says_no_more_is_old_and_not_well(bench, monkeypatch):
    table = bench()
    person = Person(table)
    publisher = table.node.create_publisher(SafetyState, "safety/state", qos.STATE)
    publisher.publish(SafetyState(motion_enabled=True))
    person.sees(lambda now: now.safety is not None, "a state")
    assert not words.needs_a_person(person.watch.snapshot())
    monkeypatch.setattr(words, "SILENT_S", 0.2)
    now = person.sees(lambda now: now.safety.age_s > 0.3, "silence")
    assert "is silent" in words.headline(now).said
    assert words.needs_a_person(now)
