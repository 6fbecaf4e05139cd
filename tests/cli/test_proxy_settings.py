"""The settings about proxies: what is wrong with one is said in one line, with its name."""

from pathlib import Path

import pytest
from command import run, serving

APPS = Path(__file__).parent / "apps"
BIND = ("-k", "asgi", "-b", "127.0.0.1:0")


@pytest.mark.parametrize(
    ("flag", "setting", "value", "word"),
    [
        ("--forwarded-allow-ips", "forwarded_allow_ips", "127.0.0.1,localhost", "'localhost' is neither"),
        ("--forwarded-allow-ips", "forwarded_allow_ips", "10.0.0.1/8", "the network is 10.0.0.0/8"),
        ("--proxy-allow-from", "proxy_allow_ips", "10.0.0.0/99", "'10.0.0.0/99' is neither"),
        ("--proxy-protocol", "proxy_protocol", "v3", "off, v1, v2, auto"),
        ("--forwarded-header", "forwarded_header", "both", "x-forwarded, forwarded"),
    ],
)
def test_a_wrong_value_is_named_with_its_setting(flag, setting, value, word):
    ended = run(*BIND, flag, value, "hello:app", cwd=APPS)
    ended.assert_explained(1, setting, value, f"from {flag} on the command line", word)


def test_an_application_where_a_mode_is_expected_is_named():
    ended = run(*BIND, "--proxy-protocol", "hello:app", cwd=APPS)
    assert ended.code == 1
    ended.line_with("proxy_protocol", "'hello:app'", "off, v1, v2, auto")


def test_a_wrong_address_in_the_environment_is_named_with_the_variable():
    ended = run(*BIND, "hello:app", cwd=APPS, env={"FORWARDED_ALLOW_IPS": "proxy.internal"})
    assert ended.code == 1
    ended.line_with("forwarded_allow_ips", "$FORWARDED_ALLOW_IPS", "'proxy.internal'")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("forwarded_allow_ips = 5", "a text with commas"),
        ("secure_scheme_headers = 'on'", "a dict of texts"),
        ("secure_scheme_headers = {'X-Proto': 1}", "a dict of texts"),
        ("secure_scheme_headers = {'no name': 'on'}", "'no name' cannot be the name of a header field"),
        ("proxy_protocol = 2", "a text, True or False"),
    ],
)
def test_a_wrong_value_in_a_file_is_named_with_the_file(tmp_path, line, word):
    file = tmp_path / "wrong.py"
    file.write_text(line)
    ended = run(*BIND, "-c", file, "hello:app", cwd=APPS)
    ended.assert_explained(1, line.split()[0], "wrong.py", word)


def test_the_values_that_gunicorn_takes_are_taken(tmp_path):
    file = tmp_path / "right.py"
    file.write_text(
        'forwarded_allow_ips = "10.0.0.0/8, ::1,*"\n'
        'proxy_allow_ips = ["127.0.0.1", "::ffff:10.0.0.0/104"]\n'
        'forwarder_headers = "SCRIPT_NAME"\n'
        "secure_scheme_headers = {}\n"
        "proxy_protocol = True\n"
    )
    with serving(*BIND, "-c", file, "hello:app", cwd=APPS) as server:
        ended = server.stop()
    assert not any("WARNING" in line for line in ended.stderr.splitlines())
