"""llama.cpp inside this process, served on a loopback port that only this process has the key to."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from agent.errors import ModelError, ModelMissing, ModelUnusable
from agent.models.adapters import Adapter, check
from agent.models.engine import engine
from agent.models.memory import BATCH, KV_BYTES, available, needed
from tools.gguf import Head, NotGguf, read_head

log = logging.getLogger(__name__)

_SLOTS: Final = 2
"""Turns that are worked on at once. Reading a prompt is bound by arithmetic, writing by memory: two readers at once
finish sooner than one after the other, and each slot keeps its own prompt for the next call of the same turn."""

_PROMPT_CACHE: Final = 512
"""MiB for the prompts of turns that have lost their slot, at most; half of what the model leaves, if that is less."""

_VOICES: Final = 4
"""Slots for adapters beside those, at most: each adapter keeps what it has read while the others speak."""

_HANG_UPS: Final = 40
_LOOK_AGAIN: Final = 0.05
"""Seconds between two looks whether somebody is still connected."""

_QUIET, _TALKATIVE = 0, 4
"""llama.cpp's own verbosity; with 0 it writes nothing at all."""


class EmbeddedServer:
    """One model in memory. `start` loads it (seconds), `stop` frees it; both may be called again and from any thread.

    `url` and `key` hold while it runs. `context` is the window of each request, in tokens; a model trained for
    less gets less. `threads` 0 means as many as there are cores; `slots` turns are worked on at once. What a slot has
    read can be kept in `folder`. Set this module's logger to DEBUG before `start` to have llama.cpp explain itself on
    standard error.

    `adapters` are loaded beside the model and switched off. Where there are any, every request must say in `lora`
    whether each of them counts, and name its slot (`id_slot`): llama.cpp takes a prompt that one of them has read for
    the same prompt read by another, or by the model alone, unless the request says so and its slot shows the change.
    Of the slots, the first `slots` are for the model alone, and `voices` more for adapters.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 0,
        context: int = 4096,
        folder: Path | None = None,
        adapters: Sequence[Path] = (),
    ) -> None:
        self.path = path
        self.threads = threads or _cores()
        self.context = context
        self.folder = folder
        self.adapters = tuple(adapters)
        self.loaded: tuple[Adapter, ...] = ()
        """The adapters as their files were when it was started; a request names them by their place."""
        self.head: Head | None = None
        self.slots = 1
        self.voices = 0
        self.runs = 0
        """How often it was started."""
        self.url = ""
        self.key = ""
        self._server: Any = None
        self._lock = threading.Lock()

    @property
    def running(self) -> bool:
        return self._server is not None

    def start(self) -> None:
        """Load the model and listen.

        Raises `ModelMissing` when there is no such file, and `ModelUnusable` when it is not a model, does not fit
        into the memory, or is refused by llama.cpp; the same for an adapter.
        """
        with self._lock:
            self._start()

    def _start(self) -> None:
        if self._server is not None:
            return
        head = inspect(self.path)
        context = min(self.context, head.context) if head.context else self.context
        if context < self.context:
            log.info("%s was trained for %d tokens: the context is that long", self.path.name, context)
        loaded = tuple(Adapter.of(path) for path in self.adapters)
        for path in self.adapters:
            check(path, self.path, head)
        slots, voices, cache = _plan(self.path, head, context, [adapter.size for adapter in loaded])
        self._server, self.key = self._load(head, context, slots + voices, cache)
        self.context, self.slots, self.voices = context, slots, voices
        self.head, self.loaded = head, loaded
        self.url = str(self._server.listening_address)
        self.runs += 1
        # The interpreter must not tear the modules down while llama.cpp's threads still run.
        atexit.register(self.stop)

    def stop(self) -> None:
        """Stop answering and free the memory. Requests that are under way are cut off."""
        atexit.unregister(self.stop)
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        if self._server is None:
            return
        # Deleting the server waits for its requests while it holds the interpreter's lock, and a request ends
        # early only when its client hangs up, which needs that lock: they waited for each other for ever.
        _hang_up(urlsplit(self.url).port or 0)
        self.url = self.key = ""
        self._server = None
        gc.collect()

    def take(self, adapters: Sequence[Path]) -> None:
        """Run with these adapters instead: the model is loaded anew, because a server that runs takes no others.

        Raises like `start`; then it runs with those that it had, or with none if they cannot be loaded any more
        either.
        """
        with self._lock:
            before, self.adapters = self.adapters, tuple(adapters)
            self._stop()
            try:
                self._start()
            except ModelError:
                try:
                    self.adapters = before
                    self._start()
                except ModelError:
                    self.adapters = ()
                    self._start()
                raise

    @property
    def off(self) -> list[dict[str, float]]:
        """What a request of the model alone says in `lora`."""
        return [{"id": number, "scale": 0.0} for number in range(len(self.loaded))]

    def _load(self, head: Head, context: int, slots: int, cache: int) -> tuple[Any, str]:
        xllamacpp = engine()
        _read_ahead(self.path)
        key = secrets.token_urlsafe(32)
        params = xllamacpp.CommonParams()
        params.model.path = str(self.path)
        params.model_alias = {self.path.stem}
        params.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
        params.fit_params = False
        params.n_ctx = context * slots
        params.n_parallel = slots
        params.n_batch = params.n_ubatch = BATCH
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self.threads
        params.cache_prompt = True
        params.cache_ram_mib = cache
        if self.adapters:
            params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(path), 0.0) for path in self.adapters]
            params.lora_init_without_apply = True
        params.use_jinja = True
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.api_keys = [key]
        params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
        if self.folder is not None:
            params.slot_save_path = f"{self.folder}{os.sep}"
        params.cors_credentials = False
        params.offline = True
        params.verbosity = _TALKATIVE if log.isEnabledFor(logging.DEBUG) else _QUIET
        try:
            return xllamacpp.Server(params), key
        except RuntimeError as error:
            version = getattr(xllamacpp, "__version__", "")
            raise ModelUnusable(
                f"llama.cpp (xllamacpp {version}) cannot load {self.path.name} (architecture {head.architecture!r}): "
                "update xllamacpp, or choose another model with `kotae models use NAME`."
            ) from error


def inspect(path: Path) -> Head:
    """The head of a model file that can be asked questions.

    Raises `ModelMissing` when there is no such file and `ModelUnusable` when it is not such a model.
    """
    try:
        head = read_head(path)
    except FileNotFoundError as error:
        raise ModelMissing(f"There is no model file {path}; check the path, or run `kotae models list`.") from error
    except NotGguf as error:
        raise ModelUnusable(f"{path} is not a usable model: {error}; get the file again or choose another.") from error
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read ({error.strerror}); check the file and its permissions.") from error
    if head.kind != "model":
        raise ModelUnusable(f"{path} is not a model but {_article(head.kind)}; choose the file of a whole model.")
    if not head.layers or not head.architecture:
        raise ModelUnusable(f"{path} does not describe a language model; choose another file.")
    return head


def memory_need(path: Path, head: Head, context: int) -> int:
    """Bytes that the model needs at the least: with one slot."""
    return needed(head, path.stat().st_size, tokens=min(context, head.context or context))


def _plan(path: Path, head: Head, context: int, adapters: Sequence[int] = ()) -> tuple[int, int, int]:
    """How many slots, how many more for adapters of these sizes, and how many MiB of prompt cache the memory allows.

    Either of the latter two is 0: the cache knows prompts by their words only, not by the adapter that has read them.
    """
    there = available()
    size = path.stat().st_size
    for slots in range(_SLOTS, 0, -1):
        need = needed(head, size, tokens=slots * context, adapters=sum(adapters))
        if need <= there:
            cache = min(_PROMPT_CACHE, (there - need) // 2 >> 20)
            if not adapters:
                return slots, 0, cache
            slot = context * head.kv_values * KV_BYTES
            return slots, min(_VOICES, len(adapters), (cache << 20) // slot if slot else 0), 0
    raise ModelUnusable(
        f"{path.name} needs {need / 1e9:.1f} GB of memory and {there / 1e9:.1f} GB are free: close other programs, "
        "set a smaller `context`, or take the small model with `kotae models use small`."
    )


def _cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read_ahead(path: Path) -> None:
    """Bring the file into the page cache, so that loading it is quick.

    llama.cpp loads with the interpreter's lock held: without this, a slow disk would freeze the whole program.
    """
    buffer = memoryview(bytearray(8 << 20))
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _hang_up(port: int) -> None:
    """Shut down this process's listener at loopback `port` and every connection to it, until none is left.

    Both ends are in this process. The listener goes first, so that nobody comes in while the others are shown out.
    """
    import psutil

    process = psutil.Process()
    for _ in range(_HANG_UPS):
        ours = [
            (connection.status != psutil.CONN_LISTEN, connection.fd)
            for connection in process.net_connections("tcp4")
            if port in (connection.laddr.port, connection.raddr.port if connection.raddr else 0)
        ]
        for _, fd in sorted(ours):
            with suppress(OSError), socket.socket(fileno=os.dup(fd)) as twin:
                twin.shutdown(socket.SHUT_RDWR)
        if not ours:
            return
        # Lets the clients notice, and llama.cpp, which looks once a second.
        time.sleep(_LOOK_AGAIN)


def _article(kind: str) -> str:
    return f"an {kind}" if kind[:1] in "aeiou" else f"a part of one ({kind})"
