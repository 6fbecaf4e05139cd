"""An example configuration: every setting of this version, with its default.

To serve with it: `rgunicorn -c config/gunicorn.conf.py -k asgi myapp:app`.
"""

# Server socket
bind = ["127.0.0.1:8000"]
backlog = 2048

# Worker processes
workers = 1
worker_class = "sync"
interface = "auto"
threads = 1
max_requests = 0
max_requests_jitter = 0
max_rss = 0
worker_connections = 1000
limit_concurrency = 0
timeout = 30
graceful_timeout = 30
boot_timeout = 0
drain_delay = 0
keepalive = 2
asgi_lifespan = "auto"

# Seconds after which an application still sending to a client that left is cancelled.
asgi_disconnect_grace_period = 3

# Event loop of ASGI workers: auto, asyncio, rgunicorn or uvloop. auto is rgunicorn.
asgi_loop = "auto"
http_parser = "auto"

# WebSocket
ws = "auto"
websocket_max_message_size = 16777216
ws_max_queue = 32
ws_ping_interval = 20
ws_ping_timeout = 20
ws_per_message_deflate = "auto"

# Security
header_timeout = 30
body_timeout = 60
body_min_rate = 500
write_timeout = 60
limit_request_line = 4094
limit_request_fields = 100
limit_request_field_size = 8190

# Proxies in front (docs/PROXY.md)
forwarded_allow_ips = "127.0.0.1,::1"
proxy_headers = True
forwarded_header = "x-forwarded"
forwarded_host = False
forwarded_prefix = False
secure_scheme_headers = {"X-FORWARDED-PROTOCOL": "ssl", "X-FORWARDED-PROTO": "https", "X-FORWARDED-SSL": "on"}
forwarder_headers = "SCRIPT_NAME,PATH_INFO"
proxy_protocol = "off"
proxy_allow_ips = "127.0.0.1,::1"

# HTTP/2 (docs/HTTP2.md)
http_protocols = "h1"
http2 = False
http2_cleartext = "off"
http2_max_concurrent_streams = 100
http2_initial_window_size = 65535
http2_adaptive_window = False
http2_max_frame_size = 16384
http2_max_header_list_size = 65536
http2_ping_interval = 0
http2_ping_timeout = 20

# Debugging. To reload when code changes is for development.
spew = False
check_config = False
print_config = False
reload = False
reload_engine = "auto"
reload_extra_files = []
reload_dirs = []
reload_includes = []
reload_excludes = []

# Server mechanics
factory = False
pythonpath = None
raw_env = []
env_file = None
paste = None
raw_paste_global_conf = []
header_map = "drop"
sendfile = True
tmp_upload_dir = None
preload_app = False
chdir = None
daemon = False
pidfile = None
reuse_port = False

# Whom the workers belong to
user = None
group = None
initgroups = False
umask = 0
root_path = ""
worker_tmp_dir = None
protocol = "http"
uwsgi_allow_ips = "127.0.0.1,::1"

# What clients may get wrong in a request. Each opens a way to be misunderstood between a proxy and this server.
permit_obsolete_folding = False
strip_header_spaces = False
permit_unconventional_http_method = False
permit_unconventional_http_version = False
casefold_http_method = False

# TLS (docs/TLS.md). With a certfile all addresses speak it.
certfile = None
keyfile = None
keyfile_password = None
certificates = []
self_signed = False
ssl_minimum_version = "TLSv1.2"
ciphers = None
cert_reqs = 0
ca_certs = None
crl_file = None
ocsp_file = None
ssl_handshake_timeout = 10
ssl_context = None

# Logging (docs/LOGGING.md)
accesslog = None
disable_redirect_access_to_syslog = False
access_log_format = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
access_log_json = False
access_log_exclude = ""
errorlog = "-"
loglevel = "info"
capture_output = False

# Each of these four takes both logs through Python's logging.
logger_class = "gunicorn.glogging.Logger"
logconfig = None
logconfig_dict = None
logconfig_json = None

syslog_addr = "udp://localhost:514"
syslog = False
syslog_prefix = None
syslog_facility = "user"
statsd_host = None
dogstatsd_tags = ""
statsd_prefix = ""
enable_backlog_metric = False
enable_stdio_inheritance = False

# Process naming
proc_name = None
default_proc_name = "gunicorn"

# Server hooks (docs/HOOKS.md): functions, or the dotted paths of functions
on_starting = None
on_reload = None
when_ready = None
pre_fork = None
post_fork = None
post_worker_init = None
worker_int = None
worker_abort = None
pre_exec = None
pre_request = None
post_request = None
child_exit = None
worker_exit = None
nworkers_changed = None
on_exit = None

# No effect in this version, or an error (docs/SETTINGS.md says which)
ssl_version = 2
suppress_ragged_eofs = True
do_handshake_on_connect = False
dirty_apps = []
dirty_workers = 0
dirty_timeout = 300
dirty_threads = 1
dirty_graceful_timeout = 30
on_dirty_starting = None
dirty_post_fork = None
dirty_worker_init = None
dirty_worker_exit = None
control_socket = None
control_socket_mode = 0o600
control_socket_disable = False
