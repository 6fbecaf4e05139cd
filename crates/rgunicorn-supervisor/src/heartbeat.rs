//! Heartbeats through shared memory: a worker stores the time, the master looks now and then.
//!
//! One store per beat, no file and no system call, so a worker may beat as often as it likes.
//! Each worker has two beats, because it can stall in two ways: its runtime may be stuck, or only
//! its Python side. The older of the two counts.

use std::ffi::c_void;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use nix::sys::mman::MapFlags;
use nix::sys::mman::ProtFlags;
use nix::sys::mman::mmap_anonymous;

use crate::settings::CAPACITY;

/// The times of one worker's last beats, in milliseconds since the master's epoch; 0 is never.
///
/// A cache line each, so that workers on different cores do not slow each other down.
#[derive(Debug)]
#[repr(C, align(64))]
struct Slot {
    runtime: AtomicU64,
    python: AtomicU64,
}

/// The worker's side: says that it is alive.
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    slot: &'static Slot,
    epoch: Instant,
}

impl Beat {
    /// The runtime turns.
    pub fn runtime(&self, now: Instant) {
        self.slot.runtime.store(self.stamp(now), Ordering::Relaxed);
    }

    /// The Python side turns.
    pub fn python(&self, now: Instant) {
        self.slot.python.store(self.stamp(now), Ordering::Relaxed);
    }

    fn stamp(&self, now: Instant) -> u64 {
        let age = now.saturating_duration_since(self.epoch).as_millis();
        u64::try_from(age).unwrap_or(u64::MAX).max(1)
    }
}

/// The master's side: hands out slots and reads them.
#[derive(Debug)]
pub(crate) struct Heartbeats {
    slots: &'static [Slot],
    free: Vec<Place>,
    epoch: Instant,
}

/// A slot in use by one worker, until it is given back.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Place(usize);

impl Heartbeats {
    /// Maps one slot for each worker there can be. The memory is never unmapped.
    pub(crate) fn new() -> io::Result<Self> {
        let slots = map(CAPACITY)?;
        Ok(Self {
            slots,
            free: (0..slots.len()).rev().map(Place).collect(),
            epoch: Instant::now(),
        })
    }

    /// Takes a slot for a new worker. `None` when as many live as can.
    pub(crate) fn claim(&mut self) -> Option<Place> {
        let place = self.free.pop()?;
        let slot = &self.slots[place.0];
        slot.runtime.store(0, Ordering::Relaxed);
        slot.python.store(0, Ordering::Relaxed);
        Some(place)
    }

    /// Gives back the slot of a worker that is gone.
    pub(crate) fn release(&mut self, place: Place) {
        self.free.push(place);
    }

    /// What the worker in this slot beats with.
    pub(crate) fn beat(&self, place: &Place) -> Beat {
        Beat {
            slot: &self.slots[place.0],
            epoch: self.epoch,
        }
    }

    /// When both beats were last fresh. `None` until both were heard.
    pub(crate) fn heard(&self, place: &Place) -> Option<Instant> {
        let slot = &self.slots[place.0];
        let runtime = slot.runtime.load(Ordering::Relaxed);
        match runtime.min(slot.python.load(Ordering::Relaxed)) {
            0 => None,
            age => self.epoch.checked_add(Duration::from_millis(age)),
        }
    }
}

fn map(count: usize) -> io::Result<&'static [Slot]> {
    let length = NonZeroUsize::new(count * size_of::<Slot>()).ok_or(io::ErrorKind::InvalidInput)?;
    let memory = share(length)?;
    Ok(adopt(memory, count))
}

#[expect(
    unsafe_code,
    reason = "memory shared across a fork comes from mmap only"
)]
fn share(length: NonZeroUsize) -> io::Result<NonNull<c_void>> {
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice replaces no existing one.
    Ok(unsafe { mmap_anonymous(None, length, access, MapFlags::MAP_SHARED) }?)
}

#[expect(unsafe_code, reason = "the mapping is bare memory")]
fn adopt(memory: NonNull<c_void>, count: usize) -> &'static [Slot] {
    // SAFETY: `map`, the only caller, passes a fresh mapping of `count` slots: page-aligned, hence
    // aligned to 64; zeroed, which is a valid `AtomicU64`; and never unmapped, hence `'static`.
    // Every process that shares it, this one included, writes only through the atomics.
    unsafe { slice::from_raw_parts(memory.cast::<Slot>().as_ptr(), count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_of_the_two_beats_counts() {
        let mut heartbeats = Heartbeats::new().unwrap();
        let place = heartbeats.claim().unwrap();
        let beat = heartbeats.beat(&place);
        let at = |seconds| heartbeats.epoch + Duration::from_secs(seconds);
        beat.runtime(at(7));
        assert_eq!(heartbeats.heard(&place), None, "Python has not spoken");
        beat.python(at(5));
        assert_eq!(heartbeats.heard(&place), Some(at(5)));
    }

    #[test]
    fn a_slot_that_is_used_again_starts_silent() {
        let mut heartbeats = Heartbeats::new().unwrap();
        let place = heartbeats.claim().unwrap();
        let beat = heartbeats.beat(&place);
        beat.runtime(Instant::now());
        beat.python(Instant::now());
        assert!(heartbeats.heard(&place).is_some());
        heartbeats.release(place);
        let place = heartbeats.claim().unwrap();
        assert_eq!(heartbeats.heard(&place), None);
    }

    #[test]
    fn slots_run_out_instead_of_being_shared() {
        let mut heartbeats = Heartbeats::new().unwrap();
        let places = std::iter::from_fn(|| heartbeats.claim()).count();
        assert_eq!(places, CAPACITY);
    }
}
