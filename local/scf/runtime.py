"""The SCF runtime: runs a function's handler in instances that stay warm between events.

It makes the log lines and error objects. Codes and texts are those of SCF's status code page (583/35311), unless a
comment says that they are invented.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from typing import NamedTuple

from local.scf.context import FunctionSpec, context, event_variables
from local.scf.instance import Answer, Instance, Log
from shared.signing.credentials import Credentials

#: The largest event, in bytes (SCF quota limits: 6 MB for a synchronous one).
MAX_EVENT = 6 * 1024 * 1024
#: Seconds that an instance can take to start. SCF has such a limit (status 450); its default is not documented.
INIT_TIMEOUT = 60.0
#: The statuses after which SCF repossesses an instance.
REPOSSESSED = frozenset({433, 434, 439})


class Outcome(NamedTuple):
    """The result of one invocation: SCF's status code, the return value or SCF's error object, and the log.

    `init_ms` is None if the instance was warm; `memory_mb` is the instance's peak memory; `output` are the log lines
    that the function printed.
    """

    request_id: str
    status: int
    result: object
    error: dict[str, object] | None
    log: list[str]
    duration_ms: float
    init_ms: float | None
    memory_mb: float
    output: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the handler returned a value."""
        return self.status == 200


class Function:
    """A function and its instances. Call `invoke` and `close` from one event loop.

    `credentials` returns the run role's keys for each event (None if no role is bound). `log` gets each line of the log
    as soon as it is complete; it must not raise.
    """

    def __init__(
        self,
        spec: FunctionSpec,
        credentials: Callable[[], Credentials | None],
        max_instances: int = 16,
        log: Log | None = None,
    ) -> None:
        self._spec = spec._replace(code_dir=spec.code_dir.resolve())
        self._credentials = credentials
        self._log = log
        # SCF's limit is the region's memory quota; beyond it a call ends with status 432. One machine has less memory,
        # so here a call waits for an instance.
        self._max_instances = max_instances
        self._slots = asyncio.Semaphore(max_instances)
        self._instances: set[Instance] = set()
        self._idle: list[Instance] = []
        self._closed = False

    async def invoke(self, event: object, *, trigger: str = "", request_id: str = "") -> Outcome:
        """Run the handler on any JSON value; `trigger` is `timer` for a timer's event.

        An empty `request_id` is replaced by a new one. Failures of the function are in the outcome. Raises OSError if
        no process can be started (the interpreter or the code directory does not exist), RuntimeError after `close`.
        """
        call = _Call(self._spec, self._log, request_id)
        call.say(f"START RequestId:{call.request_id}")
        text, refusal = _event_text(event)
        if refusal:
            return call.finish(refusal)
        async with self._slots:
            if self._closed:
                raise RuntimeError(f"function {self._spec.name} is closed")
            return call.finish(await self._run(call, text, trigger))

    async def close(self) -> None:
        """End every instance; running events fail. Returns when no call is running."""
        self._closed = True
        self._idle.clear()
        await asyncio.gather(*(instance.close() for instance in self._instances))
        self._instances.clear()
        for _ in range(self._max_instances):
            await self._slots.acquire()
        for _ in range(self._max_instances):
            self._slots.release()

    @property
    def instances(self) -> int:
        """The number of instances, busy and idle."""
        return len(self._instances)

    @property
    def warm(self) -> list[int]:
        """The process ids of idle instances that can take an event; the one used last is at the end."""
        return [instance.pid for instance in self._idle if instance.alive and instance.current]

    def kill_one(self) -> bool:
        """Kill a busy instance with SIGKILL, as if its host failed; return whether there was one."""
        busy = [instance for instance in self._instances if instance not in self._idle]
        if busy:
            secrets.choice(busy).kill()
        return bool(busy)

    async def _run(self, call: _Call, event: bytes, trigger: str) -> Answer:
        spec, marker = self._spec, secrets.token_hex(16)
        variables = event_variables(self._credentials(), trigger)
        instance = await self._warm_instance()
        cold, started = instance is None, time.perf_counter()
        if instance is None:
            instance = await Instance.start(spec, variables)
            self._instances.add(instance)
        keep = False
        try:
            if self._closed:  # closed while the instance was starting
                instance.kill()
            instance.output.begin(marker, call.printed)
            if cold:
                late = Answer(450, f"Instance initialization timed out after {INIT_TIMEOUT:g} seconds")
                reply = await instance.reply(None if spec.debug else INIT_TIMEOUT, late)
                call.report_init(reply, started)
                if reply.status != 200:
                    return reply
            details = {"context": context(spec, call.request_id), "environ": variables, "marker": marker}
            reply = await self._answer(instance, call, details, event)
            keep = reply.status not in REPOSSESSED
            return reply
        finally:
            if keep:
                self._idle.append(instance)
            else:
                await instance.close()
                self._instances.discard(instance)

    async def _warm_instance(self) -> Instance | None:
        """Return the idle instance used last whose code has not changed; None if a new one is needed."""
        while self._idle:
            instance = self._idle.pop()
            if instance.alive and instance.current:
                return instance
            await instance.close()
            self._instances.discard(instance)
        return None

    async def _answer(self, instance: Instance, call: _Call, details: Mapping[str, object], event: bytes) -> Answer:
        """Send an event to an idle instance; return its reply once the log is complete."""
        timeout, memory = self._spec.timeout, self._spec.memory
        started = time.perf_counter()
        instance.send(details, event)
        limit = None if self._spec.debug else timeout
        reply = await instance.reply(limit, Answer(433, f"Invoking task timed out after {timeout} seconds"))
        call.duration_ms = (time.perf_counter() - started) * 1000
        await instance.printed()
        if reply.status not in REPOSSESSED and reply.memory_mb > memory:
            # SCF stops the instance at once; here the check is made when the handler has ended. The page gives the
            # status, the text is ours.
            message = f"Memory limit reached: {reply.memory_mb:.1f} MB used of {memory} MB"
            return Answer(434, message, memory_mb=reply.memory_mb)
        return reply


