"""Requests that two servers might read differently, and what a strict one makes of them.

A probe is the bytes of one or more requests and the calls that they are. `()` means that no application may see a
whole request: the head is refused, or the body breaks off. Most probes carry `GHOST`, a request that must stay a body.
"""

from dataclasses import dataclass

GHOST = b"GET /ghost HTTP/1.1\r\nHost: ghost\r\nX-Request-Id: forged\r\n\r\n"
GHOST_LENGTH = str(len(GHOST)).encode()
LAST = b"0\r\n\r\n"
HELLO = ("POST", "/probe", "hello")
BEHIND = ("GET", "/behind", "")


@dataclass(frozen=True)
class Probe:
    sent: bytes
    calls: tuple = ()
    unfinished: bool = False  # the server must go on waiting for the rest


def post(*fields, body=b"", line=b"POST /probe HTTP/1.1"):
    return b"\r\n".join([line, b"Host: probe", *fields, b"", body])


def get(*fields, line=b"GET /probe HTTP/1.1"):
    return post(*fields, line=line)


def chunked(body, *fields):
    return post(b"Transfer-Encoding: chunked", *fields, body=body)


def probes():
    """Every probe by its name."""
    found = {}
    for group in (LENGTHS, BOTH, CODINGS, NAMES, LINES, CHUNKS, TRAILERS, TARGETS, VERSIONS, EXPECTATIONS, UPGRADES):
        assert not found.keys() & group.keys()
        found |= group
    return {name: probe if isinstance(probe, Probe) else Probe(probe) for name, probe in found.items()}


def with_length(value, body=b"hello" + GHOST):
    return post(b"Content-Length: " + value, body=body)


LENGTHS = {
    "length": Probe(post(b"Content-Length: 5", body=b"hello"), (HELLO,)),
    "length-covers-a-request": Probe(with_length(GHOST_LENGTH, GHOST), (("POST", "/probe", GHOST.decode()),)),
    "length-zero-then-request": Probe(
        with_length(b"0", get(line=b"GET /behind HTTP/1.1")), (("POST", "/probe", ""), BEHIND)
    ),
    "length-on-get": Probe(get(b"Content-Length: " + GHOST_LENGTH) + GHOST, (("GET", "/probe", GHOST.decode()),)),
    "length-on-head": Probe(
        post(b"Content-Length: 5", body=b"hello", line=b"HEAD /probe HTTP/1.1"), (("HEAD", "/probe", "hello"),)
    ),
    "length-leading-zeros": Probe(post(b"Content-Length: 0005", body=b"hello"), (HELLO,)),
    "length-tabs-around": Probe(post(b"Content-Length:\t5\t", body=b"hello"), (HELLO,)),
    "length-too-long": Probe(with_length(b"500"), unfinished=True),
    "length-plus": with_length(b"+5"),
    "length-minus": with_length(b"-5"),
    "length-minus-zero": with_length(b"-0"),
    "length-space-inside": with_length(b"5 5"),
    "length-quoted": with_length(b'"5"'),
    "length-list": with_length(b"5, 5"),
    "length-list-differs": with_length(b"5, 0"),
    "length-comma-first": with_length(b",5"),
    "length-comma-last": with_length(b"5,"),
    "length-fraction": with_length(b"5.0"),
    "length-exponent": with_length(b"5e0"),
    "length-hexadecimal": with_length(b"0x5"),
    "length-empty": with_length(b""),
    "length-vertical-tab": with_length(b"\x0b5"),
    "length-form-feed-last": with_length(b"5\x0c"),
    "length-nul-last": with_length(b"5\x00"),
    "length-nbsp": with_length(b"\xa05"),
    "length-past-64-bits": with_length(b"18446744073709551621"),
    "length-past-63-bits": Probe(with_length(b"9223372036854775813"), unfinished=True),
    "length-of-21-digits": with_length(b"000000000000000000005"),
    "length-twice": post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello" + GHOST),
    "length-twice-differs": post(b"Content-Length: 5", b"Content-Length: 0", body=b"hello" + GHOST),
    "length-twice-other-case": post(b"Content-Length: 0", b"content-length: 5", body=b"hello" + GHOST),
    "length-twice-one-with-underscore": Probe(
        post(b"Content-Length: 5", b"Content_Length: 0", body=b"hello"), (HELLO,)
    ),
    "length-second-folded": post(b"Content-Length: 5", b" 0", body=b"hello" + GHOST),
}

