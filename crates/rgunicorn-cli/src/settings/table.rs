//! The settings table itself. gunicorn's names, flags and defaults, to the letter.
//!
//! A default is written as it would be on the command line.

use rgunicorn_core::access_log::DEFAULT_FORMAT;

use super::Compared;
use super::Kind;
use super::Spec;
use super::settings;

settings! {
    "Config File" {
        /// Configuration file: a path, `file:PATH`, or `python:MODULE`. Without it
        /// `./gunicorn.conf.py` is read, or else `./rgunicorn.conf.py`, if there is one.
        config: OptionalText { flags: &["-c", "--config"], meta: "CONFIG" }
        /// The application, as MODULE[:NAME], when the command line does not name one.
        wsgi_app: OptionalText {}
    }
    "Server Socket" {
        /// Address to listen on: HOST, HOST:PORT, [IPV6]:PORT, unix:PATH or fd://FD. May be
        /// given more than once. With $PORT set the default is 0.0.0.0:$PORT.
        bind: List { flags: &["-b", "--bind"], meta: "ADDRESS", default: Some("127.0.0.1:8000") }
        /// How many connections may wait to be accepted.
        backlog: Count { flags: &["--backlog"], meta: "INT", default: Some("2048") }
    }
    "Worker Processes" {
        /// Number of worker processes. The default is taken from $WEB_CONCURRENCY if that is set.
        workers: Count { flags: &["-w", "--workers"], meta: "INT", default: Some("1") }
        /// How workers call the application: `sync` for WSGI, one request at a time, `gthread` for WSGI
        /// on threads, or `asgi`.
        worker_class: Class { flags: &["-k", "--worker-class"], meta: "STRING", default: Some("sync") }
        /// Most clients connected to one worker at once; 0 is no limit. Beyond it new clients
        /// wait in the backlog, and may take the place of an idle one.
        worker_connections: Count { flags: &["--worker-connections"], meta: "INT", default: Some("1000"), compared: Compared::Better("holds for every worker class") }
        /// Most calls of the application that run at once in one worker; 0 is no limit. Beyond it
        /// requests are answered with 503.
        limit_concurrency: Count { flags: &["--limit-concurrency"], meta: "INT", default: Some("0"), compared: Compared::Ours }
        /// Threads of each worker that call a WSGI application. More than one makes `sync` a `gthread`.
        threads: Count { flags: &["--threads"], meta: "INT", default: Some("1") }
        /// Requests after which a worker is replaced; 0 is never. It serves on until the other is ready.
        max_requests: Count { flags: &["--max-requests"], meta: "INT", default: Some("0"), compared: Compared::Better("the replacement is ready before the worker leaves") }
        /// Most requests that are added to max_requests, at random for each worker, so that not all
        /// are replaced at once.
        max_requests_jitter: Count { flags: &["--max-requests-jitter"], meta: "INT", default: Some("0") }
        /// Seconds of silence after which a worker is killed and replaced; 0 is never.
        timeout: Count { flags: &["-t", "--timeout"], meta: "INT", default: Some("30"), compared: Compared::Better("the stacks of a silent worker are logged before it is ended") }
        /// Seconds a worker has to finish its requests once it was told to leave. After half of them
        /// applications are told that their clients left, so that endless answers end.
        graceful_timeout: Count { flags: &["--graceful-timeout"], meta: "INT", default: Some("30"), compared: Compared::Better("applications are told before they are cut off, and a worker that keeps to it is never killed") }
        /// Seconds a worker has to load the application and get ready; 0 is no limit.
        boot_timeout: Count { flags: &["--boot-timeout"], meta: "INT", default: Some("0"), compared: Compared::Ours }
        /// Seconds to go on serving as before after TERM, while load balancers take notice. A second
        /// TERM ends the wait.
        drain_delay: Count { flags: &["--drain-delay"], meta: "INT", default: Some("0"), compared: Compared::Ours }
        /// Seconds to wait for the next request on an idle connection; 0 closes at once.
        keepalive: Count { flags: &["--keep-alive"], meta: "INT", default: Some("2"), compared: Compared::Better("`sync` keeps connections too") }
        /// Whether to run the application's lifespan: auto, on or off.
        asgi_lifespan: Text { flags: &["--asgi-lifespan"], meta: "STRING", default: Some("auto") }
        /// Seconds after which an application still sending to a client that left is cancelled.
        asgi_disconnect_grace_period: Count { flags: &["--asgi-disconnect-grace-period"], meta: "INT", default: Some("3") }
    }
    "Security" {
        /// Seconds a client may take over a request's head, and before it; 0 is no limit.
        header_timeout: Count { flags: &["--header-timeout"], meta: "INT", default: Some("30"), compared: Compared::Ours }
        /// Seconds an application may wait for the next byte of a request's body; 0 is no limit.
        body_timeout: Count { flags: &["--body-timeout"], meta: "INT", default: Some("60"), compared: Compared::Ours }
        /// Bytes a second at which a body with a content-length must come, on average over
        /// body_timeout; 0 asks for none.
        body_min_rate: Count { flags: &["--body-min-rate"], meta: "INT", default: Some("500"), compared: Compared::Ours }
        /// Seconds an answer may wait for its client to take the next byte; 0 is no limit.
        write_timeout: Count { flags: &["--write-timeout"], meta: "INT", default: Some("60"), compared: Compared::Ours }
        /// Longest request line in bytes, at most 8190, which is also what 0 means.
        limit_request_line: Count { flags: &["--limit-request-line"], meta: "INT", default: Some("4094") }
        /// Most header fields in one request, at most 32768, which is also what 0 means.
        limit_request_fields: Count { flags: &["--limit-request-fields"], meta: "INT", default: Some("100") }
        /// Longest header field in bytes, at most 1 MiB, which is also what 0 means.
        limit_request_field_size: Count { flags: &["--limit-request-field_size"], meta: "INT", default: Some("8190") }
    }
    "Proxies in Front" {
        /// Addresses and networks, with commas between them, of the proxies that are believed what they say
        /// about clients; * is everyone. Clients on a unix socket always are. The default is taken from
        /// $FORWARDED_ALLOW_IPS if that is set.
        forwarded_allow_ips: Words { flags: &["--forwarded-allow-ips"], meta: "STRING", default: Some("127.0.0.1,::1") }
        /// Take client and scheme from what a trusted proxy says. Without, nothing that proxies say is believed.
        proxy_headers: Switch { flags: &["--proxy-headers", "--no-proxy-headers"], default: Some("true"), compared: Compared::Ours }
        /// Header fields that the proxy writes: x-forwarded (X-Forwarded-For and its kin) or forwarded (RFC 7239).
        /// The others are not believed, since the proxy passes on what a client wrote there.
        forwarded_header: Text { flags: &["--forwarded-header"], meta: "STRING", default: Some("x-forwarded"), compared: Compared::Ours }
        /// Take host and port from a trusted proxy too: X-Forwarded-Host and X-Forwarded-Port, or host= of RFC 7239.
        /// Only for a proxy that always sets them.
        forwarded_host: Switch { flags: &["--forwarded-host"], default: Some("false"), compared: Compared::Ours }
        /// Put the X-Forwarded-Prefix of a trusted proxy before root_path and path. Only for a proxy that always sets it.
        forwarded_prefix: Switch { flags: &["--forwarded-prefix"], default: Some("false"), compared: Compared::Ours }
        /// Header fields, and the value of each by which a trusted proxy says that its client came over TLS.
        secure_scheme_headers: Pairs { default: Some("X-FORWARDED-PROTOCOL: ssl, X-FORWARDED-PROTO: https, X-FORWARDED-SSL: on") }
        /// Header fields with an underscore by which a trusted proxy may change the scope. SCRIPT_NAME sets root_path
        /// if the path lies below it; others have no effect on ASGI.
        forwarder_headers: Words { flags: &["--forwarder-headers"], meta: "STRING", default: Some("SCRIPT_NAME,PATH_INFO") }
        /// Versions of HAProxy's PROXY protocol that a connection may begin with: off, v1, v2 or auto.
        proxy_protocol: Mode { flags: &["--proxy-protocol"], meta: "MODE", default: Some("off") }
        /// Addresses and networks, with commas between them, that may use the PROXY protocol; * is everyone.
        /// Clients on a unix socket always may.
        proxy_allow_ips: Words { flags: &["--proxy-allow-from"], meta: "STRING", default: Some("127.0.0.1,::1") }
    }
    "Server Mechanics" {
        /// What becomes of header fields whose names have an underscore, in WSGI: drop, refuse or
        /// dangerous.
        header_map: Text { flags: &["--header-map"], meta: "STRING", default: Some("drop") }
        /// Load the application in the master, before the workers are forked.
        preload_app: Switch { flags: &["--preload"], default: Some("false") }
        /// Directory to enter before the application is loaded. [default: where the command was started]
        chdir: OptionalText { flags: &["--chdir"], meta: "PATH" }
        /// File to write the master's process id to.
        pidfile: OptionalText { flags: &["-p", "--pid"], meta: "FILE" }
        /// Accept header fields that go on in the next line; each fold is read as one space. Not in
        /// Host, Content-Length and Transfer-Encoding.
        permit_obsolete_folding: Switch { flags: &["--permit-obsolete-folding"], default: Some("false") }
        /// Accept whitespace between the name and the colon of a header field, and drop it.
        strip_header_spaces: Switch { flags: &["--strip-header-spaces"], default: Some("false") }
        /// Accept any token as method, and not only 3 to 20 characters without lower case and `#`.
        permit_unconventional_http_method: Switch { flags: &["--permit-unconventional-http-method"], default: Some("false") }
        /// Accept any version of two digits, such as HTTP/1.2; it is read as HTTP/1.1, or below
        /// that as HTTP/1.0.
        permit_unconventional_http_version: Switch { flags: &["--permit-unconventional-http-version"], default: Some("false") }
        /// Accept lower case in methods, and read it as upper case.
        casefold_http_method: Switch { flags: &["--casefold-http-method"], default: Some("false") }
        /// Whether files are sent by the kernel (`wsgi.file_wrapper`).
        sendfile: Switch { flags: &["--sendfile", "--no-sendfile"], default: Some("true") }
        /// Directory for request bodies that are too large for memory. [default: the system's]
        tmp_upload_dir: OptionalText { compared: Compared::Better("in gunicorn nothing reads it") }
        /// Path under which a proxy in front serves the application: `root_path` of the ASGI scope.
        root_path: Text { flags: &["--root-path"], meta: "STRING", default: Some("") }
    }
    "Logging" {
        /// File to write the access log to; `-` is standard output. Without it there is none.
        accesslog: OptionalText { flags: &["--access-logfile"], meta: "FILE" }
        /// Format of an access log line.
        access_log_format: Text {
            flags: &["--access-logformat"],
            meta: "STRING",
            default: Some(DEFAULT_FORMAT),
        }
        /// File to write the error log to; `-` is standard error.
        errorlog: Text { flags: &["--error-logfile", "--log-file"], meta: "FILE", default: Some("-") }
        /// Least severity that is logged: debug, info, warning, error or critical; trace adds every
        /// ASGI message.
        loglevel: Text { flags: &["--log-level"], meta: "LEVEL", default: Some("info") }
    }
}

