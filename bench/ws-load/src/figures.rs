//! What was measured.

use std::time::Duration;

/// One run.
#[derive(Debug, Default)]
pub struct Figures {
    /// How long each message took, in microseconds.
    pub latencies: Vec<u32>,
    pub bytes: u64,
    pub took: Duration,
    /// Clients that were connected at the end.
    pub open: usize,
    /// Pings that the server sent.
    pub pings: u64,
    /// What the server answered about compression.
    pub extensions: String,
}

impl Figures {
    pub fn note(&mut self, latency: Duration, bytes: usize) {
        self.latencies
            .push(latency.as_micros().try_into().unwrap_or(u32::MAX));
        self.bytes += bytes as u64;
    }

    /// With the names of `bench/wrk.lua`.
    pub fn json(mut self) -> String {
        self.latencies.sort_unstable();
        let count = self.latencies.len();
        let sum: u64 = self.latencies.iter().copied().map(u64::from).sum();
        let mean = sum / count.max(1) as u64;
        let at = |part: f64| {
            let place = (count as f64 * part) as usize;
            self.latencies.get(place).copied().unwrap_or(0)
        };
        format!(
            "{{\"requests\": {count}, \"duration_us\": {}, \"bytes\": {}, \"mean_us\": {mean}, \
             \"p50_us\": {}, \"p99_us\": {}, \"max_us\": {}, \"open\": {}, \"pings\": {}, \"extensions\": \"{}\", \
             \"errors\": {{\"connect\": 0, \"read\": 0, \"write\": 0, \"timeout\": 0, \"status\": 0}}}}",
            self.took.as_micros(),
            self.bytes,
            at(0.50),
            at(0.99),
            self.latencies.last().copied().unwrap_or(0),
            self.open,
            self.pings,
            self.extensions.replace('"', "'"),
        )
    }
}
