"""Errors that a user can fix. Each says what, where, what was got and expected, and what to do.

Internal invariants raise ``ValueError``; everything here may reach a person and is printed without
a traceback by the executables.
"""

from __future__ import annotations

from collections.abc import Iterable


class WallOssError(Exception):
    """Base of every error whose message is meant for the person at the keyboard."""


class ContractError(WallOssError):
    """The robot contract is wrong: unknown key, missing value, wrong unit, impossible number."""


class RobotModelError(WallOssError):
    """The robot description is missing or does not fit the contract."""


class MessageError(WallOssError):
    """A message has a shape, an encoding or a value that cannot be used."""


class PolicyError(WallOssError):
    """A policy back end cannot be loaded or cannot answer."""


class ModelError(PolicyError):
    """The model is given something it cannot use: a shape, a number, a token, a text too long."""


class CheckpointError(ModelError):
    """A checkpoint is incomplete, of an unknown kind, or does not hold what is asked of it."""


class EpisodeError(WallOssError):
    """An episode cannot be recorded, labelled, or read as one."""


class DatasetError(WallOssError):
    """A dataset cannot be written, or is not what a reader of datasets needs."""


class LookAheadError(WallOssError):
    """A chunk cannot be judged now."""


class SimulationError(WallOssError):
    """The simulator cannot be built or drawn on this machine."""


class BringUpError(WallOssError):
    """The node graph cannot be started or did not come up."""


def first_line(error: BaseException) -> str:
    """Return what another library's error says, without the page that may follow; else its type."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def choices(valid: Iterable[str]) -> str:
    """Return the valid choices as they stand in every message: sorted, quoted, comma separated."""
    return ", ".join(f"'{name}'" for name in sorted(valid)) or "none"