CL_TE = LAST + GHOST
CL_TE_LENGTH = str(len(CL_TE)).encode()
TE_CL = b"%x\r\n%s\r\n" % (len(GHOST), GHOST) + LAST

BOTH = {
    "cl-te": post(b"Content-Length: " + CL_TE_LENGTH, b"Transfer-Encoding: chunked", body=CL_TE),
    "te-cl": post(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=TE_CL),
    "te-cl-zero": post(b"Transfer-Encoding: chunked", b"Content-Length: 0", body=LAST + GHOST),
    "cl-te-identity": post(b"Content-Length: 5", b"Transfer-Encoding: identity", body=b"hello" + GHOST),
    "cl-te-unknown": post(b"Content-Length: 5", b"Transfer-Encoding: xchunked", body=b"hello" + GHOST),
    "cl-te-named-by-connection": post(
        b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Connection: transfer-encoding", body=b"hello" + GHOST
    ),
    "length-named-by-connection": Probe(
        post(b"Content-Length: 5", b"Connection: content-length", body=b"hello"), (HELLO,)
    ),
    "cl-te-empty": post(b"Content-Length: 5", b"Transfer-Encoding: ", body=b"hello" + GHOST),
    "cl-te-underscore": Probe(post(b"Content-Length: 5", b"Transfer_Encoding: chunked", body=b"hello"), (HELLO,)),
}

HELLO_CHUNKS = b"5\r\nhello\r\n" + LAST


def with_coding(value, body=HELLO_CHUNKS):
    return post(b"Transfer-Encoding:" + value, body=body + GHOST)


def read_as_chunked(value):
    return Probe(post(b"Transfer-Encoding:" + value, body=HELLO_CHUNKS), (HELLO,))


CODINGS = {
    "te-chunked": read_as_chunked(b" chunked"),
    "te-no-space": read_as_chunked(b"chunked"),
    "te-mixed-case": read_as_chunked(b" cHuNkEd"),
    "te-tab-first": read_as_chunked(b"\tchunked"),
    "te-space-last": read_as_chunked(b" chunked "),
    "te-tab-last": read_as_chunked(b" chunked\t"),
    "te-on-get": Probe(get(b"Transfer-Encoding: chunked") + TE_CL, (("GET", "/probe", GHOST.decode()),)),
    "te-vertical-tab-first": with_coding(b"\x0bchunked"),
    "te-vertical-tab-last": with_coding(b" chunked\x0b"),
    "te-form-feed-last": with_coding(b" chunked\x0c"),
    "te-nul-last": with_coding(b" chunked\x00"),
    "te-nbsp-first": with_coding(b" \xa0chunked"),
    "te-del-last": with_coding(b" chunked\x7f"),
    "te-quoted": with_coding(b' "chunked"'),
    "te-single-quoted": with_coding(b" 'chunked'"),
    "te-parameter": with_coding(b" chunked;q=1"),
    "te-prefixed": with_coding(b" xchunked"),
    "te-suffixed": with_coding(b" chunkedx"),
    "te-shortened": with_coding(b" chunk"),
    "te-identity": with_coding(b" identity", b"hello"),
    "te-chunked-identity": with_coding(b" chunked, identity"),
    "te-identity-chunked": with_coding(b" identity, chunked"),
    "te-gzip-chunked": with_coding(b" gzip, chunked"),
    "te-chunked-gzip": with_coding(b" chunked, gzip"),
    "te-chunked-chunked": with_coding(b" chunked, chunked"),
    "te-chunked-space-chunked": with_coding(b" chunked chunked"),
    "te-folded": with_coding(b"\r\n chunked"),
    "te-folded-with-tab": with_coding(b"\r\n\tchunked"),
    "te-value-cr": with_coding(b" chunked\r"),
    "te-cr-first": with_coding(b" \rchunked"),
    "te-bare-lf-inside": post(b"X: y\nTransfer-Encoding: chunked", body=HELLO_CHUNKS + GHOST),
    "te-bare-cr-inside": post(b"X: y\rTransfer-Encoding: chunked", body=HELLO_CHUNKS + GHOST),
    "te-twice": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=HELLO_CHUNKS + GHOST),
    "te-twice-one-unknown": post(b"Transfer-Encoding: chunked", b"Transfer-encoding: x", body=HELLO_CHUNKS + GHOST),
    "te-twice-one-identity": post(
        b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked", body=HELLO_CHUNKS + GHOST
    ),
    "te-twice-one-empty": post(b"Transfer-Encoding: ", b"Transfer-Encoding: chunked", body=HELLO_CHUNKS + GHOST),
}

