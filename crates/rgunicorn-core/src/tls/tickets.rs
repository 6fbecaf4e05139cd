//! Session tickets (RFC 8446 section 4.6.1, RFC 5077) that every worker can read.
//!
//! All keys follow from one secret, which the master draws before it forks, and
//! from the time. So workers agree on them without a word between them.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use aws_lc_rs::aead::AES_256_GCM;
use aws_lc_rs::aead::Aad;
use aws_lc_rs::aead::NONCE_LEN;
use aws_lc_rs::aead::Nonce;
use aws_lc_rs::aead::RandomizedNonceKey;
use aws_lc_rs::hkdf::HKDF_SHA256;
use aws_lc_rs::hkdf::KeyType;
use aws_lc_rs::hkdf::Prk;
use aws_lc_rs::rand;
use rustls::server::ProducesTickets;

/// How long one key makes tickets, in seconds. It reads them as long again.
const EPOCH: u64 = 6 * 60 * 60;

/// The tickets of this server. The first call draws the secret that all later ones share, those
/// in processes forked after it included.
pub(super) fn ticketer() -> Arc<dyn ProducesTickets> {
    static SECRET: OnceLock<Option<[u8; KEY_LENGTH]>> = OnceLock::new();
    let draw = || {
        let mut secret = [0; KEY_LENGTH];
        rand::fill(&mut secret).is_ok().then_some(secret)
    };
    Arc::new(Tickets::new(*SECRET.get_or_init(draw)))
}

/// The length of a key of AES-256-GCM, as HKDF wants to hear it.
struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_LENGTH
    }
}

const KEY_LENGTH: usize = 32;

struct Tickets {
    /// None where the system has no random numbers: then there are no tickets.
    secret: Option<Prk>,
    /// The key that was used last, with its epoch.
    latest: Mutex<Option<(u64, Arc<RandomizedNonceKey>)>>,
}

impl Tickets {
    fn new(secret: Option<[u8; KEY_LENGTH]>) -> Self {
        Self {
            secret: secret.map(|secret| Prk::new_less_safe(HKDF_SHA256, &secret)),
            latest: Mutex::default(),
        }
    }

    fn key(&self, epoch: u64) -> Option<Arc<RandomizedNonceKey>> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = latest.as_ref().filter(|(of, _)| *of == epoch) {
            return Some(Arc::clone(key));
        }
        let key = Arc::new(self.derive(epoch)?);
        *latest = Some((epoch, Arc::clone(&key)));
        Some(key)
    }

    fn derive(&self, epoch: u64) -> Option<RandomizedNonceKey> {
        let epoch = epoch.to_be_bytes();
        let info = [b"rgunicorn ticket".as_slice(), &epoch];
        let mut key = [0; KEY_LENGTH];
        let material = self.secret.as_ref()?.expand(&info, KeyLength).ok()?;
        material.fill(&mut key).ok()?;
        RandomizedNonceKey::new(&AES_256_GCM, &key).ok()
    }

    fn seal(&self, plain: &[u8], epoch: u64) -> Option<Vec<u8>> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .key(epoch)?
            .seal_in_place_append_tag(Aad::empty(), &mut sealed)
            .ok()?;
        let mut ticket = Vec::with_capacity(1 + NONCE_LEN + sealed.len());
        ticket.push(low_byte(epoch));
        ticket.extend_from_slice(nonce.as_ref());
        ticket.append(&mut sealed);
        Some(ticket)
    }

    fn open(&self, ticket: &[u8], now: u64) -> Option<Vec<u8>> {
        let (prefix, rest) = ticket.split_first()?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let epochs = [now, now.wrapping_sub(1)];
        let epoch = epochs
            .into_iter()
            .find(|epoch| low_byte(*epoch) == *prefix)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut opened = sealed.to_vec();
        let key = self.key(epoch)?;
        let length = key
            .open_in_place(nonce, Aad::empty(), &mut opened)
            .ok()?
            .len();
        opened.truncate(length);
        Some(opened)
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.secret.is_some()
    }

    fn lifetime(&self) -> u32 {
        // The next key still reads them all that time.
        u32::try_from(EPOCH).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(plain, present_epoch())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(ticket, present_epoch())
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tickets").finish_non_exhaustive()
    }
}

fn present_epoch() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() / EPOCH)
}

/// Enough to tell an epoch from the one before.
fn low_byte(epoch: u64) -> u8 {
    epoch.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets(secret: u8) -> Tickets {
        Tickets::new(Some([secret; KEY_LENGTH]))
    }

    #[test]
    fn a_ticket_is_read_by_whoever_has_the_secret_in_its_epoch_and_the_next() {
        let ticket = tickets(1).seal(b"session", 300).unwrap();
        for (secret, epoch, expected) in [
            (1, 300, Some(b"session".to_vec())),
            (1, 301, Some(b"session".to_vec())),
            (1, 302, None),
            (1, 299, None),
            (1, 556, None),
            (2, 300, None),
        ] {
            let opened = tickets(secret).open(&ticket, epoch);
            assert_eq!(opened, expected, "{secret} {epoch}");
        }
    }

    #[test]
    fn what_is_no_ticket_is_not_read() {
        let ticket = tickets(1).seal(b"session", 300).unwrap();
        for length in 0..ticket.len() {
            assert_eq!(tickets(1).open(&ticket[..length], 300), None, "{length}");
        }
        for changed in 0..ticket.len() {
            let mut ticket = ticket.clone();
            ticket[changed] ^= 1;
            assert_eq!(tickets(1).open(&ticket, 300), None, "{changed}");
        }
    }

    #[test]
    fn no_two_tickets_are_the_same() {
        let tickets = tickets(1);
        assert_ne!(tickets.seal(b"session", 1), tickets.seal(b"session", 1));
    }

    #[test]
    fn without_a_secret_there_are_no_tickets() {
        let tickets = Tickets::new(None);
        assert!(!tickets.enabled());
        assert_eq!(tickets.encrypt(b"session"), None);
    }
}
