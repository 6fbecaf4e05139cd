"""The configuration named by $EXAMPLE, with every hook recorded in $RECORD: a line of JSON for each call, with what
the hook could see. Says nothing that differs from run to run, such as pids."""

import json
import os

with open(os.environ["EXAMPLE"]) as example:
    exec(compile(example.read(), os.environ["EXAMPLE"], "exec"))

worker_class = os.environ["KIND"]
threads = int(os.environ["THREADS"])

SETTINGS = "workers threads timeout graceful_timeout keepalive max_requests loglevel errorlog backlog".split()


def of_server(server):
    return {
        "num_workers": server.num_workers,
        "workers": sorted(worker.age for worker in server.WORKERS.values()),
        "listeners": len(server.LISTENERS),
        "address": server.address,
        "timeout": server.timeout,
        "settings": {name: getattr(server.cfg, name) for name in SETTINGS},
        "bind": server.cfg.bind,
        "worker_class": server.cfg.worker_class_str,
        "scheme_headers": server.cfg.secure_scheme_headers,
        "trusted": server.cfg.forwarded_allow_ips,
        "all_settings": server.cfg.settings["workers"].get(),
    }


def of_worker(worker):
    return {
        "age": worker.age,
        "pid": worker.pid if isinstance(worker.pid, str) else "a number",
        "mine": worker.pid == os.getpid(),
        "of_master": worker.ppid in (os.getpid(), os.getppid()),
        "alive": worker.alive,
        "nr": worker.nr,
        "booted": worker.booted,
        "sockets": len(worker.sockets),
        "enough": worker.cfg.max_requests <= worker.max_requests <= worker.cfg.max_requests + 1000,
        "timeout": worker.timeout,
        "app": getattr(getattr(worker, "asgi" if worker_class == "asgi" else "wsgi", None), "__name__", None),
        "callable": getattr(worker.app.callable, "__name__", None),
        "text": str(worker).replace(str(worker.pid), "PID"),
    }


def of_request(req):
    seen = {name: getattr(req, name) for name in ("method", "uri", "path", "query", "scheme", "headers", "version")}
    # gunicorn's requests on ASGI do not know their client.
    return seen if worker_class == "asgi" else {**seen, "client": req.remote_addr[0]}


def of_environ(environ):
    wanted = "REQUEST_METHOD PATH_INFO QUERY_STRING RAW_URI SERVER_PROTOCOL REMOTE_ADDR wsgi.url_scheme".split()
    fields = [key for key in environ if key.startswith("HTTP_")]
    return {key: environ[key] for key in (*wanted, *fields) if key in environ}


def of_response(resp):
    return {"status": resp.status, "sent": resp.sent, "headers": resp.headers}


def record(hook, **facts):
    line = json.dumps({"hook": hook, "pid": os.getpid(), **facts})
    file = os.open(os.environ["RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{line}\n".encode())
    os.close(file)


def _of_master(name, hook):
    def recorded(server):
        addresses = [listener.getsockname()[0] for listener in server.LISTENERS]
        record(name, server=of_server(server), addresses=addresses)
        hook(server)

    return recorded


def _of_both(name, hook):
    def recorded(server, worker):
        hook(server, worker)
        seen = of_worker(worker)
        # Requests before it are counted in those hooks.
        del seen["nr"]
        record(name, server=of_server(server), worker=seen)

    return recorded


def _of_worker(name, hook):
    def recorded(worker):
        hook(worker)
        record(name, worker=of_worker(worker))

    return recorded


def _changed(hook):
    def recorded(server, new_value, old_value):
        record("nworkers_changed", new=new_value, old=old_value, attribute=server.num_workers)
        hook(server, new_value, old_value)

    return recorded


def _before(hook):
    def recorded(worker, req):
        hook(worker, req)
        record("pre_request", worker=of_worker(worker), req=of_request(req))

    return recorded


def _after(hook):
    def recorded(worker, req, environ, resp):
        hook(worker, req, environ, resp)
        record(
            "post_request",
            worker=of_worker(worker),
            req=of_request(req),
            environ=of_environ(environ),
            resp=of_response(resp),
        )

    return recorded


for _name in ("on_starting", "when_ready", "on_reload", "on_exit"):
    globals()[_name] = _of_master(_name, globals()[_name])
for _name in ("pre_fork", "post_fork", "child_exit", "worker_exit"):
    globals()[_name] = _of_both(_name, globals()[_name])
for _name in ("post_worker_init", "worker_int", "worker_abort"):
    globals()[_name] = _of_worker(_name, globals()[_name])
nworkers_changed = _changed(nworkers_changed)  # noqa: F821
pre_request = _before(pre_request)  # noqa: F821
post_request = _after(post_request)  # noqa: F821
