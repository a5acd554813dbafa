"""Requests: to the API, and to functions' URLs."""

from __future__ import annotations

from poller.observe import events as e
from poller.observe.metrics.plain import Made
from poller.observe.metrics.stage import SECONDS, On


def stage(made: Made) -> On:
    """The metrics of this stage, made."""
    text = "Requests to the API, by operation, and by the code of the error that answered it."
    api = made.counter("api_requests", text, "operation", "code")
    text = "Time until a request to the API was answered, its body's arrival included."
    api_took = made.histogram("api_seconds", text, "operation", bounds=SECONDS)
    text = "Requests to function URLs, by the answer's class: 2xx, 4xx, 5xx."
    urls = made.counter("url_requests", text, "function", "status", aws="UrlRequestCount, Url4xxCount, Url5xxCount")
    text = "Time that requests to function URLs took."
    urls_took = made.histogram("url_request_seconds", text, "function", bounds=SECONDS, aws="UrlRequestLatency")

    def on_api(fact: e.ApiAnswered) -> None:
        api.add(fact.operation, fact.code)
        api_took.observe(fact.operation, size=fact.seconds)

    def on_url(fact: e.UrlAnswered) -> None:
        urls.add(fact.function, f"{fact.status // 100}xx")
        urls_took.observe(fact.function, size=fact.seconds)

    return {e.ApiAnswered: on_api, e.UrlAnswered: on_url}
