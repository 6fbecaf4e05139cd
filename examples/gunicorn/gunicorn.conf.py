"""A configuration as it grows over the years, for gunicorn and rgunicorn alike: both read this file and do the same.
To try it: `cd examples/gunicorn && rgunicorn shop:application`.
"""

import os
import sys
import threading
import time
import traceback

import shop

# Where and how much

bind = [os.environ.get("SHOP_BIND", "127.0.0.1:8000")]
backlog = 1024
workers = int(os.environ.get("SHOP_WORKERS", "2"))
worker_class = "gthread"
threads = 4
worker_connections = 500

# How long

timeout = 30
graceful_timeout = 20
keepalive = 5
max_requests = 10_000
max_requests_jitter = 1_000

# What clients may send

limit_request_line = 4094
limit_request_fields = 100
limit_request_field_size = 8190
forwarded_allow_ips = "127.0.0.1"
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}

# Logs

accesslog = os.environ.get("SHOP_ACCESS_LOG", "-")
errorlog = "-"
loglevel = os.environ.get("SHOP_LOG_LEVEL", "info")
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s" id=%({x-request-id}i)s seen=%({x-served-by}o)s'

SLOW = float(os.environ.get("SHOP_SLOW", "0.5"))
"""Seconds from which on a request is worth a line of its own."""


# The master


def on_starting(server):
    """Begins with no counters: those of the last run belong to workers that are gone."""
    shop.counters.clear()
    server.log.info("shop: starting as %s", server.pid)


def when_ready(server):
    addresses = ", ".join(str(listener) for listener in server.LISTENERS)
    server.log.info("shop: ready on %s with %s workers", addresses, server.cfg.workers)


def on_reload(server):
    server.log.info("shop: reloading with %s workers", server.cfg.workers)


def nworkers_changed(server, new_value, old_value):
    if old_value is not None and new_value != old_value:
        server.log.info("shop: %s workers instead of %s", new_value, old_value)


def pre_fork(server, worker):
    server.log.info("shop: forking worker %s beside %s others", worker.age, len(server.WORKERS))


def child_exit(server, worker):
    """What prometheus_client asks for: the file of a dead process is merged, its gauges forgotten."""
    shop.counters.merge(worker.pid)
    server.log.info("shop: merged the counters of worker %s", worker.age)


def on_exit(server):
    server.log.info("shop: served %s requests in all", shop.counters.total())


# A worker


def post_fork(server, worker):
    """Connections must not be shared with the master or with other workers."""
    shop.pool.dispose()
    shop.counters.begin(worker.pid)
    worker.log.info("shop: worker %s has a pool of its own", worker.age)


def post_worker_init(worker):
    worker.log.info("shop: worker %s loaded %s", worker.age, worker.app.callable.__name__)


def worker_int(worker):
    """Says what each thread was doing when somebody was in a hurry."""
    worker.log.info("shop: worker %s was interrupted", worker.age)
    worker.log.debug("%s", stacks())


def worker_abort(worker):
    worker.log.critical("shop: worker %s hangs\n%s", worker.age, stacks())


def worker_exit(server, worker):
    shop.pool.dispose()
    worker.log.info("shop: worker %s closed its pool", worker.age)


def stacks():
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    lines = []
    for ident, frame in sys._current_frames().items():
        lines.append(f"thread {names.get(ident, ident)}")
        lines.extend(line.rstrip() for line in traceback.format_stack(frame))
    return "\n".join(lines)


# A request


def pre_request(worker, req):
    clock.started = time.monotonic()


def post_request(worker, req, environ, resp):
    shop.counters.count()
    if time.monotonic() - clock.started >= SLOW:
        worker.log.warning("shop: slow request %s %s: %s", req.method, req.path, resp.status)


clock = threading.local()
"""When the request of a thread began: each has one at a time."""
