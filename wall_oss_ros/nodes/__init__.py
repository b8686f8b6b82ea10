"""One thin file per node: declare, wire, publish. What is decided is decided in `core`."""

import wall_oss_ros.ros  # noqa: F401  (joins the generated messages before a node imports them)
