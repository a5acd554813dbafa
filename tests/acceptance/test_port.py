"""The HTTP port: health, readiness, metrics, and what happens when it cannot be had."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.daemon import Daemon
from tests.faults.scene import Scene
from tests.faults.until import until

pytestmark = [pytest.mark.server, pytest.mark.slow]

PROMISED = {
    "pollerd_records_invoked",
    "pollerd_batch_wait_seconds",
    "pollerd_batch_seconds",
    "pollerd_settle_seconds",
    "pollerd_poll_seconds",
    "pollerd_invocation_errors",
    "pollerd_invocation_request_bytes",
    "pollerd_invocation_response_bytes",
    "pollerd_invocation_memory_max_bytes",
    "pollerd_throttles",
    "pollerd_init_errors",
    "pollerd_environments_stopped",
    "pollerd_environments_idle",
    "pollerd_invocations_running",
    "pollerd_slots_limit",
    "pollerd_build_info",
    "pollerd_configuration_reloads",
    "pollerd_configuration_reload_good",
    "pollerd_configuration_loaded_timestamp_seconds",
    "pollerd_event_loop_lag_seconds",
    "pollerd_state_write_seconds",
    "pollerd_state_writes",
    "pollerd_state_write_errors",
    "pollerd_spans_dropped",
    "pollerd_async_delivery_seconds",
    "pollerd_async_deliveries",
    "pollerd_async_deliveries_postponed",
    "pollerd_async_deliveries_waiting",
    "pollerd_async_event_age_seconds",
    "pollerd_async_events_dropped",
    "pollerd_async_events_received",
    "pollerd_async_events_retried",
    "pollerd_async_events_waiting",
    "pollerd_async_failures_forgotten",
    "pollerd_async_ledger_errors",
    "pollerd_dead_letter_errors",
    "pollerd_destination_delivery_failures",
    "pollerd_api_requests",
    "pollerd_api_seconds",
    "pollerd_polls",
    "pollerd_records_polled",
    "pollerd_source_errors",
    "pollerd_source_up",
    "pollerd_pollers",
    "pollerd_records_filtered",
    "pollerd_batches_cut",
    "pollerd_batch_records",
    "pollerd_batches_bisected",
    "pollerd_batches_judged",
    "pollerd_batches_retried",
    "pollerd_destination_errors",
    "pollerd_batches_held_up",
    "pollerd_iterator_age_seconds",
    "pollerd_mapping_lag_records",
    "pollerd_mapping_pending_records",
    "pollerd_breaker_opened",
    "pollerd_breaker_state",
    "pollerd_mapping_healthy",
    "pollerd_mapping_still_seconds",
    "pollerd_positions_moved",
    "pollerd_positions_saved",
    "pollerd_records_discarded",
    "pollerd_records_resumed",
    "pollerd_windows_ended",
    "pollerd_records_failed",
    "pollerd_records_settled",
    "pollerd_settle_errors",
    "pollerd_records_duplicated",
    "pollerd_invocations",
    "pollerd_invocation_seconds",
    "pollerd_cold_starts",
    "pollerd_environments",
    "pollerd_environments_busy",
    "pollerd_environments_spare",
    "pollerd_environments_starting",
    "pollerd_environment_wait_seconds",
    "pollerd_invocations_waiting",
    "pollerd_provisioned_requested",
    "pollerd_provisioned_allocated",
    "pollerd_provisioned_available",
    "pollerd_provisioned_invocations",
    "pollerd_init_seconds",
    "pollerd_log_lines",
    "pollerd_log_events_dropped",
    "pollerd_log_shipping_errors",
    "pollerd_log_store_errors",
    "pollerd_defects",
    "pollerd_remote_errors",
    "pollerd_slots_in_use",
    "pollerd_url_requests",
    "pollerd_url_request_seconds",
    "pollerd_slots_waiting",
    "pollerd_records_in_hand",
}
"""Dashboards and alarms are built on these names."""


def samples(daemon: Daemon) -> dict[tuple[str, str], float]:
    """Sample name and the value of its "outcome", "status" or "verdict" label -> sum."""
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(daemon.get("/metrics")[1]):
        for sample in family.samples:
            word = next(
                (sample.labels[label] for label in ("outcome", "status", "verdict") if label in sample.labels), ""
            )
            found[sample.name, word] = found.get((sample.name, word), 0.0) + sample.value
    return found


def test_metrics_are_valid_and_count_what_happened(scene: Scene) -> None:
    queue = scene.queue(visibility=2)
    scene.function()
    scene.mapping("work", queue.name, batch_size=1, filter_criteria=[{"body": {"drop": [{"exists": False}]}}])
    queue.send(20)
    queue.send(5, drop=True)
    queue.send(1, fail=1)
    daemon = scene.daemon()
    daemon.start()
    queue.wait_empty()
    until(lambda: samples(daemon).get(("pollerd_records_settled_total", "delivered")) == 21, "all are counted")
    counted = samples(daemon)
    assert counted["pollerd_records_settled_total", "filtered"] == 5
    assert counted["pollerd_records_filtered_total", ""] == 5
    assert counted["pollerd_records_polled_total", ""] == 27
    assert counted["pollerd_invocations_total", "success"] == 21
    assert counted["pollerd_invocations_total", "error"] == 1
    assert counted["pollerd_log_lines_total", ""] >= 3 * 22, "START, END and REPORT of each"
    assert counted["pollerd_init_seconds_count", ""] >= 1
    assert counted["pollerd_environments", ""] >= 1
    assert counted["pollerd_batches_judged_total", "failed"] == 1
    assert counted["pollerd_records_in_hand", ""] == 0
    families = {family.name for family in text_string_to_metric_families(daemon.get("/metrics")[1])}
    ours = {name.removesuffix("_created") for name in families if name.startswith("pollerd_")}
    assert (sorted(PROMISED - ours), sorted(ours - PROMISED)) == ([], [])
    if shutil.which("promtool"):  # its rules for names, beside the parser above
        page = daemon.get("/metrics")[1].encode()
        done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, b"")
    daemon.stop()


def test_a_port_that_is_taken_ends_the_start_with_69(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        daemon = scene.daemon(http={"listen": f"127.0.0.1:{port}"})
        daemon.spawn()
        assert daemon.wait() == 69, daemon.tail()
    assert str(port) in daemon.tail()
    assert "Traceback" not in daemon.tail()


def test_a_daemon_without_mappings_is_healthy_and_ready(scene: Scene) -> None:
    daemon = scene.daemon()
    daemon.start()
    answer = json.loads(daemon.get("/readyz")[1])
    assert answer.pop("sandbox").startswith(("bubblewrap; ", "none"))
    assert answer == {"ready": True, "mappings": [], "functions": []}
    assert daemon.get("/nowhere")[0] == http.client.NOT_FOUND
    daemon.stop()


def test_every_line_of_the_log_is_json_with_time_and_level(scene: Scene) -> None:
    queue = scene.queue()
    scene.function()
    scene.mapping("work", queue.name)
    queue.send(1, fail=1)
    queue.send(1)
    daemon = scene.daemon()
    daemon.start()
    scene.wait_handled(1)
    daemon.stop()
    assert [line for line in daemon.lines() if not {"event", "level", "timestamp"} <= line.keys()] == []
