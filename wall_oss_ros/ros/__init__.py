"""ROS side of the suite: messages, parameters, QoS, node base.

The one place that imports rclpy besides `nodes`, `bringup` and `cli`.

The generated messages (`wall_oss_ros.msg`) exist in the install space only. When the package is
imported from the source tree (an editable install, or a shell in the checkout), the generated half
is joined here, so that both halves are one package wherever Python found the first.
"""

from pkgutil import extend_path

import wall_oss_ros

wall_oss_ros.__path__ = extend_path(wall_oss_ros.__path__, wall_oss_ros.__name__)
