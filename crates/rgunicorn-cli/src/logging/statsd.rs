//! Numbers for statsd, under gunicorn's names. A receiver that is slow or absent costs nothing.

use std::io;
use std::net::SocketAddr;
use std::net::ToSocketAddrs;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;

use rgunicorn_core::access_log::AccessRecord;
use rgunicorn_core::access_log::Observer;

use super::event::Metric;
use super::event::Said;
use crate::config::LogLevel;
use crate::config::logging::HostPort;
use crate::config::logging::StatsdSettings;
use crate::config::logging::StatsdTarget;

/// What fits into one packet of any network that is not exotic, headers taken off.
const PACKET: usize = 1400;

/// The way to statsd, and what waits to go there. Clones share the socket and nothing else.
#[derive(Debug)]
pub(super) struct Statsd {
    settings: Arc<StatsdSettings>,
    socket: Arc<Socket>,
    /// Metrics with line ends between them.
    waiting: Vec<u8>,
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    /// Not connected, because its receiver may come and go.
    Unix(UnixDatagram, PathBuf),
}

impl Clone for Statsd {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            socket: Arc::clone(&self.socket),
            waiting: Vec::new(),
        }
    }
}

impl Statsd {
    /// Finds statsd's address.
    ///
    /// # Errors
    /// When its name is unknown, or there is no socket to be had.
    pub(super) fn new(settings: StatsdSettings) -> io::Result<Self> {
        let socket = match &settings.target {
            StatsdTarget::Udp(address) => Socket::Udp(connected(address)?),
            StatsdTarget::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                Socket::Unix(socket, path.clone())
            }
        };
        Ok(Self {
            settings: Arc::new(settings),
            socket: Arc::new(socket),
            waiting: Vec::new(),
        })
    }

    /// Counts a line of the log, and sends what number is in it.
    pub(super) fn take(&mut self, level: LogLevel, said: &Said) {
        if !said.metric.name.is_empty() {
            self.send_metric(&said.metric);
        }
        let name = match level {
            LogLevel::Critical => "critical",
            // As where gunicorn calls `log.exception`.
            LogLevel::Error if said.text.contains("\nTraceback ") => "exception",
            LogLevel::Error => "error",
            LogLevel::Warning => "warning",
            _ => return,
        };
        self.count_line(name);
    }

    /// Counts a line of the log by the method that logged it.
    pub(super) fn count_line(&mut self, method: &str) {
        self.add(&format!("gunicorn.log.{method}"), "1", COUNTER);
        self.flush();
    }

    /// Sends one number. A kind that statsd does not have is no metric.
    pub(super) fn send_metric(&mut self, metric: &Metric) {
        let kind = match metric.kind.as_str() {
            "counter" => COUNTER,
            "gauge" => "g",
            "histogram" => "h",
            "timer" => TIMER,
            _ => return,
        };
        self.add(&metric.name, &metric.value, kind);
        self.flush();
    }

    fn add(&mut self, name: &str, value: &str, kind: &str) {
        let StatsdSettings { prefix, tags, .. } = &*self.settings;
        let hash = if tags.is_empty() { "" } else { "|#" };
        let metric = format!("{prefix}{name}:{value}|{kind}{hash}{tags}");
        if self.waiting.len() + metric.len() >= PACKET {
            self.flush();
        }
        if !self.waiting.is_empty() {
            self.waiting.push(b'\n');
        }
        self.waiting.extend_from_slice(metric.as_bytes());
    }
}

/// As a meter of exchanges: the metrics of one turn go out together.
impl Observer for Statsd {
    fn observe(&mut self, record: &AccessRecord<'_>) {
        let milliseconds = record.elapsed.as_micros() as f64 / 1000.0;
        let status = format!("gunicorn.request.status.{}", record.status);
        self.add(
            "gunicorn.request.duration",
            &format!("{milliseconds:?}"),
            TIMER,
        );
        self.add("gunicorn.requests", "1", COUNTER);
        self.add(&status, "1", COUNTER);
    }

    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        // Numbers that cannot be sent now are worth nothing later.
        let _ = match &*self.socket {
            Socket::Udp(socket) => socket.send(&self.waiting),
            Socket::Unix(socket, path) => socket.send_to(&self.waiting, path),
        };
        self.waiting.clear();
    }
}

/// A socket that is not waited for, to the first address of a host: IPv4 before IPv6, since that
/// is where servers of old listen when they say `localhost`.
pub(super) fn connected((host, port): &HostPort) -> io::Result<UdpSocket> {
    let addresses: Vec<SocketAddr> = (host.as_str(), *port).to_socket_addrs()?.collect();
    let chosen = addresses.iter().find(|address| address.is_ipv4());
    let chosen = chosen.or(addresses.first());
    let chosen = chosen.ok_or(io::ErrorKind::NotFound)?;
    let any: SocketAddr = match chosen {
        SocketAddr::V4(_) => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(chosen)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

const COUNTER: &str = "c|@1.0";
const TIMER: &str = "ms";

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, value: &str, kind: &str) -> Metric {
        Metric {
            name: name.to_owned(),
            value: value.to_owned(),
            kind: kind.to_owned(),
        }
    }

    fn statsd(prefix: &str, tags: &str) -> (Statsd, UdpSocket) {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = receiver.local_addr().unwrap().port();
        let statsd = Statsd::new(StatsdSettings {
            target: StatsdTarget::Udp(("127.0.0.1".to_owned(), port)),
            prefix: prefix.to_owned(),
            tags: tags.to_owned(),
            counts_backlog: false,
        });
        (statsd.unwrap(), receiver)
    }

    fn received(receiver: &UdpSocket) -> String {
        let mut bytes = [0; 2000];
        let length = receiver.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn metrics_are_written_as_gunicorn_writes_them() {
        let (mut statsd, receiver) = statsd("site.", "a:b,c:d");
        statsd.count_line("error");
        assert_eq!(
            received(&receiver),
            "site.gunicorn.log.error:1|c|@1.0|#a:b,c:d"
        );
        let table = [
            (
                metric("jobs", "3", "counter"),
                "site.jobs:3|c|@1.0|#a:b,c:d",
            ),
            (metric("jobs", "0", "gauge"), "site.jobs:0|g|#a:b,c:d"),
            (
                metric("size", "1.5", "histogram"),
                "site.size:1.5|h|#a:b,c:d",
            ),
            (metric("took", "2", "timer"), "site.took:2|ms|#a:b,c:d"),
        ];
        for (metric, expected) in table {
            statsd.send_metric(&metric);
            assert_eq!(received(&receiver), expected);
        }
    }

    #[test]
    fn metrics_share_packets_but_no_packet_is_too_long() {
        let (mut statsd, receiver) = statsd("", "");
        let count = 100;
        for _ in 0..count {
            statsd.add("gunicorn.requests", "1", COUNTER);
        }
        statsd.flush();
        let mut lines = 0;
        while lines < count {
            let packet = received(&receiver);
            assert!(packet.len() <= PACKET);
            assert!(
                packet
                    .lines()
                    .all(|line| line == "gunicorn.requests:1|c|@1.0")
            );
            lines += packet.lines().count();
        }
        assert_eq!(lines, count);
    }

    #[test]
    fn nobody_needs_to_listen() {
        let (mut statsd, receiver) = statsd("", "");
        drop(receiver);
        for _ in 0..3 {
            statsd.count_line("error");
        }
    }
}
