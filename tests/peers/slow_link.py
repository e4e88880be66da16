#!/usr/bin/env python3
"""A link between two network namespaces on which every packet takes its time, or is lost.

    slow_link.py MILLISECONDS NAMESPACE/DEVICE/ADDRESS NAMESPACE/DEVICE/ADDRESS [--lost-percent NUMBER]

Makes both devices (TUN), with addresses such as 10.0.0.1/24, says "up", and passes packets on until it is ended. For
kernels without netem. Needs root.
"""

import argparse
import collections
import fcntl
import os
import random
import select
import struct
import subprocess
import time

TUNSETIFF = 0x400454CA
TUN_WITHOUT_HEADER = 0x0001 | 0x1000
LARGEST_PACKET = 65536


def end(namespace, device, address):
    """One end: what is written there arrives in the namespace, and what is sent there can be read."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", device.encode(), TUN_WITHOUT_HEADER))
    ip = ["ip", "-n", namespace]
    subprocess.run(["ip", "link", "set", device, "netns", namespace], check=True)
    subprocess.run([*ip, "address", "add", address, "dev", device], check=True)
    subprocess.run([*ip, "link", "set", device, "mtu", "1500", "up"], check=True)
    return descriptor


def waiting(descriptor):
    while True:
        try:
            yield os.read(descriptor, LARGEST_PACKET)
        except BlockingIOError:
            return


def pass_on(ends, delay, lost):
    under_way = collections.deque()
    while True:
        limit = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        readable, _, _ = select.select(ends, [], [], limit)
        for source in readable:
            target = ends[1 - ends.index(source)]
            for packet in waiting(source):
                if random.random() < lost:
                    continue
                under_way.append((time.monotonic() + delay, target, packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, target, packet = under_way.popleft()
            try:
                os.write(target, packet)
            except OSError:
                pass  # Lost, as on any link.


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("milliseconds", type=float)
    parser.add_argument("places", nargs=2)
    parser.add_argument("--lost-percent", type=float, default=0)
    given = parser.parse_args()
    ends = [end(*place.split("/", 2)) for place in given.places]
    print("up", flush=True)
    pass_on(ends, given.milliseconds / 1000, given.lost_percent / 100)


if __name__ == "__main__":
    main()
