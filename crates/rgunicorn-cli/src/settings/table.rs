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
        /// Configuration file: a path, `file:PATH`, or `python:MODULE`. The end of its name says whether it is
        /// TOML, YAML (.yaml, .yml) or JSON; any other is Python. Without it `./gunicorn.conf.py` is read, or
        /// else `./rgunicorn.conf.py`, or else `./rgunicorn.toml`, if there is one.
        config: OptionalText { flags: &["-c", "--config"], meta: "CONFIG", compared: Compared::Better("TOML, YAML and JSON too") }
        /// The application, as MODULE[:NAME], when the command line does not name one.
        wsgi_app: OptionalText {}
        /// What the application's name stands for is a function that makes it: call it without arguments.
        factory: Switch { flags: &["--factory"], default: Some("false"), compared: Compared::Ours }
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
        /// on threads, `asgi`, or `auto`, which looks at the application, as is done when nothing is said here.
        worker_class: Class { flags: &["-k", "--worker-class"], meta: "STRING", default: Some("sync"), compared: Compared::Better("an ASGI application is detected where no class is given") }
        /// What the application speaks: auto, which leaves it to worker_class, asgi or wsgi.
        interface: Text { flags: &["--interface"], meta: "STRING", default: Some("auto"), compared: Compared::Ours }
        /// Most clients connected to one worker at once; 0 is no limit. Beyond it new clients
        /// wait in the backlog, and may take the place of an idle one.
        worker_connections: Count { flags: &["--worker-connections"], meta: "INT", default: Some("1000"), compared: Compared::Better("holds for every worker class") }
        /// Most calls of the application that run at once in one worker; 0 is no limit. Beyond it
        /// requests are answered with 503.
        limit_concurrency: Count { flags: &["--limit-concurrency"], meta: "INT", default: Some("0"), compared: Compared::Ours }
        /// Threads of each worker that call a WSGI application. More than one makes `sync` a `gthread`.
        threads: Count { flags: &["--threads"], meta: "INT", default: Some("1") }
        /// Requests after which a worker is replaced; 0 is never. It serves on until the other is ready.
        max_requests: Count { flags: &["--max-requests", "--limit-max-requests"], meta: "INT", default: Some("0"), compared: Compared::Better("the replacement is ready before the worker leaves") }
        /// Most requests that are added to max_requests, at random for each worker, so that not all
        /// are replaced at once.
        max_requests_jitter: Count { flags: &["--max-requests-jitter", "--limit-max-requests-jitter"], meta: "INT", default: Some("0") }
        /// Memory in use (RSS) at which a worker is replaced, as after max_requests: a number of MiB, or one with K, M
        /// or G behind it; 0 is never.
        max_rss: Size { flags: &["--max-rss"], meta: "SIZE", default: Some("0"), compared: Compared::Ours }
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
        /// Event loop of ASGI workers: auto, asyncio, rgunicorn or uvloop. auto is rgunicorn.
        asgi_loop: Text { flags: &["--asgi-loop", "--loop"], meta: "STRING", default: Some("auto"), compared: Compared::Better("`auto` is a loop in Rust; `uvloop` is for applications that need it, and slower") }
        /// Parser of HTTP.
        http_parser: Text { flags: &["--http-parser"], meta: "STRING", default: Some("auto"), compared: Compared::NoEffect("there is one parser, in Rust") }
    }
    "WebSocket" {
        /// Whether ASGI applications are called for WebSockets: auto, or none, which takes a request for one for an
        /// ordinary request. uvicorn's names of other implementations mean auto.
        ws: Text { flags: &["--ws"], meta: "STRING", default: Some("auto"), compared: Compared::Ours }
        /// Most bytes of a message, after inflating; 0 is no limit. A larger one ends its connection with 1009.
        websocket_max_message_size: Count { flags: &["--websocket-max-message-size", "--ws-max-size"], meta: "INT", default: Some("16777216"), compared: Compared::Better("in gunicorn nothing reads it") }
        /// Most messages of a connection that are read before the application takes them.
        ws_max_queue: Count { flags: &["--ws-max-queue"], meta: "INT", default: Some("32"), compared: Compared::Ours }
        /// Seconds between two pings; 0 sends none.
        ws_ping_interval: Count { flags: &["--ws-ping-interval"], meta: "INT", default: Some("20"), compared: Compared::Ours }
        /// Seconds a client may be silent after a ping; 0 is no limit.
        ws_ping_timeout: Count { flags: &["--ws-ping-timeout"], meta: "INT", default: Some("20"), compared: Compared::Ours }
        /// Compression of messages, for clients that offer it: auto or off.
        ws_per_message_deflate: Mode { flags: &["--ws-per-message-deflate"], meta: "MODE", default: Some("auto"), compared: Compared::Ours }
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
    "HTTP/2" {
        /// Versions of HTTP, with commas between them, the best first: h1 and h2. Over TLS they are offered in this
        /// order. In clear text h2 needs http2_cleartext as well.
        http_protocols: Text { flags: &["--http-protocols"], meta: "STRING", default: Some("h1") }
        /// Speak HTTP/2 wherever a client can: over TLS it is offered before HTTP/1.1, and in clear text anybody
        /// may begin with it. For both of http_protocols and http2_cleartext, where those are not set.
        http2: Switch { flags: &["--http2"], default: Some("false"), compared: Compared::Ours }
        /// HTTP/2 in clear text, from the proxies in forwarded_allow_ips: off, prior-knowledge, upgrade or both. With
        /// prior-knowledge they have to speak it.
        http2_cleartext: Mode { flags: &["--http2-cleartext"], meta: "STRING", default: Some("off"), compared: Compared::Better("works for every worker class") }
        /// Most streams that one HTTP/2 client may have open at once.
        http2_max_concurrent_streams: Count { flags: &["--http2-max-concurrent-streams"], meta: "INT", default: Some("100") }
        /// Bytes of one request body that an HTTP/2 client may send before the application took any.
        http2_initial_window_size: Count { flags: &["--http2-initial-window-size"], meta: "INT", default: Some("65535") }
        /// Let that number grow for clients that are fast and far away, up to 4 MiB.
        http2_adaptive_window: Switch { flags: &["--http2-adaptive-window"], default: Some("false"), compared: Compared::Ours }
        /// Longest HTTP/2 frame that is taken, in bytes: 16384 to 16777215.
        http2_max_frame_size: Count { flags: &["--http2-max-frame-size"], meta: "INT", default: Some("16384") }
        /// Most bytes of all fields of one HTTP/2 request, and 32 for each of them; at most 1 MiB, which is also what 0 means.
        http2_max_header_list_size: Count { flags: &["--http2-max-header-list-size"], meta: "INT", default: Some("65536"), compared: Compared::Better("0 is a bound too") }
        /// Seconds of silence after which an HTTP/2 client with open streams is asked whether it is there; 0 is never.
        http2_ping_interval: Count { flags: &["--http2-ping-interval"], meta: "INT", default: Some("0"), compared: Compared::Ours }
        /// Seconds it has for the answer.
        http2_ping_timeout: Count { flags: &["--http2-ping-timeout"], meta: "INT", default: Some("20"), compared: Compared::Ours }
    }
    "Debugging" {
        /// Replace workers when their code changes: the files of the modules that were imported, and new ones beside
        /// them. For development.
        reload: Switch { flags: &["--reload"], default: Some("false"), compared: Compared::Better("the replacement is ready before the worker leaves, so that no request is lost; code that cannot be loaded is shown, also at the start") }
        /// What notices a change: `inotify`, `poll`, which looks every second, or `auto`, which polls where inotify cannot be used.
        /// inotify hears nothing of changes that others make on a network file system: there take `poll`.
        reload_engine: Text { flags: &["--reload-engine"], meta: "STRING", default: Some("auto") }
        /// More files to watch: paths, and patterns such as `templates/**/*.html`. They need not exist yet. May be given
        /// more than once.
        reload_extra_files: List { flags: &["--reload-extra-file"], meta: "FILES", default: Some(""), compared: Compared::Better("files and directories may be made later") }
        /// Directory to watch with all below it, for files that reload_includes names. May be given more than once.
        reload_dirs: List { flags: &["--reload-dir"], meta: "PATH", default: Some(""), compared: Compared::Ours }
        /// Pattern of names of files to watch in reload_dirs, besides `*.py`. May be given more than once.
        reload_includes: List { flags: &["--reload-include"], meta: "GLOB", default: Some(""), compared: Compared::Ours }
        /// Pattern of names or paths not to watch, besides hidden files, __pycache__, node_modules and what editors leave.
        /// What was imported is always watched. May be given more than once.
        reload_excludes: List { flags: &["--reload-exclude"], meta: "GLOB", default: Some(""), compared: Compared::Ours }
        /// Print every line of Python that the application runs. Slows all down.
        spew: Switch { flags: &["--spew"], default: Some("false") }
        /// Check the configuration, load the application, and exit: with 0, or with 1 if something is wrong.
        check_config: Switch { flags: &["--check-config"], default: Some("false"), compared: Compared::Better("checks the worker class and the kind of application too") }
        /// Print every setting, where its value comes from, and do as check_config does.
        print_config: Switch { flags: &["--print-config"], default: Some("false"), compared: Compared::Better("says where each value comes from") }
    }
    "Server Mechanics" {
        /// What becomes of header fields whose names have an underscore, in WSGI: drop, refuse or
        /// dangerous.
        header_map: Text { flags: &["--header-map"], meta: "STRING", default: Some("drop") }
        /// Load the application in the master, before the workers are forked.
        preload_app: Switch { flags: &["--preload"], default: Some("false") }
        /// Give each worker a listening socket of its own (SO_REUSEPORT), so that the kernel spreads connections over
        /// them. Unix sockets stay shared.
        reuse_port: Switch { flags: &["--reuse-port"], default: Some("false"), compared: Compared::Better("an upgrade by USR2 works, and an address in use is found out at the start") }
        /// Directory to enter before the application is loaded. [default: where the command was started]
        chdir: OptionalText { flags: &["--chdir"], meta: "PATH" }
        /// Directories with commas between them, where modules are looked for before all others.
        pythonpath: OptionalText { flags: &["--pythonpath", "--app-dir"], meta: "STRING" }
        /// Variable for the application's environment, as NAME=VALUE. May be given more than once.
        raw_env: List { flags: &["-e", "--env"], meta: "ENV", default: Some("") }
        /// File with more of them, a line each. What the environment has already stays.
        env_file: OptionalText { flags: &["--env-file"], meta: "FILE", compared: Compared::Ours }
        /// PasteDeploy's ini file with the application, and the section of it after a #. What its [server:main] says
        /// to egg:gunicorn counts less than any configuration file.
        paste: OptionalText { flags: &["--paste", "--paster"], meta: "STRING" }
        /// Variable for the Paste file, as NAME=VALUE. May be given more than once.
        raw_paste_global_conf: List { flags: &["--paste-global"], meta: "CONF", default: Some("") }
        /// Directory for the files of heartbeats.
        worker_tmp_dir: OptionalText { flags: &["--worker-tmp-dir"], meta: "DIR", compared: Compared::NoEffect("heartbeats are in shared memory, without any file") }
        /// Protocol of clients: http.
        protocol: Text { flags: &["--protocol"], meta: "STRING", default: Some("http"), compared: Compared::NoEffect("HTTP is the only one; uwsgi is refused") }
        /// Addresses that may speak the uwsgi protocol.
        uwsgi_allow_ips: Words { flags: &["--uwsgi-allow-from"], meta: "STRING", default: Some("127.0.0.1,::1"), compared: Compared::NoEffect("the uwsgi protocol is not there yet") }
        /// Go into the background.
        daemon: Switch { flags: &["-D", "--daemon"], default: Some("false"), compared: Compared::Better("an error before the sockets are open is that of the command that was started") }
        /// File to write the master's process id to.
        pidfile: OptionalText { flags: &["-p", "--pid"], meta: "FILE" }
        /// User to run workers as, by name or number. [default: the one who starts the server]
        user: Account { flags: &["-u", "--user"], meta: "USER" }
        /// Group to run workers as, by name or number. [default: that of who starts the server]
        group: Account { flags: &["-g", "--group"], meta: "GROUP" }
        /// Permissions that files of unix sockets do not get; octal with a leading zero.
        umask: Permissions { flags: &["-m", "--umask"], meta: "INT", default: Some("0") }
        /// Give workers all groups that their user is a member of. Without, they keep those of the master.
        initgroups: Switch { flags: &["--initgroups"], default: Some("false") }
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
        /// Keep the access log out of syslog.
        disable_redirect_access_to_syslog: Switch { flags: &["--disable-redirect-access-to-syslog"], default: Some("false") }
        /// Format of an access log line.
        access_log_format: Text {
            flags: &["--access-logformat"],
            meta: "STRING",
            default: Some(DEFAULT_FORMAT),
            compared: Compared::Better("an unknown atom is refused at the start, and clients cannot forge lines"),
        }
        /// Write the access log as one JSON object per line, in place of access_log_format.
        access_log_json: Switch { flags: &["--access-log-json"], default: Some("false"), compared: Compared::Ours }
        /// Paths, with commas between them, whose requests are not in the access log, such as /healthz. A * stands for any text.
        access_log_exclude: Words { flags: &["--access-log-exclude"], meta: "PATHS", default: Some(""), compared: Compared::Ours }
        /// File to write the error log to; `-` is standard error.
        errorlog: Text { flags: &["--error-logfile", "--log-file"], meta: "FILE", default: Some("-") }
        /// Least severity that is logged: debug, info, warning, error or critical; trace adds every
        /// ASGI message.
        loglevel: Text { flags: &["--log-level"], meta: "LEVEL", default: Some("info") }
        /// Send what the application writes to standard output and standard error to the errorlog file.
        capture_output: Switch { flags: &["--capture-output"], default: Some("false") }
        /// Class that logs, or its dotted path. Another than gunicorn's own takes both logs through Python's logging.
        logger_class: Class { flags: &["--logger-class"], meta: "STRING", default: Some("gunicorn.glogging.Logger") }
        /// File for logging.config.fileConfig. Both logs go through Python's logging, as gunicorn.error and gunicorn.access.
        logconfig: OptionalText { flags: &["--log-config"], meta: "FILE" }
        /// Dictionary for logging.config.dictConfig. Goes before logconfig_json and logconfig.
        logconfig_dict: Object {}
        /// JSON file for logging.config.dictConfig. Goes before logconfig.
        logconfig_json: OptionalText { flags: &["--log-config-json"], meta: "FILE", compared: Compared::Better("a file that does not exist is mentioned") }
        /// Where syslog is: udp://HOST:PORT, tcp://HOST:PORT, or unix://PATH, with #dgram or #stream behind it.
        syslog_addr: Text { flags: &["--log-syslog-to"], meta: "SYSLOG_ADDR", default: Some("udp://localhost:514"), compared: Compared::Better("never waits for syslog while it serves") }
        /// Send both logs to syslog too.
        syslog: Switch { flags: &["--log-syslog"], default: Some("false") }
        /// Name of the program in syslog's lines. [default: the name of the process]
        syslog_prefix: OptionalText { flags: &["--log-syslog-prefix"], meta: "SYSLOG_PREFIX" }
        /// Facility of syslog's lines.
        syslog_facility: Text { flags: &["--log-syslog-facility"], meta: "SYSLOG_FACILITY", default: Some("user") }
        /// Where statsd is: HOST:PORT, or unix://PATH.
        statsd_host: OptionalText { flags: &["--statsd-host"], meta: "STATSD_ADDR" }
        /// Tags for each metric, with commas between them.
        dogstatsd_tags: Text { flags: &["--dogstatsd-tags"], meta: "DOGSTATSD_TAGS", default: Some("") }
        /// Text before the name of each metric; a dot follows it.
        statsd_prefix: Text { flags: &["--statsd-prefix"], meta: "STATSD_PREFIX", default: Some("") }
        /// Tell statsd, once a second, how many clients wait to be accepted.
        enable_backlog_metric: Switch { flags: &["--enable-backlog-metric"], default: Some("false") }
        /// In the background, keep standard output and error unless they are a terminal.
        enable_stdio_inheritance: Switch { flags: &["-R", "--enable-stdio-inheritance"], default: Some("false") }
    }
    "Process Naming" {
        /// Name of the server in process titles, for which the package setproctitle has to be installed.
        /// [default: the application]
        proc_name: OptionalText { flags: &["-n", "--name"], meta: "STRING" }
        /// Name of the server in process titles where proc_name is not set. [default: the application]
        default_proc_name: Text { default: Some("gunicorn") }
    }
    "Server Hooks" {
        /// Called in the master with (server), once the pid file is written, before addresses are bound.
        on_starting: Hook {}
        /// Called in the master with (server) at HUP, once the configuration was read anew.
        on_reload: Hook { compared: Compared::Better("called also where the new configuration cannot be used and the old one stays") }
        /// Called in the master with (server), once it listens, before the first worker.
        when_ready: Hook {}
        /// Called in the master with (server, worker), before each fork.
        pre_fork: Hook { compared: Compared::Better("an error stops that worker and not the server") }
        /// Called in the worker with (server, worker), right after the fork.
        post_fork: Hook {}
        /// Called in the worker with (worker), once the application was loaded. The application that it leaves in
        /// `worker.wsgi` is served.
        post_worker_init: Hook {}
        /// Called in the worker with (worker) at INT and QUIT.
        worker_int: Hook { compared: Compared::Better("an error is logged, and called once") }
        /// Called in the worker with (worker) when the master gave it up because it hangs, after its stacks were logged.
        worker_abort: Hook { compared: Compared::Better("the stacks are logged before") }
        /// Called with (server) in a copy of the master that is about to become the next one (USR2).
        pre_exec: Hook {}
        /// Called in the worker with (worker, req), before the application.
        pre_request: Hook {}
        /// Called in the worker with (worker, req, environ, resp), or only the first two or three of them, once the
        /// call of the application is over.
        post_request: Hook { compared: Compared::Better("knows the answer to a request that failed; ASGI: also without access log") }
        /// Called in the master with (server, worker), when a worker's process is gone.
        child_exit: Hook { compared: Compared::Better("called for workers that failed to boot too") }
        /// Called in the worker with (server, worker), as the last thing before its process ends.
        worker_exit: Hook {}
        /// Called in the master with (server, new_value, old_value), when the number of workers to keep is set: at the
        /// start, when old_value is None, at HUP, TTIN and TTOU.
        nworkers_changed: Hook {}
        /// Called in the master with (server), as the last thing before it ends.
        on_exit: Hook {}
    }
    "SSL" {
        /// The server's private key, in PEM. [default: in certfile]
        keyfile: OptionalText { flags: &["--keyfile", "--ssl-keyfile"], meta: "FILE", compared: Compared::Better("a new file is taken into use by itself") }
        /// The server's certificate, and those between it and its authority, in PEM. With it the server speaks TLS.
        certfile: OptionalText { flags: &["--certfile", "--ssl-certfile", "--ssl-certificate"], meta: "FILE", compared: Compared::Better("a new file is taken into use by itself") }
        /// What the key is encrypted with.
        keyfile_password: Secret { flags: &["--keyfile-password", "--ssl-keyfile-password"], meta: "TEXT", compared: Compared::Ours }
        /// More certificates, for clients that ask for a name in one of them: CERTFILE, CERTFILE:KEYFILE or
        /// CERTFILE:KEYFILE:OCSPFILE. May be given more than once.
        certificates: List { flags: &["--certificate"], meta: "FILES", default: Some(""), compared: Compared::Ours }
        /// Make a certificate for localhost, in memory. For development.
        self_signed: Switch { flags: &["--self-signed"], default: Some("false"), compared: Compared::Ours }
        /// The oldest version of TLS that is spoken: TLSv1.2 or TLSv1.3.
        ssl_minimum_version: Text { flags: &["--ssl-minimum-version", "--ssl-protocol-min"], meta: "VERSION", default: Some("TLSv1.2"), compared: Compared::Ours }
        /// Versions of TLS.
        ssl_version: Anything { flags: &["--ssl-version"], meta: "STRING", default: Some("2"), compared: Compared::NoEffect("nor has it in gunicorn: ssl_minimum_version is the setting") }
        /// Whether clients need a certificate: 0 no, 1 if they have one, 2 yes.
        cert_reqs: Count { flags: &["--cert-reqs", "--ssl-cert-reqs"], meta: "INT", default: Some("0") }
        /// Authorities for the certificates of clients, in PEM.
        ca_certs: OptionalText { flags: &["--ca-certs", "--ssl-ca-certs", "--ssl-ca"], meta: "FILE" }
        /// Certificates of clients that their authority revoked: one or more lists, in PEM.
        crl_file: OptionalText { flags: &["--crl-file", "--ssl-crl"], meta: "FILE", compared: Compared::Ours }
        /// What the authority of certfile says about it, for clients that ask (OCSP stapling), in DER.
        ocsp_file: OptionalText { flags: &["--ocsp-file"], meta: "FILE", compared: Compared::Ours }
        /// Whether a TLS connection may end without notice.
        suppress_ragged_eofs: Switch { flags: &["--suppress-ragged-eofs"], default: Some("true"), compared: Compared::NoEffect("the end of a connection is an end, with notice or without: what is complete, its length says") }
        /// Whether the TLS handshake comes with the connection.
        do_handshake_on_connect: Switch { flags: &["--do-handshake-on-connect"], default: Some("false"), compared: Compared::NoEffect("a handshake never holds up other clients") }
        /// Seconds a client may take over the TLS handshake; 0 is no limit but header_timeout.
        ssl_handshake_timeout: Count { flags: &["--ssl-handshake-timeout"], meta: "INT", default: Some("10"), compared: Compared::Ours }
        /// Ciphers of TLS 1.2, as OpenSSL lists them. [default: all that are safe]
        ciphers: OptionalText { flags: &["--ciphers", "--ssl-ciphers"], meta: "STRING", compared: Compared::Better("a suite that nobody knows is refused") }
        /// Called in the master with (config, default_ssl_context_factory), when the configuration was read. Returns what
        /// that function gives, after some changes. What cannot be changed there raises an error.
        ssl_context: Hook { compared: Compared::Better("called once and not for every connection; the context is no SSLContext but has its attributes, as far as they mean something here") }
    }
    "Dirty Arbiters" {
        /// Applications of the dirty arbiter.
        dirty_apps: List { flags: &["--dirty-app"], meta: "STRING", default: Some(""), compared: Compared::NoEffect(NO_DIRTY) }
        /// Number of its workers.
        dirty_workers: Count { flags: &["--dirty-workers"], meta: "INT", default: Some("0"), compared: Compared::NoEffect(NO_DIRTY) }
        /// Seconds that one of its tasks may take.
        dirty_timeout: Count { flags: &["--dirty-timeout"], meta: "INT", default: Some("300"), compared: Compared::NoEffect(NO_DIRTY) }
        /// Threads of each of its workers.
        dirty_threads: Count { flags: &["--dirty-threads"], meta: "INT", default: Some("1"), compared: Compared::NoEffect(NO_DIRTY) }
        /// Seconds that its workers have to finish.
        dirty_graceful_timeout: Count { flags: &["--dirty-graceful-timeout"], meta: "INT", default: Some("30"), compared: Compared::NoEffect(NO_DIRTY) }
        /// Called before it starts.
        on_dirty_starting: Hook { compared: Compared::NoEffect(NO_DIRTY) }
        /// Called in each of its workers after the fork.
        dirty_post_fork: Hook { compared: Compared::NoEffect(NO_DIRTY) }
        /// Called in each of its workers when its applications are there.
        dirty_worker_init: Hook { compared: Compared::NoEffect(NO_DIRTY) }
        /// Called when one of its workers is gone.
        dirty_worker_exit: Hook { compared: Compared::NoEffect(NO_DIRTY) }
    }
    "Control" {
        /// Socket for gunicornc.
        control_socket: OptionalText { flags: &["--control-socket"], meta: "PATH", compared: Compared::NoEffect(NO_CONTROL) }
        /// Its file's mode.
        control_socket_mode: Permissions { flags: &["--control-socket-mode"], meta: "INT", default: Some("0o600"), compared: Compared::NoEffect(NO_CONTROL) }
        /// Do without it.
        control_socket_disable: Switch { flags: &["--no-control-socket"], default: Some("false"), compared: Compared::Better("there never is one") }
    }
}

const NO_DIRTY: &str = "there are no dirty arbiters: give long tasks to a task queue";
const NO_CONTROL: &str = "there is no control socket: signals do what it does";
