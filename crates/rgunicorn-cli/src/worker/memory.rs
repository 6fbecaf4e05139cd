//! How much memory this worker uses, and whether that is too much (`max_rss`).

use std::cell::Cell;
use std::fs;
use std::num::NonZeroU64;
use std::time::Duration;
use std::time::Instant;

use nix::unistd::SysconfVar;
use nix::unistd::sysconf;

/// A worker that is too big from the start would be replaced without end, so it serves for this long at least.
const YOUNGEST: Duration = Duration::from_secs(5);

/// How often to look, at most.
const PAUSE: Duration = Duration::from_secs(1);

/// The memory of this process.
pub(super) struct Memory {
    /// In bytes.
    limit: Option<NonZeroU64>,
    /// When to look next; never again once it was too much.
    next: Cell<Option<Instant>>,
}

impl Memory {
    pub(super) fn new(limit: Option<NonZeroU64>, now: Instant) -> Self {
        Self {
            limit,
            next: Cell::new(limit.map(|_| now + YOUNGEST)),
        }
    }

    /// The bytes in use, the first time that they are found to be too many.
    pub(super) fn excess(&self, now: Instant) -> Option<u64> {
        self.excess_of(now, || resident(&fs::read_to_string(STATM).ok()?, page()))
    }

    fn excess_of(&self, now: Instant, used: impl Fn() -> Option<u64>) -> Option<u64> {
        let limit = self.limit?.get();
        if self.next.get().is_none_or(|next| now < next) {
            return None;
        }
        let excess = used().filter(|&used| used > limit);
        self.next.set(excess.is_none().then_some(now + PAUSE));
        excess
    }
}

const STATM: &str = "/proc/self/statm";

/// proc_pid_statm(5): the second field is the resident set, in pages.
fn resident(statm: &str, page: u64) -> Option<u64> {
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(page)
}

/// Bytes of a page.
fn page() -> u64 {
    let size = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| u64::try_from(size).ok())
        .unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_set_is_the_second_field_in_pages() {
        assert_eq!(resident("5000 300 200 1 0 100 0\n", 4096), Some(300 * 4096));
        assert_eq!(resident("5000", 4096), None);
        let own = fs::read_to_string(STATM).unwrap();
        assert!(resident(&own, page()).unwrap() > 1 << 20);
    }

    #[test]
    fn too_much_is_found_out_once_and_not_before_the_worker_has_served_for_a_while() {
        let born = Instant::now();
        let memory = Memory::new(NonZeroU64::new(100), born);
        let at = |milliseconds| born + Duration::from_millis(milliseconds);
        assert_eq!(memory.excess_of(at(4999), || Some(200)), None);
        assert_eq!(memory.excess_of(at(5000), || Some(100)), None);
        assert_eq!(memory.excess_of(at(5999), || Some(200)), None, "too soon");
        assert_eq!(memory.excess_of(at(6000), || Some(200)), Some(200));
        assert_eq!(memory.excess_of(at(9000), || Some(200)), None, "said");
    }

    #[test]
    fn without_a_limit_nobody_looks() {
        let born = Instant::now();
        let memory = Memory::new(None, born);
        assert_eq!(memory.excess_of(born + YOUNGEST, || panic!()), None);
    }
}