NAMES = {
    "name-space-before-colon": post(b"Transfer-Encoding : chunked", body=HELLO_CHUNKS + GHOST),
    "name-tab-before-colon": post(b"Transfer-Encoding\t: chunked", body=HELLO_CHUNKS + GHOST),
    "name-vertical-tab-before-colon": post(b"Transfer-Encoding\x0b: chunked", body=HELLO_CHUNKS + GHOST),
    "name-space-first": post(b"X: y", b" Transfer-Encoding: chunked", body=HELLO_CHUNKS + GHOST),
    "name-nul-inside": post(b"Transfer\x00-Encoding: chunked", body=HELLO_CHUNKS + GHOST),
    "name-above-ascii": post(b"Transfer-Encoding\xff: chunked", body=HELLO_CHUNKS + GHOST),
    "name-backspaced": post(b"xTransfer-Encoding\x08: chunked", body=HELLO_CHUNKS + GHOST),
    "name-double-colon": post(b"Transfer-Encoding:: chunked", body=HELLO_CHUNKS + GHOST),
    "name-empty": post(b": chunked", b"Content-Length: 5", body=b"hello" + GHOST),
    "name-without-colon": post(b"Transfer-Encoding", b"Content-Length: 5", body=b"hello" + GHOST),
    "length-space-before-colon": post(b"Content-Length : 5", body=b"hello" + GHOST),
    "length-name-dotted": Probe(post(b"Content.Length: 5", b"Content-Length: 5", body=b"hello"), (HELLO,)),
    "first-field-folded": b"POST /probe HTTP/1.1\r\n Host: probe\r\nContent-Length: 5\r\n\r\nhello" + GHOST,
    "host-twice": get(b"Host: ghost"),
    "host-folded": b"GET /probe HTTP/1.1\r\nHost: probe\r\n ghost\r\n\r\n",
    "host-list": b"GET /probe HTTP/1.1\r\nHost: probe, ghost\r\n\r\n",
    "host-missing": b"GET /probe HTTP/1.1\r\n\r\n",
    "host-nul": b"GET /probe HTTP/1.1\r\nHost: pro\x00be\r\n\r\n",
}

LINES = {
    "lf-only": b"POST /probe HTTP/1.1\nHost: probe\nContent-Length: 5\n\nhello" + GHOST,
    "lf-after-request-line": b"GET /probe HTTP/1.1\nHost: probe\r\n\r\n",
    "lf-after-field": b"POST /probe HTTP/1.1\r\nHost: probe\nContent-Length: 5\r\n\r\nhello" + GHOST,
    "lf-ends-the-head": b"POST /probe HTTP/1.1\r\nHost: probe\r\nContent-Length: 5\r\n\nhello" + GHOST,
    "lf-lf-inside-a-value": get(b"X: y\n\nGET /ghost HTTP/1.1\nHost: ghost"),
    "cr-only": b"POST /probe HTTP/1.1\rHost: probe\rContent-Length: 5\r\rhello" + GHOST,
    "cr-cr-lf": b"GET /probe HTTP/1.1\r\r\nHost: probe\r\r\n\r\r\n",
    "cr-cr-inside-a-value": get(b"X: y\r\rGET /ghost HTTP/1.1\rHost: ghost"),
    "nul-in-value": get(b"X: y\x00Transfer-Encoding: chunked"),
    "empty-line-first": Probe(b"\r\n" + get(), (("GET", "/probe", ""),)),
    "empty-lines-first": b"\r\n\r\n" + get(),
    "lf-first": b"\n" + get(),
    "space-line-first": b" \r\n" + get(),
    "space-first": b" " + get(),
    "nul-first": b"\x00" + get(),
    "byte-order-mark-first": b"\xef\xbb\xbf" + get(),
}

