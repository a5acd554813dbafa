"""Which server, and as whom: Sentinel, a cluster, TLS, users, databases; and what is said when one does not let us in."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio.cluster import RedisCluster

from connectors.contract import (
    Missing,
    OptionsError,
    Outcome,
    Reader,
    Refused,
    Settlement,
    Throttled,
    Unreachable,
)
from connectors.redis.lists import RedisListOptions, RedisListSource
from connectors.redis.pubsub import RedisPubsubOptions, RedisPubsubSource
from connectors.redis.stream import RedisStreamOptions, RedisStreamSource
from connectors.testing import MemoryCheckpoints, receive
from tests import redis_servers
from tests.redis_servers import client
from tests.servers import Server, Unavailable, free_port

pytestmark = pytest.mark.server

PATIENCE = 30.0


def stream(key: str = "orders", **options: Any) -> RedisStreamSource:
    source = RedisStreamSource(RedisStreamOptions(stream=key, create_stream=True, data_field="text", **options))
    source.read_as(Reader("workers", "TRIM_HORIZON", None, MemoryCheckpoints(), _revoke))
    return source


async def _revoke(_: Any) -> None:
    raise AssertionError("nobody takes partitions away")


async def reads(source: RedisStreamSource, plain: Any, key: str) -> None:
    """It opens, reads what is added, and settles it."""
    await plain.xadd(key, {"text": "x"})
    await source.open()
    records = await receive(source, 1, PATIENCE)
    assert [record.body for record in records] == [b"x"]
    assert await source.settle([Settlement(records[0], Outcome.DELIVERED)]) == []
    assert (await plain.xpending(key, "workers"))["pending"] == 0
    await source.close()


async def test_a_database_is_chosen_by_option_or_url(redis: Server) -> None:
    for options in ({"port": redis.port, "database": 3}, {"url": f"valkey://127.0.0.1:{redis.port}/3"}):
        key = f"stream-{uuid.uuid4().hex}"
        async with client(redis.port, db=3) as plain:
            await reads(stream(key, **options), plain, key)


async def test_a_password_is_needed_and_never_repeated(private_redis: Callable[..., Server]) -> None:
    server = private_redis("--requirepass", "s3cret")
    async with client(server.port, password="s3cret") as plain:
        await reads(stream(port=server.port, password="s3cret"), plain, "orders")
        await reads(stream(url=f"redis://:s3cret@127.0.0.1:{server.port}"), plain, "orders")
    for wrong in ({}, {"password": "s3cretly"}, {"username": "nobody", "password": "s3cret"}):
        with pytest.raises(
            Refused, match=f"Redis at 127.0.0.1:{server.port} denies access to stream orders: "
        ) as refused:
            await stream(port=server.port, **wrong).open()
        assert "s3cret" not in str(refused.value)


RULES = (
    "~orders", "+ping", "+xinfo", "+xgroup", "+xreadgroup", "+xack", "+xdel", "+xpending", "+xclaim", "+xrange", "+evalsha", "+eval",
)  # fmt: skip
"""What connectors/README.md says that a user needs for a stream."""
OF_LISTS = "ping type llen zcard blmove eval evalsha"
OF_SCRIPTS = (
    "time rpop lpop rpush lpush hget hmget hset hdel zadd zrem zpopmin zrange zrangebyscore zrevrange incrby set"
)
"""And for a list."""


async def test_a_user_needs_no_more_than_the_readme_says(private_redis: Callable[..., Server]) -> None:
    server = private_redis()
    async with client(server.port) as plain:
        await plain.execute_command("ACL", "SETUSER", "worker", "on", ">pass", *RULES)
        for name in ("other", "mute"):
            await plain.execute_command("ACL", "SETUSER", name, "on", ">pass", "~other", "+@all")
        await plain.execute_command("ACL", "SETUSER", "mute", "-xinfo", "~*")
        source = stream(port=server.port, username="worker", password="pass", delete_settled=True)
        await plain.xadd("orders", {"text": "a"})
        await plain.xadd("orders", {"text": "b"})
        await source.open()
        a, b = await receive(source, 2, PATIENCE)
        assert await source.settle([Settlement(a, Outcome.DELIVERED), Settlement(b, Outcome.RELEASED)]) == []
        await source.close()
        await source.open()
        (b,) = await receive(source, 1, PATIENCE)
        await source.close()
        for name in ("other", "mute"):
            with pytest.raises(Refused, match="denies access to stream orders: "):
                await stream(port=server.port, username=name, password="pass").open()
        await plain.execute_command("ACL", "SETUSER", "worker", "-xreadgroup")
        await source.open()
        assert len(await source.fetch(10, 0)) == 1  # what is pending comes without
        with pytest.raises(Refused, match=r"denies access to stream orders: .*xreadgroup"):
            await source.fetch(1, 0)
        await source.close()


async def test_a_user_of_a_list_needs_no_more_than_the_readme_says(private_redis: Callable[..., Server]) -> None:
    server = private_redis()
    keys = ("~orders", "~{orders}:pollerd:*", "~dead")
    commands = [f"+{command}" for command in (OF_LISTS + " " + OF_SCRIPTS).split()]
    async with client(server.port) as plain:
        await plain.execute_command("ACL", "SETUSER", "worker", "on", ">pass", *keys, *commands)
        await plain.lpush("orders", "a", "b", "c")
    options: dict[str, Any] = {"maximum_receives": 1, "dead_letter_list": "dead", "lease_seconds": 0.2}
    source = RedisListSource(
        RedisListOptions(list="orders", port=server.port, username="worker", password="pass", **options)
    )
    await source.open()
    a, b, c = await receive(source, 3, PATIENCE)
    assert await source.extend([a, b], 60) == []
    outcomes = [Settlement(a, Outcome.DELIVERED), Settlement(b, Outcome.RELEASED), Settlement(c, Outcome.RETRY)]
    assert await source.settle(outcomes) == []
    await receive(source, 1, PATIENCE)
    async with client(server.port) as plain:
        while await plain.llen("dead") < 1:
            assert await source.fetch(10, 0.1) == []
    assert await source.backlog() == 0
    await source.close()


async def test_a_subscriber_is_told_which_channel_it_may_not_read(private_redis: Callable[..., Server]) -> None:
    server = private_redis()
    async with client(server.port) as plain:
        await plain.execute_command("ACL", "SETUSER", "listener", "on", ">pass", "+ping", "+subscribe", "&allowed")
    options: dict[str, Any] = {"port": server.port, "username": "listener", "password": "pass"}
    allowed = RedisPubsubSource(RedisPubsubOptions(channels=("allowed",), **options))
    await allowed.open()
    await allowed.close()
    with pytest.raises(Refused, match="denies access to channel allowed, secret: "):
        await RedisPubsubSource(RedisPubsubOptions(channels=("allowed", "secret"), **options)).open()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    try:
        redis_servers.certificates(folder)
    except Unavailable as reason:
        pytest.skip(str(reason))
    return folder


async def test_tls_with_a_certificate_on_both_sides(certificates: Path, private_redis: Callable[..., Server]) -> None:
    at = {name: str(certificates / name) for name in ("ca.crt", "server.crt", "server.key", "client.crt", "client.key")}
    files = (
        "--tls-cert-file",
        at["server.crt"],
        "--tls-key-file",
        at["server.key"],
        "--tls-ca-cert-file",
        at["ca.crt"],
    )
    server = private_redis(*files, tls=True)
    ours = {"ca_file": at["ca.crt"], "certificate_file": at["client.crt"], "key_file": at["client.key"]}
    tls = {"ssl": True, "ssl_ca_certs": at["ca.crt"], "ssl_certfile": at["client.crt"], "ssl_keyfile": at["client.key"]}
    async with client(server.port, **tls) as plain:
        await reads(stream(port=server.port, tls=True, **ours), plain, "orders")
        await reads(stream(url=f"rediss://127.0.0.1:{server.port}", **ours), plain, "orders")
    place = rf"cannot reach Redis at 127\.0\.0\.1:{server.port}: "
    with pytest.raises(Unreachable, match=place + "its certificate does not hold"):
        await stream(port=server.port, tls=True).open()
    with pytest.raises(Unreachable, match=place):
        await stream(port=server.port, tls=True, ca_file=at["ca.crt"]).open()  # and no certificate of ours
    with pytest.raises(Unreachable, match=place):
        await stream(port=server.port).open()
    renewed = certificates / "renewed.crt"
    renewed.write_text((certificates / "client.crt").read_text())
    source = stream(port=server.port, tls=True, **{**ours, "certificate_file": str(renewed)})
    await source.open()
    renewed.unlink()
    with pytest.raises(Refused, match=r"the certificates for Redis at .* cannot be read"):
        await source.open()  # reads them again
    await source.close()
    with pytest.raises(OptionsError, match="cannot be used: no PEM, or key and certificate do not match") as wrong:
        stream(port=server.port, tls=True, **{**ours, "key_file": at["server.key"]})
    assert wrong.value.field == "certificate_file"


async def test_the_master_is_found_by_sentinel_also_after_a_failover(
    tmp_path: Path, private_redis: Callable[..., Server]
) -> None:
    master = private_redis("--repl-diskless-sync-delay", "0")
    replica = private_redis("--replicaof", "127.0.0.1", str(master.port), "--repl-diskless-sync-delay", "0")
    try:
        sentinel = redis_servers.sentinel(tmp_path, master)
    except Unavailable as reason:
        pytest.skip(str(reason))
    sentinel.start()
    try:
        dead = f"127.0.0.1:{free_port()}"
        source = stream(nodes=(dead, f"127.0.0.1:{sentinel.port}"), sentinel="orders")
        async with client(master.port) as plain, client(sentinel.port) as watch:
            while "127.0.0.1:" not in str(await watch.execute_command("SENTINEL", "REPLICAS", "orders")):
                await asyncio.sleep(0.05)
            for n in range(4):
                await plain.xadd("orders", {"text": str(n)})
            assert "Redis master orders" in (await source.open()).label
            records = await receive(source, 4, PATIENCE)
            await source.settle([Settlement(record, Outcome.DELIVERED) for record in records[:2]])
            await plain.wait(1, 5000)  # the replica has it all
            master.kill()
        with pytest.raises(Unreachable):
            await source.fetch(10, 0)
        await source.close()
        await _until_open(source)
        async with client(replica.port) as plain:
            await plain.xadd("orders", {"text": "after"})
        assert [record.body for record in await receive(source, 3, PATIENCE)] == [b"2", b"3", b"after"]
        await source.close()
        with pytest.raises(Missing, match="knows no master nobody"):
            await stream(port=sentinel.port, sentinel="nobody").open()
    finally:
        sentinel.kill()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[Server]]:
    try:
        with redis_servers.cluster(tmp_path) as nodes:
            yield nodes
    except Unavailable as reason:
        pytest.skip(str(reason))


async def test_the_node_of_a_cluster_is_found_and_found_again_when_its_slot_has_moved(cluster: list[Server]) -> None:
    seeds = (f"127.0.0.1:{free_port()}", f"127.0.0.1:{cluster[0].port}")
    plain: Any = _cluster_client(cluster[0].port)
    try:
        for n in range(6):  # one of them lies on each node, most likely
            key = f"stream-{n}"
            await reads(stream(key, nodes=seeds, cluster=True), plain, key)
            queue = RedisListSource(
                RedisListOptions(
                    list=f"list-{n}",
                    nodes=seeds,
                    cluster=True,
                    maximum_receives=1,
                    dead_letter_list=f"{{list-{n}}}-dead",
                )
            )
            await plain.lpush(f"list-{n}", "a", "b")
            await queue.open()
            assert [record.body for record in await receive(queue, 2, PATIENCE)] == ["a", "b"]
            await queue.close()
            subscriber = RedisPubsubSource(RedisPubsubOptions(channels=(f"news-{n}",), nodes=seeds, cluster=True))
            await subscriber.open()
            async with client(cluster[n % 3].port) as node:
                await node.publish(f"news-{n}", "x")
            assert [record.body for record in await receive(subscriber, 1, PATIENCE)] == ["x"]
            await subscriber.close()
        await plain.xadd("moving", {"text": "x"})
        source = stream("moving", nodes=seeds, cluster=True)
        await source.open()
        (record,) = await receive(source, 1, PATIENCE)
        await _move(cluster, plain, "moving")
        with pytest.raises(Unreachable, match="is not the server to ask: its hash slot has moved to another node"):
            await source.settle([Settlement(record, Outcome.DELIVERED)])
        await source.close()
        await _until_open(source)
        assert await source.settle([Settlement(record, Outcome.DELIVERED)]) == []
        assert (await plain.xpending("moving", "workers"))["pending"] == 0
        await source.close()
    finally:
        await plain.aclose()


def _cluster_client(port: int) -> Any:
    return RedisCluster(host="127.0.0.1", port=port, decode_responses=True)


async def _move(cluster: list[Server], plain: Any, key: str) -> None:
    """The slot of a key from the node that has it to another, as redis-cli --cluster reshard does it."""
    slot = plain.keyslot(key)
    ids = {}
    for node in cluster:
        async with client(node.port) as each:
            ids[node.port] = await each.execute_command("CLUSTER", "MYID")
    source = plain.get_node_from_key(key).port
    target = next(port for port in ids if port != source)
    async with client(source) as here, client(target) as there:
        await there.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        await here.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        await here.execute_command("MIGRATE", "127.0.0.1", target, key, 0, 5000)
        for each in (there, here):
            await each.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[target])


async def _until_open(source: RedisStreamSource) -> None:
    """As the engine does it: again and again."""
    for _ in range(200):
        try:
            await source.open()
        except (Throttled, Unreachable):
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError("it did not open")
