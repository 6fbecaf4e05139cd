"""A configuration whose hooks write what they are given to standard error, a line of JSON each. Configurations of
tests begin with `from noting import *` and put other hooks in place of some."""

import json
import os
import threading

MASTER = os.getpid()


def note(hook, **facts):
    where = "master" if os.getpid() == MASTER else "worker"
    line = {"hook": hook, "in": where, "pid": os.getpid(), **facts}
    os.write(2, f"hook: {json.dumps(line)}\n".encode())


def on_starting(server):
    note("on_starting", listeners=len(server.LISTENERS), address=server.address)


def on_reload(server):
    note("on_reload", workers=server.cfg.workers)


def when_ready(server):
    names = [listener.getsockname() for listener in server.LISTENERS]
    note("when_ready", listeners=[str(listener) for listener in server.LISTENERS], names=names)


def pre_fork(server, worker):
    note("pre_fork", age=worker.age, worker=worker.pid, siblings=len(server.WORKERS))


def post_fork(server, worker):
    note("post_fork", age=worker.age, worker=worker.pid, ppid=worker.ppid, master=server.pid)


def post_worker_init(worker):
    note("post_worker_init", app=worker.wsgi.__name__, same=worker.app.wsgi() is worker.wsgi)


def worker_int(worker):
    note("worker_int", alive=worker.alive)


def worker_abort(worker):
    note("worker_abort", alive=worker.alive)


def pre_request(worker, req):
    facts = {name: getattr(req, name) for name in ("method", "uri", "path", "query", "scheme", "headers")}
    thread = "main" if threading.current_thread() is threading.main_thread() else "other"
    note("pre_request", nr=worker.nr, version=list(req.version), client=req.remote_addr[0], thread=thread, **facts)


def post_request(worker, req, environ, resp):
    headers = [[name.lower(), value] for name, value in resp.headers]
    answer = {"status": resp.status, "code": resp.status_code, "sent": resp.sent, "headers": headers}
    note("post_request", nr=worker.nr, path=req.path, path_info=environ["PATH_INFO"], **answer)


def child_exit(server, worker):
    note("child_exit", age=worker.age, worker=worker.pid, left=sorted(it.age for it in server.WORKERS.values()))


def worker_exit(server, worker):
    note("worker_exit", age=worker.age, nr=worker.nr)


def nworkers_changed(server, new_value, old_value):
    note("nworkers_changed", new=new_value, old=old_value, attribute=server.num_workers)


def pre_exec(server):
    note("pre_exec", master=server.pid)


def on_exit(server):
    note("on_exit", workers=len(server.WORKERS))
