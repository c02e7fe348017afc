"""Prometheus metrics, each declared once. Several processes share them through PROMETHEUS_MULTIPROC_DIR."""

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

http_requests_total = Counter("http_requests_total", "HTTP requests answered", ["method", "route", "status"])
http_request_duration_seconds = Histogram(
    "http_request_duration_seconds", "Time to answer an HTTP request", ["method", "route"], buckets=BUCKETS
)
db_slow_queries_total = Counter("db_slow_queries_total", "Queries slower than the limit", ["alias"])
jobs_total = Counter("jobs_total", "RQ jobs ended", ["function", "status"])
provider_requests_total = Counter(
    "provider_requests_total", "Calls of outside providers", ["kind", "provider", "status"]
)
mails_total = Counter("mails_total", "Tries to send a mail: sent, retried, failed, suppressed", ["kind", "outcome"])
webhooks_total = Counter("webhooks_total", "Payment webhooks: taken, repeated, forged", ["provider", "outcome"])
replies_total = Counter("replies_total", "Characters' replies ended", ["provider", "status"])
reply_first_token_seconds = Histogram(
    "reply_first_token_seconds", "From the claim of a reply to its first token", ["provider"], buckets=BUCKETS
)
rate_limited_total = Counter("rate_limited_total", "Requests refused by a rate limit", ["bucket"])
sockets_open = Gauge("sockets_open", "Open sockets", multiprocess_mode="livesum")
socket_commands_total = Counter("socket_commands_total", "Socket commands answered", ["command", "status"])
socket_frames_total = Counter("socket_frames_total", "Frames sent to sockets")


def exposition() -> bytes:
    """The text that Prometheus scrapes, over all processes where they share a directory."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry)
    return generate_latest(REGISTRY)