CHUNKS = {
    "chunks": Probe(chunked(b"2\r\nhe\r\n3\r\nllo\r\n" + LAST), (HELLO,)),
    "chunk-holds-a-request": Probe(chunked(TE_CL), (("POST", "/probe", GHOST.decode()),)),
    "chunk-then-request": Probe(chunked(HELLO_CHUNKS + get(line=b"GET /behind HTTP/1.1")), (HELLO, BEHIND)),
    "chunk-leading-zeros": Probe(chunked(b"0000000000005\r\nhello\r\n000\r\n\r\n"), (HELLO,)),
    "chunk-upper-case": Probe(chunked(b"A\r\n0123456789\r\n" + LAST), (("POST", "/probe", "0123456789"),)),
    "chunk-extension": Probe(chunked(b"5;a=b\r\nhello\r\n" + LAST), (HELLO,)),
    "chunk-extension-quoted": Probe(chunked(b'5;a="b;\\"0"\r\nhello\r\n' + LAST), (HELLO,)),
    "chunk-extension-on-last": Probe(chunked(b"5\r\nhello\r\n0;a=b\r\n\r\n"), (HELLO,)),
    "chunk-unfinished": Probe(chunked(b"fff\r\nhello\r\n" + LAST), unfinished=True),
    "chunk-last-missing": chunked(b"5\r\nhello\r\n0\r\nX: y\r\n"),
    "chunk-17-zeros": chunked(b"00000000000000005\r\nhello\r\n" + LAST + GHOST),
    "chunk-0x": chunked(b"0x5\r\nhello\r\n" + LAST + GHOST),
    "chunk-negative": chunked(b"-5\r\nhello\r\n" + LAST + GHOST),
    "chunk-plus": chunked(b"+5\r\nhello\r\n" + LAST + GHOST),
    "chunk-underscore": chunked(b"1_0\r\nhello\r\n" + LAST + GHOST),
    "chunk-overflows-64-bits": chunked(b"10000000000000005\r\nhello\r\n" + LAST + GHOST),
    "chunk-overflows-32-bits": Probe(chunked(b"100000005\r\nhello\r\n" + LAST + GHOST), unfinished=True),
    "chunk-overflows-63-bits": Probe(chunked(b"ffffffffffffffff\r\nhello\r\n" + LAST + GHOST), unfinished=True),
    "chunk-size-empty": chunked(b"\r\nhello\r\n" + LAST + GHOST),
    "chunk-size-only-extension": chunked(b";a\r\nhello\r\n" + LAST + GHOST),
    "chunk-space-first": chunked(b" 5\r\nhello\r\n" + LAST + GHOST),
    "chunk-nul-after-size": chunked(b"5\x00\r\nhello\r\n" + LAST + GHOST),
    "chunk-size-lf": chunked(b"5\nhello\r\n" + LAST + GHOST),
    "chunk-size-cr": chunked(b"5\rhello\r\n" + LAST + GHOST),
    "chunk-size-cr-cr-lf": chunked(b"5\r\r\nhello\r\n" + LAST + GHOST),
    "chunk-data-lf": chunked(b"5\r\nhello\n" + LAST + GHOST),
    "chunk-data-no-end": chunked(b"5\r\nhello" + LAST + GHOST),
    "chunk-data-two-more": chunked(b"5\r\nhelloXX\r\n" + LAST + GHOST),
    "chunk-data-other-two": chunked(b"5\r\nhelloXX" + LAST + GHOST),
    "chunk-extension-lf": chunked(b"5;a\nhello\r\n" + LAST + GHOST),
    "chunk-extension-lf-size": chunked(b"2;\nxx\r\n4c\r\n" + LAST + GHOST),
    "chunk-extension-cr": chunked(b"5;a\rb\r\nhello\r\n" + LAST + GHOST),
    "chunk-extension-quoted-lf": chunked(b'5;a="\nb"\r\nhello\r\n' + LAST + GHOST),
    "chunk-extension-quoted-crlf": chunked(b'5;a="\r\nhello\r\n0\r\n\r\n"\r\n' + GHOST),
    "chunk-extension-unclosed-quote": chunked(b'5;a="b\r\nhello\r\n' + LAST + GHOST),
    "chunk-extension-nul": chunked(b"5;a\x00\r\nhello\r\n" + LAST + GHOST),
    "chunk-last-lf": chunked(b"5\r\nhello\r\n0\n\n" + GHOST),
    "chunk-last-lf-lf": chunked(b"5\r\nhello\r\n0\r\n\n" + GHOST),
    "chunk-last-without-end": chunked(b"5\r\nhello\r\n0\r\n" + GHOST),
}

