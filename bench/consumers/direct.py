"""Program: invokes one environment of ours in a loop, in this process. Arguments: state folder, count. Prints JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop

from bench.in_process import invocation, pool
from bench.warm_sample import WARM_UP, sample


async def main(state: Path, count: int) -> None:
    async with pool(state) as environments:
        await asyncio.sleep(0)
        for _ in range(WARM_UP):
            await environments.invoke(invocation())
        seconds: list[float] = []
        cpu, began = time.process_time(), time.perf_counter()
        for _ in range(count):
            at = time.perf_counter()
            result = await environments.invoke(invocation())
            seconds.append(time.perf_counter() - at)
            if not result.ok:
                raise SystemExit(f"the function failed: {result.payload.decode()}")
        took = time.perf_counter() - began
        cpu = time.process_time() - cpu
    print(json.dumps(sample(seconds, took, cpu)))


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
