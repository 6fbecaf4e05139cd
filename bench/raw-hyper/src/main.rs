//! Raw hyper on one thread: what the HTTP part of a request costs when no Python runs.
//!
//! Serves the bodies of `bench/apps/asgi.py`, so that the same `wrk` command
//! and the same body check apply. Called as `raw-hyper PORT`.

use std::env;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::Request;
use hyper::Response;
use hyper::StatusCode;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

/// A body of known length, or the chunks of `/stream` and `/upload`.
type Body = http_body_util::Either<Full<Bytes>, UnsyncBoxBody<Bytes, hyper::Error>>;

static TEN_KIB: [u8; 10 * 1024] = [b'x'; 10 * 1024];
const CHUNKS: usize = 10;

fn main() -> ExitCode {
    let Some(port) = env::args().nth(1).and_then(|text| text.parse().ok()) else {
        eprintln!("usage: raw-hyper PORT");
        return ExitCode::FAILURE;
    };
    let runtime = tokio::runtime::LocalRuntime::new();
    match runtime.and_then(|runtime| runtime.block_on(listen(port))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("raw-hyper: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Accepts for ever; the benchmark ends the process.
async fn listen(port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (socket, _peer) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::task::spawn_local(serve(socket));
    }
}

/// Serves one client until it leaves. A client that breaks off is no news.
async fn serve(socket: TcpStream) {
    let connection =
        http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(answer));
    if let Err(error) = connection.await
        && !error.is_incomplete_message()
    {
        eprintln!("raw-hyper: {error}");
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let body = match request.uri().path() {
        "/" => whole(Bytes::from_static(b"Hello, world!")),
        "/10k" => whole(Bytes::from_static(&TEN_KIB)),
        "/echo" => whole(request.into_body().collect().await?.to_bytes()),
        "/stream" => chunks(),
        "/upload" => Body::Right(request.into_body().boxed_unsync()),
        _ => return Ok(not_found()),
    };
    let mut response = Response::new(body);
    let plain_text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain_text);
    Ok(response)
}

fn whole(body: Bytes) -> Body {
    Body::Left(Full::new(body))
}

fn chunks() -> Body {
    let frames = (0..CHUNKS).map(|_| Ok(Frame::data(Bytes::from_static(&TEN_KIB))));
    Body::Right(StreamBody::new(stream::iter(frames)).boxed_unsync())
}

fn not_found() -> Response<Body> {
    let mut response = Response::new(whole(Bytes::new()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
