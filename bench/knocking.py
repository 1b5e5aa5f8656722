"""Wrong logins from several addresses, as fast as they are answered: `python -m bench.knocking PORT HOW`.

HOW is `local` for addresses of this computer, or `foreign` for others, as the proxy at PROXY (which Glance has to trust) names them.
Each line `TRIES ADDRESSES SECONDS` on stdin is one run: that many tries over all, in turn from 127.0.0.41 or 192.0.2.41 and those after it;
SECONDS is how long they are spread over, 0 = no pause. The answer is a line of JSON: [[began, ended, address, status], …], the
times those of time.perf_counter(), which all processes of a Linux share.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from urllib.parse import urlencode

from bench.wire import Wire, request

PROXY = "127.0.0.40"
FIRST = 41
AT_ONCE = 8


def run(port: int, foreign: bool, tries: int, addresses: int, seconds: float) -> list[tuple[float, float, str, int]]:
    """One run; `AT_ONCE` at a time."""
    found: list[tuple[float, float, str, int]] = []
    began = time.perf_counter()
    turns = iter(range(tries))
    lock = threading.Lock()

    def knock() -> None:
        while True:
            with lock:
                turn = next(turns, None)
            if turn is None:
                return
            time.sleep(max(0.0, began + seconds * turn / tries - time.perf_counter()))
            source = f"{'192.0.2' if foreign else '127.0.0'}.{FIRST + turn % addresses}"
            sent_at = time.perf_counter()
            with Wire(port, source=PROXY if foreign else source) as wire:
                status = wire.ask(_try(port, source if foreign else None, turn))[0]
            with lock:
                # this computer is one address to Glance, whichever of its own it comes from
                found.append((sent_at, time.perf_counter(), source if foreign else "loopback", status))

    threads = [threading.Thread(target=knock, name=f"knock-{number}") for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _try(port: int, forwarded_for: str | None, turn: int) -> bytes:
    base = f"http://127.0.0.1:{port}"
    headers = {
        "Host": f"127.0.0.1:{port}",
        "Origin": base,
        "Connection": "close",
        "Content-Type": "application/x-www-form-urlencoded",
        **({"X-Forwarded-For": forwarded_for} if forwarded_for else {}),
    }
    return request("POST", "/login", headers, urlencode({"password": f"wrong password {turn}", "next": "/"}).encode())


def main() -> None:
    """Run what stdin asks for, until it ends."""
    port, foreign = int(sys.argv[1]), sys.argv[2] == "foreign"
    print("ready", flush=True)
    for line in sys.stdin:
        tries, addresses, seconds = line.split()
        print(json.dumps(run(port, foreign, int(tries), int(addresses), float(seconds))), flush=True)


if __name__ == "__main__":
    main()
