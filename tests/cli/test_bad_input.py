"""What is wrong is named in one clear line, with gunicorn's exit code and no traceback of ours.

1: configuration or address; 2: usage; 3: a worker did not boot; 4: the application cannot be used.
"""

import re
import socket
from pathlib import Path

import pytest
from command import run, serving, text_of

APPS = Path(__file__).parent / "apps"


def asgi(*arguments, **options):
    return run("-k", "asgi", "-b", "127.0.0.1:0", *arguments, cwd=APPS, **options)


# The application


@pytest.mark.parametrize("workers", [1, 4])
def test_a_module_that_does_not_exist_is_named_and_exits_3(workers):
    ended = asgi("-w", workers, "nowhere:app")
    ended.assert_explained(3, "nowhere")


def test_a_missing_module_of_a_package_is_named_and_exits_3():
    ended = asgi("package.nowhere:app")
    ended.assert_explained(3, "package.nowhere")


@pytest.mark.parametrize("target, word", [("hello:nothing", "nothing"), ("hello:holder.outer.app", "outer")])
def test_a_name_that_is_not_there_is_named_and_exits_4(target, word):
    ended = asgi(target)
    ended.assert_explained(4, word, "hello")


@pytest.mark.parametrize("target", ["hello:number", "hello:create_nothing()", "hello:holder"])
def test_an_object_that_is_no_application_is_named_and_exits_4(target):
    ended = asgi(target)
    ended.assert_explained(4, target.partition(":")[2].partition("(")[0])


@pytest.mark.parametrize(
    "target", ["hello:create_app(name=", "hello:1+1", "hello:create_app(open('x'))", "hello:number()"]
)
def test_an_expression_that_is_no_name_and_no_factory_call_exits_4(target):
    ended = asgi(target)
    ended.assert_explained(4, target.partition(":")[2])


def test_arguments_that_do_not_fit_a_factory_exit_4():
    ended = asgi("hello:create_app(colour='red')")
    ended.assert_explained(4, "colour")


def test_a_wsgi_application_given_to_asgi_is_told_so_and_exits_4():
    ended = asgi("hello:wsgi_app")
    ended.assert_explained(4, "hello:wsgi_app", "WSGI")


def test_an_asgi_application_given_to_sync_is_told_so():
    ended = run("-k", "sync", "-b", "127.0.0.1:0", "hello:app", cwd=APPS)
    ended.assert_explained(4, "hello:app", "ASGI", "--worker-class asgi")


def test_an_error_while_the_module_is_imported_shows_the_users_traceback_and_exits_3():
    ended = asgi("raises:app")
    assert ended.code == 3
    assert re.search(r'File ".*/raises\.py", line \d+, in configure', ended.output)
    ended.line_with("RuntimeError: no configuration found")
    ended.assert_only_the_users_traceback()


def test_an_import_that_fails_inside_the_module_shows_the_users_traceback_and_exits_3():
    ended = asgi("imports_missing:app")
    assert ended.code == 3
    ended.line_with("a_library_nobody_installed")
    assert "imports_missing.py" in ended.output
    ended.assert_only_the_users_traceback()


def test_a_syntax_error_is_shown_with_its_place_and_exits_3(tmp_path):
    (tmp_path / "mistyped.py").write_text((APPS / "syntax_error.txt").read_text())
    ended = run("-k", "asgi", "-b", "127.0.0.1:0", "mistyped:app", cwd=tmp_path)
    assert ended.code == 3
    ended.line_with("SyntaxError")
    ended.line_with("mistyped.py", "line 3")
    ended.line_with("def app(:")


def test_an_error_inside_a_factory_shows_the_users_traceback_and_exits_3():
    ended = asgi("hello:broken_factory()")
    assert ended.code == 3
    ended.line_with("RuntimeError: the factory is broken")
    ended.assert_only_the_users_traceback()


def test_a_lifespan_that_does_not_start_is_explained_and_exits_3():
    ended = asgi("failing_lifespan:app")
    ended.assert_explained(3, "the database is away")


@pytest.mark.parametrize("target, code", [("nowhere:app", 3), ("hello:nothing", 4), ("raises:app", 3)])
def test_preload_fails_with_the_same_codes(target, code):
    """gunicorn dies of an unhandled exception with exit code 1 here."""
    ended = asgi("--preload", target)
    assert ended.code == code
    assert "panicked" not in ended.output


def test_a_failed_boot_says_why_in_gunicorns_words():
    ended = asgi("raises:app")
    ended.line_with("[ERROR]", "Exception in worker process")
    ended.line_with("[ERROR]", "Shutting down: Master")
    ended.line_with("[ERROR]", "Reason: Worker failed to boot.")
    asgi("hello:nothing").line_with("[ERROR]", "Reason: App failed to load.")


def test_no_application_is_an_error_of_configuration():
    ended = run("-k", "asgi", cwd=APPS)
    assert ended.code == 1
    assert "no application" in ended.output.lower()
    ended.assert_no_traceback()


