"""How a timeline joins chunks and bridges gaps."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.settings import Settings, setting


@dataclass(frozen=True, slots=True)
class TimelineSettings(Settings):
    """How chunks are joined and gaps are bridged."""

    rows: int = setting(
        0, "rows used of each chunk, its committed prefix; 0 uses all", low=0, high=512
    )
    join: str = setting(
        "blend",
        "how a chunk takes over: 'blend' decays what the old motion had more, 'ensemble' averages "
        "all live chunks, 'splice' skips and jumps; for comparison only, never on a robot",
        valid=("blend", "ensemble", "splice"),
    )
    blend_s: float = setting(0.3, "time over which a new chunk takes over [s]", low=0.01, high=5.0)
    stop_s: float = setting(
        0.3, "time to come to rest when the rows run out [s]", low=0.01, high=5.0
    )
    approach_linear: float = setting(
        0.25, "largest speed at which a distance to a new chunk is closed [m/s]", low=0.01, high=2.0
    )
    approach_angular: float = setting(0.8, "the same for orientations [rad/s]", low=0.01, high=6.0)
    chunk_max_age_s: float = setting(
        2.0,
        "oldest chunk that is taken, from its observation on; a chunk that is being followed, "
        "slowed or paused, is followed this much longer than its rows take [s]",
        low=0.05,
        high=60.0,
    )
    future_tolerance_s: float = setting(
        0.1, "how far a chunk's stamp may lie ahead of now [s]", low=0.0, high=1.0
    )
    look_ahead: bool = setting(
        True, "whether the safety supervisor judges chunks; only its safe rows are followed then"
    )
    unjudged_s: float = setting(
        0.25, "how far a chunk is followed before the supervisor judges it [s]", low=0.0, high=2.0
    )
    speed_ramp_s: float = setting(
        0.5, "time in which the speed goes from 0 to 100 % or back [s]", low=0.05, high=10.0
    )
