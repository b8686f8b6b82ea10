"""Runs a model's chunks as fast as the device allows: compiled blocks, CUDA graphs, or plainly.

The result is the model's own within rounding, whichever way it is computed. A way that fails on
this machine is left for the next plainer one, with a line in the log that says why.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from wall_oss_ros.core.errors import ModelError, choices, first_line
from wall_oss_ros.model.flow import integrate, sliding
from wall_oss_ros.model.inputs import FlowInputs
from wall_oss_ros.model.layers import Run, call
from wall_oss_ros.model.program import Program, Shape
from wall_oss_ros.model.rtc import Continuation, Guidance, pulled, with_prefix
from wall_oss_ros.model.wall_oss import WallOssModel

log = logging.getLogger(__name__)

# What to try, fastest first, on a machine with a CUDA device and without.
KINDS = ("auto", "eager", "graphs", "compiled")
_ORDER = {
    "eager": ("eager",),
    "graphs": ("graphs", "eager"),
    "compiled": ("compiled", "graphs", "eager"),
}
# Kinds of block times shapes that are compiled before the next plainer way is taken. All share the
# code of `call`, so dynamo's default of 8 would be used up by a third length of prompt.
_MOST_COMPILED = 256
# Programs kept; each holds the memory of one prompt and the graphs for it.
_MOST_PROGRAMS = 8


@dataclass(frozen=True, slots=True)
class Times:
    """How long the stages of a chunk took [ms]: device events on CUDA, the clock elsewhere.

    Attributes:
        upload: inputs into buffers, on the host's clock.
        vision: images to tokens.
        prompt: prompt to keys and values.
        denoise: all Euler steps.
        total: from inputs to actions on the host, on the host's clock.
    """

    upload: float
    vision: float
    prompt: float
    denoise: float
    total: float


@dataclass(frozen=True, slots=True, eq=False)
class EngineOutput:
    """A chunk.

    Attributes:
        normalized: (B, H, D) on the CPU.
        actions: (B, H, D) in the robot's units; None without normalisers.
        times: of its stages.
        prepared: whether it had to be prepared for, which is in `times.upload`.
    """

    normalized: Tensor
    actions: Tensor | None
    times: Times
    prepared: bool


class Recorder(Protocol):
    """Turns work on fixed buffers into something that repeats it at little cost."""

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Run the work, record it, and return what repeats it."""


class CudaGraphs:
    """Records work as CUDA graphs that share their memory; they are replayed one at a time."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Warm up beside the current stream, as capture wants, then capture."""
        current, side = torch.cuda.current_stream(), torch.cuda.Stream()
        side.wait_stream(current)
        with torch.cuda.stream(side):
            for _ in range(3):
                work()
        current.wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # Other threads of the process may use the device meanwhile.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            work()
        replay: Callable[[], None] = graph.replay
        return replay


