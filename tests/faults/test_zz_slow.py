import threading, time, contextlib, pytest, collections
from tests.faults.conftest import scene_on, scene


@contextlib.contextmanager
def slowed(server, on=0.02, off=0.08):
    stop = threading.Event()

    def run():
        while not stop.is_set():
            server.freeze()
            time.sleep(off)
            server.thaw()
            time.sleep(on)

    t = threading.Thread(target=run)
    t.start()
    try:
        yield
    finally:
        stop.set()
        t.join()
        server.thaw()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("n", [10000])
def test_slow(private_ministack, scene_on, n):
    server = private_ministack()
    scene = scene_on(server)
    q = scene.queue(visibility=30, max_receives=50)
    scene.function()
    scene.mapping("work", q.name, batch_size=100, maximum_batching_window_seconds=1)
    q.send(n)
    d = scene.daemon()
    d.start()
    t = time.time()
    with slowed(server):
        for _ in range(60):
            time.sleep(2)
            notes = scene.notes()
            print(
                round(time.time() - t),
                "handled",
                len(set(x.n for x in notes if x.what == "end")),
                "ends",
                sum(x.what == "end" for x in notes),
                "envs",
                len({x.pid for x in notes}),
                "failed",
                len(d.logged("source failed")),
                "lost",
                sum(l["count"] for l in d.logged("lease lost")),
                flush=True,
            )
            if len(set(x.n for x in notes if x.what == "end")) == n:
                break
    q.wait_empty()
    notes = scene.notes()
    print(collections.Counter(x.receives for x in notes if x.what == "end"))
    print([(l["verb"], l["message"][:80]) for l in d.logged("source failed")][:6])
