"""Tests of others that fail on our loop, each with the reason. One that passes fails our test, too."""

import sys

CPYTHON = {}
"""By the ids that unittest gives. docs/EVENTLOOP.md shows these lists."""

_IO_ENDS = "asyncio's sock_* methods do not keep a socket open that is closed while they wait"
_BY_CLASS = "asyncio goes by the class: a protocol with get_buffer must be an asyncio.BufferedProtocol"
_OF_UVLOOP = "a private part of uvloop"

UVLOOP_ALWAYS = {
    "tests.test_runner.TestSourceCode.test_uvloop_run_2": "our run() takes no loop_factory: it is for our loop",
    "tests.test_signals.Test_UV_Signals.test_signals_no_SIGCHLD": "asyncio permits a handler of SIGCHLD",
    "tests.test_sockets.TestUVSockets.test_pseudosocket": "the repr of asyncio.TransportSocket is another",
    "tests.test_sockets.TestUVSockets.test_socket_close_loop_and_close": _IO_ENDS,
    "tests.test_sockets.TestUVSockets.test_socket_sync_remove": _OF_UVLOOP,
    "tests.test_udp.Test_UV_UDP.test_udp_sendto_dns": "asyncio's datagram transport leaves names to the kernel",
    "tests.test_unix.Test_UV_Unix.test_epollhup": _BY_CLASS,
    "tests.test_tcp.Test_UV_TCP.test_create_server_buffered_1": _BY_CLASS,
    "tests.test_tcp.Test_UV_TCP.test_create_server_buffered_2": _BY_CLASS,
    "tests.test_tcp.Test_UV_TCP.test_tcp_handle_abort_in_connection_made": (
        "asyncio's get_extra_info('socket') goes on giving the socket, closed"
    ),
    "tests.test_process.Test_UV_Process.test_process_double_close": _OF_UVLOOP,
    "tests.test_process.Test_UV_Process_Delayed.test_process_delayed_stdio__paused__no_stdin": _OF_UVLOOP,
    "tests.test_process.Test_UV_Process_Delayed.test_process_delayed_stdio__paused__stdin_pipe": _OF_UVLOOP,
}

UVLOOP_BEFORE_3_13 = {
    "tests.test_unix.Test_UV_Unix.test_create_unix_server_path_stream_bittype": (
        "asyncio's create_unix_server has no cleanup_socket before Python 3.13"
    )
}
UVLOOP_SINCE_3_13 = {
    "tests.test_udp.Test_UV_UDP.test_create_datagram_endpoint_wrong_sock": (
        "asyncio's message is another since Python 3.13"
    )
}

UVLOOP_LEFT_OUT = {
    "tests.test_sockets.TestUVSockets.test_socket_connect_and_close": _IO_ENDS,
    "tests.test_sockets.TestUVSockets.test_socket_recv_and_close": _IO_ENDS,
    "tests.test_sockets.TestUVSockets.test_socket_recv_into_and_close": _IO_ENDS,
    "tests.test_process.Test_UV_Process_Delayed.test_process_delayed_stdio__not_paused__no_stdin": (
        "asyncio's wait() may be over before the end of the pipes is seen: chance decides"
    ),
}
"""Would wait for ever, or fail now and then. They are not run."""

UVLOOP = UVLOOP_ALWAYS | (UVLOOP_BEFORE_3_13 if sys.version_info < (3, 13) else UVLOOP_SINCE_3_13)
"""What fails on this Python."""