class _Call:
    """Writes the log of one invocation, in the form of SCF's log (Log structure page)."""

    def __init__(self, spec: FunctionSpec, log: Log | None, request_id: str) -> None:
        self.request_id = request_id or str(uuid.uuid4())
        self.duration_ms = 0.0
        self._memory = spec.memory
        self._log = log
        self._lines: list[str] = []
        self._output: list[str] = []
        self._init_ms: float | None = None

    def say(self, line: str) -> None:
        """Add a line to the log."""
        self._lines.append(line)
        if self._log:
            self._log(line)

    def printed(self, line: str) -> None:
        """Add a line that the function has printed."""
        self._output.append(line)
        self.say(line)

    def report_init(self, reply: Answer, started: float) -> None:
        """Log a cold start that began at `started` (time.perf_counter).

        The documents name these fields for web and image functions; their order and place in the log are ours.
        """
        self._init_ms = (time.perf_counter() - started) * 1000
        self.say(
            f"Init Report RequestId: {self.request_id} InitDuration: {self._init_ms:.0f}ms "
            f"Memory: {self._memory}MB MemUsage: {reply.memory_mb:.6f}MB"
        )

    def finish(self, reply: Answer) -> Outcome:
        """Log the end, and return the outcome."""
        error = None if reply.status == 200 else _error(reply, self.request_id)
        message = json.dumps(error, ensure_ascii=False) if error else reply.text
        if error:
            self.say(f"ERROR RequestId:{self.request_id} Result:{message}")
        self.say(f"Response RequestId:{self.request_id} RetMsg:{message}")
        self.say(f"END RequestId:{self.request_id}")
        self.say(
            f"Report RequestId:{self.request_id} Duration:{self.duration_ms:.0f}ms "
            f"Memory:{self._memory}MB MemUsage:{reply.memory_mb:.6f}MB"
        )
        result, times = json.loads(reply.text), (self.duration_ms, self._init_ms)
        return Outcome(
            self.request_id, reply.status, result, error, self._lines, *times, reply.memory_mb, tuple(self._output)
        )


def _error(reply: Answer, request_id: str) -> dict[str, object]:
    """Return SCF's error object. In samples, exceptions and timeouts have errorCode -1; here all failures have it."""
    error: dict[str, object] = {"errorCode": -1, "errorMessage": reply.message, "requestId": request_id}
    if reply.stack:
        error["stackTrace"] = reply.stack
    return error | {"statusCode": reply.status}


def _event_text(event: object) -> tuple[bytes, Answer | None]:
    """Return an event as JSON, and SCF's refusal if it is malformed or too large."""
    try:
        text = json.dumps(event, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        return b"", Answer(400, f"InvalidParameterValue: the event is not JSON: {error}")
    if len(text) > MAX_EVENT:
        return b"", Answer(406, f"RequestTooLarge: the event has {len(text)} bytes, the limit is {MAX_EVENT}")
    return text, None
