"""Sets Celery up: bells without acknowledgement, threads, no results, and a broker that may come and go.

Each value that is not Celery's own default has its reason in docs/decisions/0003-the-row-is-the-queue.md.
"""

from __future__ import annotations

from typing import Any

from jurat.ring import NO_BROKER

DEFAULT_QUEUE = "checks"
SLOTS = 32

_REDIS = {
    # Without timeouts a half-open connection leaves a worker deaf for minutes, and a hung broker blocks for ever.
    "socket_timeout": 3.0,  # up to three connections are found dead one after the other
    "socket_connect_timeout": 2.0,
    "socket_keepalive": True,
    "health_check_interval": 3,
    "ack_emulation": False,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.5,
}


def celery_settings(broker_url: str, *, remote_control: bool = False) -> dict[str, Any]:
    """The settings for a broker; `none` is Celery's transport in memory, which no other process reaches.

    With `remote_control`, anyone who reaches the broker may ask workers what they do (worker/remote_control.py).
    """
    in_memory = broker_url in (NO_BROKER, "memory://")
    redis = broker_url.startswith(("redis", "rediss", "sentinel", "valkey"))
    return {
        "broker_url": "memory://localhost//" if in_memory else broker_url,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # the default gives up after some 46 minutes
        "broker_channel_error_retry": True,
        "broker_pool_acquire_timeout": 2.0,
        "broker_transport_options": _REDIS if redis else {"polling_interval": 0.02} if in_memory else {},
        "broker_heartbeat": 10,  # RabbitMQ's; with the default a half-open connection is found after minutes
        "task_publish_retry": False,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "result_backend": None,
        "worker_consumer": "worker.consumer:Consumer",
        "worker_pool": "threads",
        "worker_concurrency": SLOTS,
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": True,  # there are none; False warns at each loss
        "worker_timer_precision": 0.2,  # so long a worker without a broker waits for Celery's timer when it ends
        "worker_enable_remote_control": remote_control,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "task_send_sent_event": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": DEFAULT_QUEUE,
        "task_create_missing_queues": False,
        "timezone": "UTC",
        "enable_utc": True,
    }
