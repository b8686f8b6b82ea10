"""The ``wall-oss`` command."""

import wall_oss_ros.ros  # noqa: F401  (joins the generated messages before a command needs them)
