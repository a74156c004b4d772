# asyncio, with the argument `uvloop` on its loop: the same programs as bench/tasks.ts, queues.ts and sync.ts.
import asyncio
import json
import sys
import time

NAME, WINDOW = [arg for arg in sys.argv[1:] if arg != "uvloop"]
WINDOW = int(WINDOW) / 1000


async def nothing():
    pass


async def join(count):
    for _ in range(count):
        await asyncio.create_task(nothing())


async def cancel(count):
    for _ in range(count):
        task = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass


async def queue(count):
    items = asyncio.Queue(16)

    async def produce():
        for i in range(count):
            await items.put(i)

    producer = asyncio.create_task(produce())
    for _ in range(count):
        await items.get()
    await producer


async def lock(count):
    mutex = asyncio.Lock()
    for _ in range(count):
        async with mutex:
            pass


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


async def sleepers():
    before = resident()
    tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(100_000)]
    await asyncio.sleep(0.5)
    print(json.dumps({"mib": (resident() - before) / 1048576}), flush=True)
    for task in tasks:
        task.cancel()


async def measure(batch):
    count, start = 100, time.perf_counter()
    while time.perf_counter() - start < WINDOW / 2:
        before = time.perf_counter()
        await batch(count)
        if time.perf_counter() - before < 0.02:
            count *= 2
    operations, cpu, start = 0, time.process_time(), time.perf_counter()
    while time.perf_counter() - start < WINDOW:
        await batch(count)
        operations += count
    wall = time.perf_counter() - start
    used = time.process_time() - cpu
    print(json.dumps({"cpu": used / operations * 1e6, "wall": wall / operations * 1e6}))


if "uvloop" in sys.argv:
    import uvloop

    uvloop.install()
asyncio.run(sleepers() if NAME == "sleepers" else measure(globals()[NAME]))