# Addresses


def test_a_port_in_use_exits_1():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("-k", "asgi", "-b", f"127.0.0.1:{port}", "hello:app", cwd=APPS)
    ended.assert_explained(1, f"Connection in use: ('127.0.0.1', {port})")


def test_the_second_of_two_addresses_in_use_exits_1():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("-k", "asgi", "-b", "127.0.0.1:0", "-b", f"127.0.0.1:{port}", "hello:app", cwd=APPS)
    assert ended.code == 1
    ended.line_with("Connection in use", str(port))


def test_a_unix_address_occupied_by_a_file_is_refused_and_the_file_kept(tmp_path):
    occupied = tmp_path / "notes.txt"
    occupied.write_text("precious")
    ended = run("-k", "asgi", "-b", f"unix:{occupied}", "hello:app", cwd=APPS)
    ended.assert_explained(1, str(occupied))
    assert occupied.read_text() == "precious"


def test_a_unix_socket_that_another_server_listens_on_is_refused_and_kept(tmp_path):
    path = tmp_path / "live.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        ended = run("-k", "asgi", "-b", f"unix:{path}", "hello:app", cwd=APPS)
        ended.assert_explained(1, str(path))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_unix_address_in_a_folder_that_does_not_exist_is_refused(tmp_path):
    ended = run("-k", "asgi", "-b", f"unix:{tmp_path}/no/such.sock", "hello:app", cwd=APPS)
    ended.assert_explained(1, "such.sock")


@pytest.mark.parametrize("address", ["127.0.0.1:http", "127.0.0.1:70000", "fd://x", "[::1", "unix:"])
def test_an_address_that_cannot_be_read_is_named_and_exits_1(address):
    ended = run("-k", "asgi", "-b", address, "hello:app", cwd=APPS)
    ended.assert_explained(1, address)


def test_an_inherited_descriptor_that_is_no_socket_is_named_and_exits_1():
    ended = run("-k", "asgi", "-b", "fd://99", "hello:app", cwd=APPS)
    ended.assert_explained(1, "99")


def test_an_address_of_another_machine_exits_1():
    ended = run("-k", "asgi", "-b", "192.0.2.1:8000", "hello:app", cwd=APPS)
    ended.assert_explained(1, "192.0.2.1")


# Options and settings


def test_an_unknown_option_is_named_and_exits_2():
    ended = asgi("--colour", "red", "hello:app")
    ended.assert_explained(2, "--colour")


@pytest.mark.parametrize("option", [("-w", "many"), ("--timeout", "soon"), ("--backlog", "1.5")])
def test_a_value_that_is_no_number_is_named_and_exits_2(option):
    ended = asgi(*option, "hello:app")
    ended.assert_explained(2, option[1])


@pytest.mark.parametrize("option", ["--workers=-1", "--timeout=-1"])
def test_a_negative_value_is_refused(option):
    ended = asgi(option, "hello:app")
    assert ended.code in (1, 2)
    ended.line_with("-1")
    ended.assert_no_traceback()


def test_an_unknown_worker_class_is_named_and_exits_1():
    ended = run("-k", "turbo", "-b", "127.0.0.1:0", "hello:app", cwd=APPS)
    ended.assert_explained(1, "turbo")


def test_a_folder_to_change_to_that_does_not_exist_is_named_and_exits_1():
    ended = asgi("--chdir", "/no/such/folder", "hello:app")
    ended.assert_explained(1, "/no/such/folder")


def test_an_unknown_log_level_is_named():
    ended = asgi("--log-level", "chatty", "hello:app")
    assert ended.code in (1, 2)
    ended.line_with("chatty")
    ended.assert_no_traceback()


def test_a_log_file_that_cannot_be_opened_is_named_and_exits_1():
    for option in "--error-logfile", "--access-logfile":
        ended = asgi(option, "/no/such/folder/log", "hello:app")
        ended.assert_explained(1, "/no/such/folder/log")


def test_a_pid_file_that_cannot_be_written_is_named_and_exits_1():
    ended = asgi("--pid", "/no/such/folder/pid", "hello:app")
    ended.assert_explained(1, "/no/such/folder")


def test_a_pid_file_of_a_running_server_is_respected(tmp_path):
    file = tmp_path / "pid"
    with serving("-k", "asgi", "-b", "127.0.0.1:0", "--pid", file, "hello:app", cwd=APPS) as s:
        ended = asgi("--pid", file, "hello:app")
        ended.assert_explained(1, "Already running on PID", str(s.pid))
        assert text_of(file).strip() == str(s.pid)


def test_a_stale_pid_file_is_replaced(tmp_path):
    file = tmp_path / "pid"
    file.write_text("999999999\n")  # Above the largest pid of Linux.
    with serving("-k", "asgi", "-b", "127.0.0.1:0", "--pid", file, "hello:app", cwd=APPS) as s:
        assert file.read_text().strip() == str(s.pid)
