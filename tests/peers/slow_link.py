#!/usr/bin/env python3
"""A link between two network namespaces on which every packet takes its time, and some are lost.

    slow_link.py [--lose PERCENT] [--seed NUMBER] MILLISECONDS NAMESPACE/DEVICE/ADDRESS NAMESPACE/DEVICE/ADDRESS

Makes both devices (TUN), with addresses such as 10.0.0.1/24, says "up", and passes packets on until it is ended. Which
packets are lost on either way follows from the seed alone. For kernels without netem. Needs root.
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
# What a packet takes besides: to be read here, to be noticed as due, and to be written.
OWN_SECONDS = 0.0003


def end(namespace, device, address):
    """One end: what is written there arrives in the namespace, and what is sent there can be read."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    # Other links, with devices of the same names, may be made here at the same moment.
    made = f"link{os.getpid()}"
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", made.encode(), TUN_WITHOUT_HEADER))
    ip = ["ip", "-n", namespace]
    subprocess.run(["ip", "link", "set", made, "netns", namespace, "name", device], check=True)
    subprocess.run([*ip, "address", "add", address, "dev", device], check=True)
    subprocess.run([*ip, "link", "set", device, "mtu", "1500", "up"], check=True)
    return descriptor


def waiting(descriptor):
    while True:
        try:
            yield os.read(descriptor, LARGEST_PACKET)
        except BlockingIOError:
            return


def pass_on(ends, delay, loss, seed):
    delay = max(0, delay - OWN_SECONDS)
    chances = [random.Random(f"{seed}/{way}") for way in range(len(ends))]
    under_way = collections.deque()
    while True:
        limit = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        readable, _, _ = select.select(ends, [], [], limit)
        for source in readable:
            way = ends.index(source)
            for packet in waiting(source):
                if chances[way].random() >= loss:
                    under_way.append((time.monotonic() + delay, ends[1 - way], packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, target, packet = under_way.popleft()
            try:
                os.write(target, packet)
            except OSError:
                pass  # Lost, as on any link.


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("milliseconds", type=float, help="what a packet takes, either way")
    parser.add_argument("places", nargs=2, metavar="NAMESPACE/DEVICE/ADDRESS")
    parser.add_argument("--lose", type=float, default=0, metavar="PERCENT", help="of the packets, either way")
    parser.add_argument("--seed", type=int, default=0, metavar="NUMBER")
    return parser.parse_args()


def main():
    options = parse_options()
    ends = [end(*place.split("/", 2)) for place in options.places]
    print("up", flush=True)
    pass_on(ends, options.milliseconds / 1000, options.lose / 100, options.seed)


if __name__ == "__main__":
    main()
