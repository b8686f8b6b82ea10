"""web_view: the robot, its state and its buttons in a browser; a client of the graph like others.

No dead-man switch: a browser that is gone changes nothing, and the robot goes on as it is told.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import JointState

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import BringUpError, WallOssError
from wall_oss_ros.core.view.command_limit import Answer, CommandLimit
from wall_oss_ros.core.view.figures import Figures
from wall_oss_ros.core.view.orders import Asked, Order
from wall_oss_ros.core.view.settings import WebViewSettings
from wall_oss_ros.kinematics.robot_drawing import robot_drawing
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.graph_watch import GraphWatch
from wall_oss_ros.ros.intent_watch import IntentWatch
from wall_oss_ros.ros.node import SuiteNode, run
from wall_oss_ros.ros.parameters import declare_settings
from wall_oss_ros.ros.person_commands import PersonCommands
from wall_oss_ros.ros.picture_feed import PictureFeed
from wall_oss_ros.ros.polling import PolledSubscriber

try:
    from wall_oss_ros.view.page import WebPage
except ModuleNotFoundError as error:
    _MISSING: str | None = error.name
else:
    _MISSING = None

_NICENESS = 10
# Meshes are read and sent within a second or two; nothing is sent to a page that is closed.
_LOADING_S = 5.0
_PLOT_S = 1.0
_SPEED_S = 0.2
# Marks and words are sent at every so many updates of the joints: they are ten times as much.
_MARKS_EVERY = 2

Tell = Callable[[bool, str], None]


class WebViewNode(SuiteNode):
    """Wires watchers to a `WebPage`, and its buttons to `PersonCommands`.

    One timer polls and draws, and does next to nothing while nobody looks. viser's threads call
    `_ask`; the command leaves from there, so that an e-stop waits for no drawing.
    """

    def __init__(self) -> None:
        super().__init__("web_view")
        self._settings = declare_settings(self, WebViewSettings)
        self._page: WebPage | None = None
        self._loader: threading.Thread | None = None
        self._lock = threading.Lock()
        self._limit = CommandLimit(self._settings.commands_per_s)
        self._speed: float | None = None
        self._asked = 0
        self._trouble = ""

    def build(self, contract: RobotContract) -> None:
        """Listen, and open the port."""
        if _MISSING is not None:
            raise BringUpError(
                f"web_view needs the Python package '{_MISSING}': pip install 'wall_oss_ros[view]'"
            )
        self._contract = contract
        self._graph = GraphWatch(self)
        self._intents = IntentWatch(self, contract, self._settings.trail_s)
        self._pictures = PictureFeed(self, contract)
        self._commands = PersonCommands(self)
        self._figures = Figures(self._settings.plot_s)
        self._positions: dict[str, float] = {}
        self._joints = PolledSubscriber(self, JointState, contract.joint_states.topic, qos.MEASURED)
        self._joints.registerCallback(self._on_joints)
        self._drawn = 0
        self._due = {"plot": 0.0, "pictures": 0.0, "speed": 0.0}
        self._page = WebPage(
            self._settings, self._ask, self._figures.histories, f"Wall-OSS: {contract.name}"
        )
        self._loader = threading.Thread(target=self._draw_robot, name="robot", daemon=True)
        self._loader.start()
        self.create_timer(1.0 / self._settings.rate, self._draw)

    def start(self) -> None:
        """Say where to look."""
        if self._page is not None:
            self.get_logger().info(f"web view: {self._page.address}")

    def destroy_node(self) -> None:
        """Close the port before the clients end."""
        if self._loader is not None:
            self._loader.join(_LOADING_S)
        if self._page is not None:
            self._page.close()
            self._page = None
        super().destroy_node()

    # -- drawing: a thread for the robot's meshes, then the executor's ----------------------------

    def _draw_robot(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        page = self._page
        if page is None:
            return
        try:
            page.build(robot_drawing(self._contract.description))
        except WallOssError as error:
            page.panel.say_lacks((f"the robot: {error}",))
            self.get_logger().warning(f"the robot is not drawn: {error}")

    def _on_joints(self, message: JointState) -> None:
        self._positions.update(zip(message.name, message.position, strict=False))

    def _draw(self) -> None:
        if self._page is None or self._trouble:
            return
        try:
            self._update(self._page, time.monotonic())
        except Exception:
            # The buttons go on, and so does the graph, which would end with this process.
            self._trouble = traceback.format_exc()
            self.get_logger().fatal(f"drawing has ended, start the node again:\n{self._trouble}")

    def _update(self, page: WebPage, now_s: float) -> None:
        self._graph.poll()
        self._commands.expire()
        self._send_speed(now_s)
        watched = page.browsers > 0
        self._intents.attend(watched)
        self._pictures.follow(watched and self._settings.picture_rate > 0.0)
        snapshot = self._graph.snapshot()
        if self._is_due("plot", now_s, _PLOT_S):
            self._figures.add(snapshot, time.monotonic_ns())
            if watched:
                page.panel.plot()
        self._intents.poll()
        if not watched:
            return
        self._joints.poll()
        self._drawn += 1
        marks = None
        if self._drawn % _MARKS_EVERY == 0:
            marks = [*self._intents.intents(self.now_ns()), *self._intents.trail()]
        page.show(snapshot, self._positions, marks)
        if self._pictures_are_due(now_s):
            self._show_pictures(page)

    def _pictures_are_due(self, now_s: float) -> bool:
        rate = self._settings.picture_rate
        return rate > 0.0 and self._is_due("pictures", now_s, 1.0 / rate)

    def _show_pictures(self, page: WebPage) -> None:
        for name, pixels, why in self._pictures.poll():
            if pixels is not None:
                page.show_picture(
                    name, pixels, self._settings.picture_px, self._settings.jpeg_quality
                )
            elif why:
                page.panel.miss_picture(name, why)

    def _is_due(self, what: str, now_s: float, period_s: float) -> bool:
        due = now_s >= self._due[what]
        if due:
            self._due[what] = now_s + period_s
        return due

    # -- what is asked: viser's threads -----------------------------------------------------------

    def _ask(self, asked: Asked, tell: Tell) -> None:
        if asked.order is Order.SPEED:  # a slider says much; its last word counts
            self._speed = asked.number
            return
        with self._lock:
            answer = self._limit.judge(
                asked.client, time.monotonic_ns(), estop=asked.order is Order.ESTOP
            )
            self._asked += 1
        if answer is Answer.REFUSE:
            tell(False, f"{asked.order.value}: too many commands at a time; not carried out")
        elif answer is Answer.DO:
            self.get_logger().info(f"browser {asked.client} asks: {asked.order.value}")
            self._carry_out(asked, tell)

    def _carry_out(self, asked: Asked, tell: Tell) -> None:
        commands, order = self._commands, asked.order
        if order is Order.ESTOP:
            commands.estop(tell)
        elif order is Order.RESET:
            commands.reset(tell)
        elif order in (Order.ENABLE, Order.DISABLE):
            commands.enable(order is Order.ENABLE, tell)
        elif order is Order.INSTRUCT:
            commands.instruct(asked.text)
            tell(True, f"told: {asked.text}" if asked.text else "told nothing: the policy idles")
        elif order is Order.RECORD:
            commands.start_recording(asked.text, tell)
        elif order is Order.KEEP:
            commands.stop_recording(asked.outcome, asked.text, tell)
        elif order is Order.LABEL:
            commands.label_recording(asked.outcome, asked.text, tell)
        else:
            commands.discard_recording(tell)

    def _send_speed(self, now_s: float) -> None:
        speed = self._speed
        if speed is not None and self._is_due("speed", now_s, _SPEED_S):
            self._speed = None
            self._commands.set_speed(speed)

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return who looks."""
        page = self._page
        if page is None:
            return super().report()
        values = {"commands asked": str(self._asked), "refused": str(self._limit.refused)}
        if self._trouble:
            return DiagnosticStatus.ERROR, "drawing has ended; start the node again", values
        return DiagnosticStatus.OK, f"{page.browsers} browsers look", values


def main() -> int:
    """Run the node."""
    return run(WebViewNode)