TRAILERS = {
    "trailer": Probe(chunked(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), (HELLO,)),
    "trailer-with-an-id": Probe(chunked(b"5\r\nhello\r\n0\r\nX-Request-Id: forged\r\n\r\n"), (HELLO,)),
    "trailer-host": chunked(b"5\r\nhello\r\n0\r\nHost: ghost\r\n\r\n" + GHOST),
    "trailer-length": chunked(b"5\r\nhello\r\n0\r\nContent-Length: 60\r\n\r\n" + GHOST),
    "trailer-coding": chunked(b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST + GHOST),
    "trailer-folded": chunked(b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n" + GHOST),
    "trailer-lf": chunked(b"5\r\nhello\r\n0\r\nX: y\n\r\n" + GHOST),
    "trailer-lf-lf": chunked(b"5\r\nhello\r\n0\r\nX: y\n\n" + GHOST),
    "trailer-cr": chunked(b"5\r\nhello\r\n0\r\nX: y\r\r\n\r\n" + GHOST),
    "trailer-space-before-colon": chunked(b"5\r\nhello\r\n0\r\nX : y\r\n\r\n" + GHOST),
    "trailer-without-colon": chunked(b"5\r\nhello\r\n0\r\nX\r\n\r\n" + GHOST),
}

TARGETS = {
    "absolute-form": Probe(get(line=b"GET http://probe/probe HTTP/1.1"), (("GET", "/probe", ""),)),
    "absolute-form-other-host": Probe(get(line=b"GET http://ghost/probe HTTP/1.1"), (("GET", "/probe", ""),)),
    "absolute-form-no-path": Probe(get(line=b"GET http://probe HTTP/1.1"), (("GET", "/", ""),)),
    "absolute-form-user": get(line=b"GET http://a@probe/probe HTTP/1.1"),
    "absolute-form-bad-host": get(line=b"GET http://pro be/probe HTTP/1.1"),
    "authority-form": get(line=b"GET probe:80 HTTP/1.1"),
    "asterisk-form-on-get": get(line=b"GET * HTTP/1.1"),
    "connect": get(line=b"CONNECT probe:80 HTTP/1.1") + GHOST,
    "two-slashes": Probe(get(line=b"GET //ghost/probe HTTP/1.1"), (("GET", "//ghost/probe", ""),)),
    "line-break-encoded": Probe(
        get(line=b"GET /probe%0d%0aX:y%20HTTP/1.1 HTTP/1.1"), (("GET", "/probe%0d%0aX:y%20HTTP/1.1", ""),)
    ),
    "query": Probe(get(line=b"GET /probe?a=/b%20c HTTP/1.1"), (("GET", "/probe?a=/b%20c", ""),)),
    "fragment": get(line=b"GET /probe#ghost HTTP/1.1"),
    "target-space": get(line=b"GET /probe /ghost HTTP/1.1"),
    "target-two-versions": get(line=b"GET /probe HTTP/1.1 HTTP/1.1"),
    "target-nul": get(line=b"GET /probe\x00 HTTP/1.1"),
    "target-tab": get(line=b"GET /probe\t HTTP/1.1"),
    "target-above-ascii": get(line=b"GET /prob\xc3\xa9 HTTP/1.1"),
    "two-spaces": get(line=b"GET  /probe HTTP/1.1"),
    "two-spaces-before-version": get(line=b"GET /probe  HTTP/1.1"),
    "space-after-version": get(line=b"GET /probe HTTP/1.1 "),
    "tabs-for-spaces": get(line=b"GET\t/probe\tHTTP/1.1"),
    "method-lower-case": get(line=b"get /probe HTTP/1.1"),
    "method-unknown": Probe(get(line=b"PROBE /probe HTTP/1.1"), (("PROBE", "/probe", ""),)),
    "method-unknown-with-body": Probe(
        post(b"Content-Length: 5", body=b"hello", line=b"PROBE /probe HTTP/1.1"), (("PROBE", "/probe", "hello"),)
    ),
    "method-not-a-token": get(line=b"G(T /probe HTTP/1.1"),
    "method-missing": get(line=b"/probe HTTP/1.1"),
}

VERSIONS = {
    "http10-te": post(b"Transfer-Encoding: chunked", body=CL_TE, line=b"POST /probe HTTP/1.0"),
    "http10-te-keep-alive": post(
        b"Transfer-Encoding: chunked", b"Connection: keep-alive", body=CL_TE, line=b"POST /probe HTTP/1.0"
    ),
    "http10-cl-te": post(
        b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"hello" + GHOST, line=b"POST /probe HTTP/1.0"
    ),
    "http10-keep-alive": Probe(
        post(b"Content-Length: 5", b"Connection: keep-alive", body=b"hello", line=b"POST /probe HTTP/1.0"), (HELLO,)
    ),
    "http09": b"GET /probe\r\n" + GHOST,
    "http09-versioned": get(line=b"GET /probe HTTP/0.9"),
    "http12": get(line=b"GET /probe HTTP/1.2"),
    "http2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + GHOST,
    "version-leading-zero": get(line=b"GET /probe HTTP/01.1"),
    "version-lower-case": get(line=b"GET /probe http/1.1"),
}

EXPECTATIONS = {
    "expect-length": Probe(post(b"Expect: 100-continue", b"Content-Length: 5", body=b"hello"), (HELLO,)),
    "expect-chunked": Probe(chunked(HELLO_CHUNKS, b"Expect: 100-continue"), (HELLO,)),
    "expect-holds-a-request": Probe(
        post(b"Expect: 100-continue", b"Content-Length: " + GHOST_LENGTH, body=GHOST),
        (("POST", "/probe", GHOST.decode()),),
    ),
    "expect-without-body": Probe(get(b"Expect: 100-continue"), (("GET", "/probe", ""),)),
    "expect-unknown": post(b"Expect: ghost", b"Content-Length: " + GHOST_LENGTH, body=GHOST),
    "expect-list": post(b"Expect: 100-continue, x", b"Content-Length: 5", body=b"hello" + GHOST),
    "expect-obfuscated": post(b"Expect: y 100-continue", b"Content-Length: 5", body=b"hello" + GHOST),
}

UPGRADES = {
    "upgrade-unknown": Probe(
        get(
            b"Connection: Upgrade",
            b"Upgrade: x-unknown",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        ),
        (("GET", "/probe", ""),),
    ),
    "upgrade-h2c": Probe(
        get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
        (("GET", "/probe", ""),),
    ),
    "upgrade-with-body": Probe(
        post(b"Connection: Upgrade", b"Upgrade: h2c", b"Content-Length: " + GHOST_LENGTH, body=GHOST),
        (("POST", "/probe", GHOST.decode()),),
    ),
    "keep-alive-named-fields": Probe(get(b"Connection: close-not, host, x-request-id"), (("GET", "/probe", ""),)),
}
