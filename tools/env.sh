# The environment of the demo and the tests, for any POSIX shell, bash or zsh:
#
#     . tools/env.sh
#
# then `wall-oss`, `pytest`, `colcon` and Python with rclpy and wall_oss_ros.msg are there. It holds the ROS 2 of the
# virtual environment and no other: a sourced ROS of the system is hidden in this shell, since two of them do not mix.
# dash cannot tell where a sourced file is, so there the working directory must be the repository.
#
#   WALL_OSS_VENV     virtual environment      (default .venv)
#   WALL_OSS_INSTALL  colcon's install folder  (default install; "none": only the virtual environment)

if [ -n "${BASH_SOURCE:-}" ]; then
  _wall_oss_root=$(cd "$(dirname "$BASH_SOURCE")/.." && pwd)
elif [ -n "${ZSH_VERSION:-}" ]; then
  eval '_wall_oss_root=${${(%):-%x}:A:h:h}'
else
  _wall_oss_root=$(pwd)
fi

_wall_oss_path() {  # a path relative to the repository, made absolute
  case $1 in
    /*) echo "$1" ;;
    *) echo "$_wall_oss_root/$1" ;;
  esac
}
_wall_oss_venv=$(_wall_oss_path "${WALL_OSS_VENV:-.venv}")
_wall_oss_install=$(_wall_oss_path "${WALL_OSS_INSTALL:-install}")

if [ ! -f "$_wall_oss_root/tools/env.sh" ]; then
  echo "tools/env.sh: this shell needs the repository as working directory: cd there first" >&2
elif [ ! -f "$_wall_oss_venv/bin/activate" ]; then
  echo "tools/env.sh: $_wall_oss_venv is not there: run 'make build' first" >&2
else
  # Libraries of another ROS (or of another of our virtual environments) would be found before ours.
  _wall_oss_libraries=
  _wall_oss_rest=${LD_LIBRARY_PATH:-}
  while [ -n "$_wall_oss_rest" ]; do
    _wall_oss_entry=${_wall_oss_rest%%:*}
    case $_wall_oss_rest in
      *:*) _wall_oss_rest=${_wall_oss_rest#*:} ;;
      *) _wall_oss_rest= ;;
    esac
    case $_wall_oss_entry in
      */ros_*.libs | */wall_oss_ros/lib | "") continue ;;
    esac
    if [ ! -e "$_wall_oss_entry/librcutils.so" ]; then
      _wall_oss_libraries=${_wall_oss_libraries:+$_wall_oss_libraries:}$_wall_oss_entry
    fi
  done
  if [ -n "$_wall_oss_libraries" ]; then
    export LD_LIBRARY_PATH="$_wall_oss_libraries"
  else
    unset LD_LIBRARY_PATH
  fi
  # The wheels set LD_LIBRARY_PATH when Python starts, unless this says that it is done.
  unset _ROS_WHEELS_BOOTSTRAP_COMPLETE
  unset PYTHONPATH PYTHONHOME COLCON_PREFIX_PATH ROS_VERSION ROS_PYTHON_VERSION

  . "$_wall_oss_venv/bin/activate"
  # The virtual environment is the ROS prefix below our install folder, as /opt/ros/<distribution> is on other machines.
  export AMENT_PREFIX_PATH="$_wall_oss_venv"
  export CMAKE_PREFIX_PATH="$_wall_oss_venv"
  case $(cat "$_wall_oss_venv/wall_oss_ros.distro" 2>/dev/null) in
    jazzy) export ROS_DISTRO=jazzy ;;
    *) export ROS_DISTRO=kilted ;;
  esac
  # The only one that the wheels bring.
  export RMW_IMPLEMENTATION=rmw_fastrtps_cpp
  # Off-screen by default; glfw would want a display.
  export MUJOCO_GL="${MUJOCO_GL:-egl}"

  if [ "${WALL_OSS_INSTALL:-}" != none ]; then
    if [ -f "$_wall_oss_install/setup.sh" ]; then
      . "$_wall_oss_install/setup.sh"
    else
      echo "tools/env.sh: $_wall_oss_install is not there: run 'make build' first" >&2
    fi
  fi
fi

unset _wall_oss_root _wall_oss_venv _wall_oss_install _wall_oss_libraries _wall_oss_rest _wall_oss_entry
unset -f _wall_oss_path
