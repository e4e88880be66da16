"""What can be seen of the Python SDK from outside: when things happened, what they cost, what it logged."""

import logging
import resource
import time
from pathlib import Path


def cpu_seconds() -> float:
    """User and system time of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_rss_mb() -> float:
    """The most memory this process ever had resident."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Timeline:
    """Named moments, each with the wall clock and the CPU time used until then."""

    def __init__(self):
        self._moments = {}
        self.mark("start")

    def mark(self, name: str) -> None:
        """Keeps the first moment of this name."""
        if name not in self._moments:
            self.mark_again(name)

    def mark_again(self, name: str) -> None:
        """Keeps the last moment of this name."""
        self._moments[name] = (time.perf_counter(), cpu_seconds())

    def has(self, name: str) -> bool:
        return name in self._moments

    def at(self, name: str):
        """When it was, or None."""
        return self._moments[name][0] if self.has(name) else None

    def wall(self, begin: str, end: str):
        """Seconds between two moments, or None when one of them never came."""
        return self._difference(begin, end, 0)

    def cpu(self, begin: str, end: str):
        """CPU seconds used between two moments, or None when one of them never came."""
        return self._difference(begin, end, 1)

    def _difference(self, begin: str, end: str, index: int):
        if not (self.has(begin) and self.has(end)):
            return None
        return self._moments[end][index] - self._moments[begin][index]


class SdkLog(logging.Handler):
    """Listens to the SDK's log, the only place where it tells some things."""

    def __init__(self, timeline: Timeline):
        super().__init__(logging.INFO)
        self.warnings = []
        self._timeline = timeline

    def emit(self, record: logging.LogRecord) -> None:
        if "processing_complete" in record.getMessage():
            self._timeline.mark("processing_complete")
        if record.levelno >= logging.WARNING and len(self.warnings) < 5:
            self.warnings.append(record.getMessage())

    def attach(self) -> None:
        logging.getLogger("inference_sdk").addHandler(self)


def watch_sdk(timeline: Timeline) -> None:
    """Marks `post`, `answer` and `channel_open` as the SDK passes them."""
    import inference_sdk.webrtc.session as session_module
    from aiortc import RTCDataChannel

    post, emit = session_module.requests.post, RTCDataChannel.emit

    def marked_post(*args, **kwargs):
        timeline.mark("post")
        response = post(*args, **kwargs)
        timeline.mark("answer")
        return response

    def marked_emit(channel, event, *args, **kwargs):
        if event == "open" and channel.label == "inference":
            timeline.mark("channel_open")
        return emit(channel, event, *args, **kwargs)

    session_module.requests.post = marked_post
    RTCDataChannel.emit = marked_emit


def unacknowledged_chunks(session) -> int:
    """How many chunks the session's SCTP association still holds, queued or in flight."""
    sctp = session._pc.sctp
    return len(sctp._outbound_queue) + len(sctp._sent_queue) + len(sctp._data_channel_queue)
