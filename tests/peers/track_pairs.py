"""What came over a session with video tracks: recorded while it runs, paired and judged afterwards."""

import time
from collections import Counter
from contextlib import contextmanager

from marked_frames import RATE, squares

# In which a frame and its data may differ, in 90 kHz: what the SDK allows.
TOLERANCE = 90
CLOCK_RATE = 90000


class Recording:
    """Everything that was sent and that came, with the clock. Each list has one thread that writes it."""

    def __init__(self):
        # number -> clock
        self.sent_at = {}
        # (time in 90 kHz, number)
        self.stamps = []
        # (clock, time in 90 kHz, number or None)
        self.frames = []
        # (clock, time in 90 kHz, contours or None, number or None)
        self.messages = []
        self.errors = []
        self._own = Counter()

    @contextmanager
    def own_work(self, name: str):
        """Measures what this program does itself. One name for each thread."""
        begin = time.thread_time()
        yield
        self._own[name] += time.thread_time() - begin

    def own_seconds(self) -> float:
        return sum(self._own.values())

    def sent(self, number: int, clock: float) -> None:
        self.sent_at[number] = clock

    def stamped(self, pts: int, number) -> None:
        self.stamps.append((pts, number))

    def frame(self, clock: float, metadata, number) -> None:
        self.frames.append((clock, in_clock_rate(metadata), number))

    def message(self, clock: float, metadata, contours, number) -> None:
        self.messages.append((clock, in_clock_rate(metadata), contours, number))

    def number_sent_at(self, pts):
        """The number of the frame that was sent with this time."""
        known = {stamp: number for stamp, number in self.stamps}
        return known.get(nearest(known, pts))


def in_clock_rate(metadata):
    """The frame's time in 90 kHz. Of a file the server tells it in the file's own time base."""
    if metadata is None or metadata.pts is None:
        return None
    return round(metadata.pts * float(metadata.time_base or 1 / CLOCK_RATE) * CLOCK_RATE)


def summarize(recording: Recording) -> dict:
    numbers = [number for _, _, number in recording.frames if number is not None]
    return {
        "sent": len(recording.sent_at),
        # Those that the SDK did not drop itself before they were encoded.
        "taken": len(recording.stamps),
        "frames": len(recording.frames),
        "messages": len(recording.messages),
        "unreadable": len(recording.frames) - len(numbers),
        "out_of_order": sum(later <= earlier for earlier, later in zip(numbers, numbers[1:])),
        "numbers": [min(numbers), max(numbers)] if numbers else None,
        "pairs": judge_pairs(recording),
        "offsets": describe_offsets(recording),
        "fps": {"frames": rate_of(recording.frames), "messages": rate_of(recording.messages)},
        "latency_ms": describe_latencies(recording),
    }


def judge_pairs(recording: Recording) -> dict:
    """Pairs by time, and says of how many both halves show the same frame; `by` is what that was seen from."""
    waiting = {message[1]: message for message in recording.messages if message[1] is not None}
    verdicts, judges, paired = Counter(right=0, wrong=0, unknown=0), Counter(), 0
    for _, pts, number in recording.frames:
        message = waiting.pop(nearest(waiting, pts), None)
        if message is not None:
            verdict, judge = compare(number, message, recording)
            verdicts[verdict] += 1
            judges[judge] += 1
            paired += 1
    alone = {"frames_alone": len(recording.frames) - paired, "data_alone": len(recording.messages) - paired}
    return {**verdicts, "by": dict(judges), **alone}


def compare(number, message, recording: Recording):
    _, pts, contours, number_in_data = message
    if number is None:
        return "unknown", "nothing"
    if number_in_data is not None:
        judge, is_same = "image", number == number_in_data
    elif contours is not None:
        judge, is_same = "contours", squares(number) == contours
    elif recording.stamps:
        judge, is_same = "time sent", number == recording.number_sent_at(pts)
    else:
        return "unknown", "nothing"
    return ("right" if is_same else "wrong"), judge


def nearest(times, wanted):
    """The one of the times that is nearest, if it is near enough."""
    if wanted is None:
        return None
    best = min(times, key=lambda time: abs(time - wanted), default=None)
    return best if best is not None and abs(best - wanted) <= TOLERANCE else None


def describe_offsets(recording: Recording) -> dict:
    """How far the numbers are from the times, in frames, and how often: one value each, or times have slipped."""

    def count(stamped) -> dict:
        known = ((pts, number) for pts, number in stamped if pts is not None and number is not None)
        return dict(Counter(number - round(pts * RATE / CLOCK_RATE) for pts, number in known))

    return {
        "frames": count((pts, number) for _, pts, number in recording.frames),
        "data": count((pts, number) for _, pts, _, number in recording.messages),
        "sent": count(recording.stamps),
    }


def describe_latencies(recording: Recording) -> dict:
    """From `send()` to the callback, for each frame whose number is known."""
    frames = [(clock, number) for clock, _, number in recording.frames]
    data = [
        (clock, recording.number_sent_at(pts) if number is None else number)
        for clock, pts, _, number in recording.messages
    ]

    def describe(arrivals):
        sent = recording.sent_at
        delays = sorted(1000 * (clock - sent[number]) for clock, number in arrivals if number in sent)
        if not delays:
            return None
        at = lambda part: round(delays[int(part * (len(delays) - 1))], 1)  # noqa: E731
        return {"n": len(delays), "p50": at(0.5), "p95": at(0.95), "max": at(1)}

    return {"data": describe(data), "frame": describe(frames)}


def rate_of(arrivals):
    """Per second, between the first and the last."""
    if len(arrivals) < 2:
        return None
    return round((len(arrivals) - 1) / (arrivals[-1][0] - arrivals[0][0]), 2)
