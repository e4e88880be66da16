#!/usr/bin/env python3
"""A link between two network namespaces on which every packet takes its time.

    slow_link.py MILLISECONDS NAMESPACE/DEVICE/ADDRESS NAMESPACE/DEVICE/ADDRESS

Makes both devices (TUN), with addresses such as 10.0.0.1/24, says "up", and passes packets on until it is ended. For
kernels without netem. Needs root.
"""

import collections
import fcntl
import os
import select
import struct
import subprocess
import sys
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


def pass_on(ends, delay):
    under_way = collections.deque()
    while True:
        limit = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        readable, _, _ = select.select(ends, [], [], limit)
        for source in readable:
            target = ends[1 - ends.index(source)]
            for packet in waiting(source):
                under_way.append((time.monotonic() + delay, target, packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, target, packet = under_way.popleft()
            try:
                os.write(target, packet)
            except OSError:
                pass  # Lost, as on any link.


def main():
    milliseconds, *places = sys.argv[1:]
    ends = [end(*place.split("/", 2)) for place in places]
    print("up", flush=True)
    pass_on(ends, float(milliseconds) / 1000)


if __name__ == "__main__":
    main()
