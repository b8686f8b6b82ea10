"""Which policy made an episode: from what the nodes say of their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from wall_oss_ros.core.episode import Provenance
from wall_oss_ros.data.checkpoint_hash import checkpoint_hash


def with_parameters(known: Provenance, parameters: Mapping[str, str]) -> Provenance:
    """Return the provenance with all parameters, and with what those of the policy mean.

    Args:
        known: what is known besides.
        parameters: as text by "node.parameter".
    """
    checkpoint = parameters.get("policy.checkpoint", "")
    fingerprint = known.checkpoint_hash if checkpoint == known.checkpoint else ""
    if checkpoint and not fingerprint:
        try:
            fingerprint = checkpoint_hash(Path(checkpoint).expanduser())
        except OSError as error:
            fingerprint = f"unreadable: {error.strerror or error}"
    return replace(
        known,
        policy=parameters.get("policy.policy", ""),
        checkpoint=checkpoint,
        checkpoint_hash=fingerprint,
        parameters=dict(parameters),
    )