/// gunicorn's settings that this version does not have. Setting one is worth a warning.
pub(crate) const NOT_YET: &[&str] = &[
    "asgi_loop",
    "ca_certs",
    "capture_output",
    "cert_reqs",
    "certfile",
    "check_config",
    "child_exit",
    "ciphers",
    "control_socket",
    "control_socket_disable",
    "control_socket_mode",
    "daemon",
    "default_proc_name",
    "dirty_apps",
    "dirty_graceful_timeout",
    "dirty_post_fork",
    "dirty_threads",
    "dirty_timeout",
    "dirty_worker_exit",
    "dirty_worker_init",
    "dirty_workers",
    "disable_redirect_access_to_syslog",
    "do_handshake_on_connect",
    "dogstatsd_tags",
    "enable_backlog_metric",
    "enable_stdio_inheritance",
    "group",
    "http2_cleartext",
    "http2_initial_window_size",
    "http2_max_concurrent_streams",
    "http2_max_frame_size",
    "http2_max_header_list_size",
    "http_parser",
    "http_protocols",
    "initgroups",
    "keyfile",
    "logconfig",
    "logconfig_dict",
    "logconfig_json",
    "logger_class",
    "nworkers_changed",
    "on_dirty_starting",
    "on_exit",
    "on_reload",
    "on_starting",
    "paste",
    "post_fork",
    "post_request",
    "post_worker_init",
    "pre_exec",
    "pre_fork",
    "pre_request",
    "print_config",
    "proc_name",
    "protocol",
    "pythonpath",
    "raw_env",
    "raw_paste_global_conf",
    "reload",
    "reload_engine",
    "reload_extra_files",
    "reuse_port",
    "spew",
    "ssl_context",
    "ssl_version",
    "statsd_host",
    "statsd_prefix",
    "suppress_ragged_eofs",
    "syslog",
    "syslog_addr",
    "syslog_facility",
    "syslog_prefix",
    "umask",
    "user",
    "uwsgi_allow_ips",
    "websocket_max_message_size",
    "when_ready",
    "worker_abort",
    "worker_exit",
    "worker_int",
    "worker_tmp_dir",
];
