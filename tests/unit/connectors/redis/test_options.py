from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.contract import OptionsError
from connectors.redis.lists import RedisListOptions, RedisListSource
from connectors.redis.options import RedisOptions, Target, resolve
from connectors.redis.pubsub import RedisPubsubOptions, RedisPubsubSource

HERE = (("127.0.0.1", 6379),)


def target(**options: Any) -> Target:
    return resolve(RedisOptions(**options))


def test_without_options_it_is_the_local_server() -> None:
    assert target() == Target(
        HERE, 0, "", "", None, cluster=False, sentinel="", sentinel_username="", sentinel_password=""
    )
    assert target().name == "Redis at 127.0.0.1:6379"


@pytest.mark.parametrize(
    ("url", "address", "database", "user", "password", "tls"),
    [
        ("redis://cache", ("cache", 6379), 0, "", "", False),
        ("valkey://cache:7000/2", ("cache", 7000), 2, "", "", False),
        ("redis://:p%40ss@cache/", ("cache", 6379), 0, "", "p@ss", False),
        ("rediss://us%3Aer:pass@[::1]:7000/1", ("::1", 7000), 1, "us:er", "pass", True),
        ("valkeys://cache", ("cache", 6379), 0, "", "", True),
    ],
)
def test_a_url_says_it_all(url: str, address: Any, database: int, user: str, password: str, tls: bool) -> None:
    found = target(url=url)
    assert found.addresses == (address,)
    assert (found.database, found.username, found.password, bool(found.tls)) == (database, user, password, tls)


def test_user_and_password_beside_a_url_fill_what_it_leaves_out() -> None:
    found = target(url="redis://cache", username="u", password="p")
    assert (found.username, found.password) == ("u", "p")


def test_sentinels_listen_on_a_port_of_their_own() -> None:
    assert target(sentinel="orders").addresses == (("127.0.0.1", 26379),)
    assert target(sentinel="orders", url="redis://watch").addresses == (("watch", 26379),)
    found = target(sentinel="orders", nodes=("a:1", "[::1]:2"))
    assert found.addresses == (("a", 1), ("::1", 2))
    assert found.name == "Redis master orders"
    assert target(cluster=True, nodes=("[::1]:2",)).name == "Redis cluster at [::1]:2"


@pytest.mark.parametrize(
    ("options", "field", "sentence"),
    [
        ({"url": "http://cache"}, "url", "is no URL such as"),
        ({"url": "redis://"}, "url", "is no URL such as"),
        ({"url": "redis://cache:port"}, "url", "is no URL such as"),
        ({"url": "redis://cache?db=1"}, "url", "is no URL such as"),
        ({"url": "redis://cache/orders"}, "url", "its path is the number of a database"),
        ({"url": "redis://cache", "port": 7000}, "url", "stands for host, port, nodes and database"),
        ({"url": "redis://cache", "nodes": ("a:1",)}, "url", "stands for host, port, nodes and database"),
        ({"url": "redis://u:p@cache", "username": "u"}, "username", "stands in the URL, too"),
        ({"url": "redis://u:p@cache", "password": "p"}, "password", "stands in the URL, too"),
        ({"url": "redis://cache", "database": 1}, "url", "stands for host, port, nodes and database"),
        ({"nodes": ("a:1",), "host": "b"}, "nodes", "stand for host and port"),
        ({"nodes": ("a:1", "b:1")}, "nodes", "several are sentinels"),
        ({"sentinel_username": "u"}, "sentinel_username", "name the master that they watch over"),
        ({"sentinel_password": "p"}, "sentinel_password", "name the master that they watch over"),
        ({"check_hostname": False}, "check_hostname", "set tls: true"),
        ({"nodes": ("a",)}, "nodes", "each is a host:port"),
        ({"nodes": ("a:b",)}, "nodes", "each is a host:port"),
        ({"nodes": ("user@a:1",)}, "nodes", "each is a host:port"),
        ({"cluster": True, "sentinel": "x"}, "cluster", "leave out sentinel, or cluster"),
        ({"cluster": True, "database": 1}, "database", "a cluster has no databases but 0"),
        ({"ca_file": "x"}, "ca_file", "set tls: true"),
        ({"tls": True, "ca_file": "/nowhere/ca.pem"}, "ca_file", "/nowhere/ca.pem: there is no such file"),
        ({"tls": True, "key_file": "x"}, "key_file", "certificate_file and key_file go together"),
        ({"tls": True, "certificate_file": "/nowhere"}, "certificate_file", "there is no such file"),
    ],
)
def test_what_can_never_work_is_refused_with_the_option_to_blame(
    options: dict[str, Any], field: str, sentence: str
) -> None:
    with pytest.raises(OptionsError) as refused:
        target(**options)
    assert refused.value.field == field
    assert sentence in str(refused.value)


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("hello")
    with pytest.raises(OptionsError, match="it cannot be used: no PEM"):
        target(tls=True, ca_file=str(tmp_path / "ca.pem"))


@pytest.mark.parametrize("url", ["redis://:s3cret@cache:x", "http://u:s3cret@cache", "redis://u:s3cret@cache/x"])
def test_no_message_and_no_representation_repeats_a_secret(url: str) -> None:
    options = RedisOptions(url=url, sentinel="x", sentinel_password="s3cret")
    assert "s3cret" not in repr(RedisOptions(password="s3cret"))
    assert "s3cret" not in repr(options)
    with pytest.raises(OptionsError) as refused:
        resolve(options)
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert "s3cret" not in repr(target(url="redis://:s3cret@cache", sentinel="x", sentinel_password="s3cret"))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"maximum_receives": 3}, "dead_letter_list"),
        ({"dead_letter_list": "dead"}, "dead_letter_list"),
        ({"maximum_receives": 3, "dead_letter_list": "orders"}, "dead_letter_list"),
        ({"maximum_receives": 3, "dead_letter_list": "dead", "cluster": True}, "dead_letter_list"),
        ({"list": "or}ders"}, "list"),
    ],
)
def test_a_list_that_can_never_work_is_refused(options: dict[str, Any], field: str) -> None:
    with pytest.raises(OptionsError) as refused:
        RedisListSource(RedisListOptions(**{"list": "orders", **options}))
    assert refused.value.field == field


def test_a_dead_letter_list_in_the_same_slot_is_taken() -> None:
    options = RedisListOptions(list="orders", cluster=True, maximum_receives=1, dead_letter_list="{orders}:dead")
    assert RedisListSource(options).capabilities.envelope == "redis-list"


def test_a_subscriber_needs_a_channel_or_a_pattern() -> None:
    with pytest.raises(OptionsError, match="name a channel, or a pattern"):
        RedisPubsubSource(RedisPubsubOptions())
    assert RedisPubsubSource(RedisPubsubOptions(patterns=("*",))).capabilities.item_failures is False
