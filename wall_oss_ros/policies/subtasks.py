"""What is to be done next, in words, of a task that the scripted policy understands.

For demonstrations, which say it at every frame; it reads the ground truth.
"""

from __future__ import annotations

from wall_oss_ros.core.errors import PolicyError, choices
from wall_oss_ros.core.task import TaskState
from wall_oss_ros.policies.behaviour import in_tray
from wall_oss_ros.policies.instructions import parse


def next_step(instruction: str, task: TaskState) -> str:
    """Return the next step of an instruction, in words that are an instruction again.

    Picking and handing over are one step. Cubes go into the tray one after the other, in the order
    in which they are named; when all are there the last one's step remains.

    Args:
        instruction: see `instructions.UNDERSTOOD`.
        task: what stands where.

    Raises:
        PolicyError: for an instruction that is none of these, or an object that is not there.
    """
    request = parse(instruction)
    first = request.colours[0]
    if request.action == "pick":
        return f"pick up the {first} cube"
    if request.action == "hand_over":
        taker = "right" if request.giver == "left" else "left"
        return f"hand the {first} cube from the {request.giver} gripper to the {taker} gripper"
    for colour in request.colours:
        name = f"{colour}_cube"
        if name not in task.objects:
            raise PolicyError(f"no {name} in this scene; it has {choices(task.objects)}")
    waiting = [each for each in request.colours if not in_tray(task.objects, f"{each}_cube")]
    return f"put the {(waiting or request.colours[-1:])[0]} cube into the tray"