class AsIs:
    """Records nothing: the work is done again each time."""

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Run the work once, so that what is compiled on first use is compiled."""
        work()
        return work


class Engine:
    """One model, one way of running it; used from one thread.

    Args:
        model: weights, on their device.
        kind: "eager", "graphs", "compiled", or "auto" for the fastest that works.
        steps: Euler steps.
        bucket: prompts are filled up to a multiple of this, so that their length, which changes
            with the digits of the state, rarely needs another program.
        autotune: let the compiler measure matrix kernels; minutes on first use.
        recorder: in place of CUDA graphs, for tests.

    Raises:
        ModelError: for an unknown kind or less than one step.
    """

    def __init__(
        self,
        model: WallOssModel,
        kind: str = "auto",
        *,
        steps: int = 10,
        bucket: int = 64,
        autotune: bool = False,
        recorder: Recorder | None = None,
    ) -> None:
        if kind not in KINDS:
            raise ModelError(f"unknown engine '{kind}'; valid: {choices(KINDS)}")
        model.inference_times(steps)  # refuses what are no steps
        cuda = model.device.type == "cuda"
        if kind == "auto":
            kind = "compiled" if cuda else "eager"
        self.model, self.steps = model, steps
        self._bucket, self._autotune, self._recorder = bucket, autotune, recorder
        self._ways = [way for way in _ORDER[kind] if way != "graphs" or cuda or recorder]
        if kind not in self._ways:
            log.warning(
                "engine '%s' needs a CUDA device and the model is on %s; using '%s'",
                kind, model.device, self._ways[0],
            )  # fmt: skip
        self._programs: OrderedDict[Shape, _Recorded] = OrderedDict()
        self._run: Run | None = None
        self._graphs: Recorder | None = recorder

    @property
    def kind(self) -> str:
        """How it runs now; plainer than asked for after a failure."""
        return self._ways[0]

    def prepare(self, inputs: FlowInputs, guided: Guidance | None = None) -> bool:
        """Compile and record for the shape of these inputs, so that a later call is fast.

        A way that fails is given up with a log line, down to the eager one, which raises.

        Args:
            inputs: of the shape to prepare for.
            guided: a guidance to prepare for, too.

        Returns:
            Whether there was anything to do, which takes seconds.
        """
        made = False
        while self.kind != "eager":
            shape = Shape.of(inputs, self.steps, self._bucket)
            known = self._programs.get(shape)
            if known is not None and (guided is None or guided in known.guided):
                self._programs.move_to_end(shape)
                return made
            made = True
            try:
                with torch.no_grad(), self._device(), self._compiling():
                    if known is None:
                        log.info("engine '%s': preparing for %d tokens", self.kind, shape.prompt)
                        known = self._programs[shape] = self._record(shape, inputs)
                    if guided is not None:
                        self._record_guided(known, guided)
                self._programs.move_to_end(shape)
                while len(self._programs) > _MOST_PROGRAMS:
                    self._programs.popitem(last=False)
                return True
            except Exception as error:  # compilers and drivers fail in many ways
                log.warning(
                    "engine '%s' does not work here (%s: %s); using '%s'",
                    self.kind, type(error).__name__, first_line(error), self._ways[1],
                )  # fmt: skip
                del self._ways[0]
                self._programs.clear()
                self._run, self._graphs = None, self._recorder
        return made

    @torch.no_grad()
    def generate(
        self,
        inputs: FlowInputs,
        dataset_names: str | Sequence[str] | None = None,
        continuation: Continuation | None = None,
    ) -> EngineOutput:
        """Return a chunk.

        Args:
            inputs: checked, on the CPU; images may be on the device already.
            dataset_names: key of the normalisation statistics, one for all or one per row.
            continuation: the chunk to go on from; its committed rows come back unchanged.

        Raises:
            ModelError: for a key that the checkpoint does not offer, or rows that do not fit.
        """
        begin = time.perf_counter()
        keys = self.model.normalizer_keys(dataset_names, len(inputs.prompt))
        free, target = self.model.free_and_target(inputs.dof_mask, keys)
        pull: _Pull | None = None
        if continuation is not None and continuation.guidance is not None:
            pull = _Pull(*continuation.pull(inputs.dof_mask), continuation.guidance)
        elif continuation is not None:
            free, target = continuation.hold(free, target, inputs.dof_mask)
        prepared = self.prepare(inputs, guided=pull.guidance if pull else None)
        work = self._eager if self.kind == "eager" else self._replay
        with self._device(), self._compiling():
            actions, stages, upload = work(inputs, free, target, pull, begin)
        if continuation is not None:
            actions = with_prefix(actions, continuation.rows, continuation.delay, inputs.dof_mask)
        output = self.model.output(actions, keys)
        times = Times(
            upload=upload,
            vision=stages.get("vision", 0.0),
            prompt=stages.get("prompt", 0.0),
            denoise=stages.get("denoise", 0.0),
            total=(time.perf_counter() - begin) * 1e3,
        )
        return EngineOutput(actions, output.get("predict_action"), times, prepared)

    def _device(self) -> AbstractContextManager[object]:
        """Streams and events are those of the current device, which each thread has for itself."""
        device = self.model.device
        return torch.cuda.device(device) if device.type == "cuda" else nullcontext()

    def _compiling(self) -> AbstractContextManager[object]:
        """Raise dynamo's limit, a setting that each thread has for itself.

        The policy node compiles first in the thread that loads, then in the one that infers.
        """
        if self.kind != "compiled":
            return nullcontext()
        limited: AbstractContextManager[object] = torch._dynamo.config.patch(
            recompile_limit=_MOST_COMPILED
        )
        return limited

    def _record(self, shape: Shape, inputs: FlowInputs) -> _Recorded:
        if self._run is None:
            self._run = self._compiled() if self.kind == "compiled" else call
        if self._graphs is None:
            cuda = self.model.device.type == "cuda"
            self._graphs = CudaGraphs() if cuda else AsIs()
        program = Program(self.model, shape, self._run)
        program.load(inputs, torch.ones(1), torch.zeros(1))
        stages = [(name, self._graphs.record(work)) for name, work in program.stages]
        return _Recorded(program, stages, {})

    def _record_guided(self, recorded: _Recorded, guidance: Guidance) -> None:
        name, work = recorded.program.guided_stage(guidance)
        try:
            assert self._graphs is not None
            recorded.guided[guidance] = (name, self._graphs.record(work))
        except Exception as error:
            # A gradient inside a graph asks more of a driver; the other stages need not suffer.
            log.warning(
                "guidance cannot be recorded here (%s: %s); it runs step by step",
                type(error).__name__, first_line(error),
            )  # fmt: skip
            recorded.guided[guidance] = (name, work)

    def _compiled(self) -> Run:
        """Return a call that compiles each kind of block once; all layers share the code."""
        mode = "max-autotune-no-cudagraphs" if self._autotune else None
        compiled: Run = torch.compile(call, fullgraph=True, dynamic=False, mode=mode)
        return compiled

    def _replay(
        self, inputs: FlowInputs, free: Tensor, target: Tensor, pull: _Pull | None, begin: float
    ) -> tuple[Tensor, dict[str, float], float]:
        recorded = self._programs[Shape.of(inputs, self.steps, self._bucket)]
        recorded.program.load(inputs, free, target)
        stages = list(recorded.stages)
        if pull is not None:
            recorded.program.load_rows(pull.target, pull.weight)
            stages[-1] = recorded.guided[pull.guidance]
        upload = (time.perf_counter() - begin) * 1e3
        watch = _Watch(self.model.device)
        for name, stage in stages:
            stage()
            watch.lap(name)
        actions = recorded.program.actions()
        return actions, watch.read(), upload

    def _eager(
        self, inputs: FlowInputs, free: Tensor, target: Tensor, pull: _Pull | None, begin: float
    ) -> tuple[Tensor, dict[str, float], float]:
        model = self.model
        moved = inputs.to(model.device)
        free, target = free.to(model.device), target.to(model.device)
        upload = (time.perf_counter() - begin) * 1e3
        watch = _Watch(model.device)
        x = model.embed_prompt(moved)
        watch.lap("vision")
        velocity = model.velocity_of(moved, model.encode_prompt(moved, x))
        watch.lap("prompt")
        if pull is not None:
            rows, weight = pull.target.to(model.device), pull.weight.to(model.device)
            velocity = pulled(velocity, rows, weight, moved.dof_mask, pull.guidance)
        velocity = sliding(velocity, moved.noise, target, free)
        actions = integrate(velocity, moved.noise, model.inference_times(self.steps))
        watch.lap("denoise")
        return actions.cpu(), watch.read(), upload


@dataclass(frozen=True, slots=True, eq=False)
class _Recorded:
    program: Program
    stages: Sequence[tuple[str, Callable[[], None]]]
    guided: dict[Guidance, tuple[str, Callable[[], None]]]


@dataclass(frozen=True, slots=True, eq=False)
class _Pull:
    target: Tensor
    weight: Tensor
    guidance: Guidance


class _Watch:
    """Laps on the device's own clock, without waiting for it."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._names: list[str] = []
        self._marks: list[Any] = [self._mark()]

    def _mark(self) -> Any:
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def lap(self, name: str) -> None:
        """End a lap."""
        self._names.append(name)
        self._marks.append(self._mark())

    def read(self) -> dict[str, float]:
        """Return the laps [ms]; on CUDA only once the last has happened."""
        pairs = zip(self._names, self._marks, self._marks[1:], strict=False)
        if self._cuda:
            return {name: first.elapsed_time(second) for name, first, second in pairs}
        return {name: (second - first) * 1e3 for name, first, second in pairs}
