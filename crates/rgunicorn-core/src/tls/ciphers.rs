//! Lists of cipher suites, as OpenSSL writes them, and the suites there are.
//!
//! OpenSSL's list is a small language. Of it is understood what can mean
//! anything for the suites of rustls: names, words such as `ECDHE+AESGCM`, and
//! `!`, `-` and `+` before them. Suites and words that only OpenSSL knows select
//! nothing, so that lists written for it can be used as they are.

use rustls::CipherSuite;
use rustls::SupportedCipherSuite;

/// The suites that are wanted, in the order of preference.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ciphers {
    /// None: all, in rustls's order.
    chosen: Option<Vec<CipherSuite>>,
    /// What the list names that only OpenSSL has.
    missing: Vec<String>,
}

/// Why a list cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CipherError {
    /// Nobody knows this.
    #[error("there is no cipher suite '{0}'; there are {all}", all = names())]
    Unknown(String),
    /// It leaves nothing to choose from.
    #[error("leaves no cipher suite; there are {all}", all = names())]
    Nothing,
}

/// One suite, and the words of OpenSSL's lists that stand for it.
struct Suite {
    suite: CipherSuite,
    openssl: &'static str,
    words: &'static [&'static str],
    bits: u16,
}

const fn suite(
    suite: CipherSuite,
    openssl: &'static str,
    words: &'static [&'static str],
    bits: u16,
) -> Suite {
    Suite {
        suite,
        openssl,
        words,
        bits,
    }
}

/// Those of TLS 1.2 in the order of preference.
const SUITES: [Suite; 9] = [
    suite(
        CipherSuite::TLS13_AES_256_GCM_SHA384,
        "TLS_AES_256_GCM_SHA384",
        &["TLSv1.3"],
        256,
    ),
    suite(
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        "TLS_AES_128_GCM_SHA256",
        &["TLSv1.3"],
        128,
    ),
    suite(
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        "TLS_CHACHA20_POLY1305_SHA256",
        &["TLSv1.3"],
        256,
    ),
    suite(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        &["aECDSA", "ECDSA", "AES", "AES256", "AESGCM", "SHA384"],
        256,
    ),
    suite(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        &["aECDSA", "ECDSA", "AES", "AES128", "AESGCM", "SHA256"],
        128,
    ),
    suite(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        &["aECDSA", "ECDSA", "CHACHA20", "SHA256"],
        256,
    ),
    suite(
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-RSA-AES256-GCM-SHA384",
        &["aRSA", "RSA", "AES", "AES256", "AESGCM", "SHA384"],
        256,
    ),
    suite(
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-RSA-AES128-GCM-SHA256",
        &["aRSA", "RSA", "AES", "AES128", "AESGCM", "SHA256"],
        128,
    ),
    suite(
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-RSA-CHACHA20-POLY1305",
        &["aRSA", "RSA", "CHACHA20", "SHA256"],
        256,
    ),
];

/// Words that stand for every suite of TLS 1.2 there is here.
const EVERYTHING: [&str; 10] = [
    "ALL", "DEFAULT", "HIGH", "ECDHE", "EECDH", "kECDHE", "kEECDH", "TLSv1.2", "AEAD", "FIPS",
];

/// What OpenSSL's words and names are made of besides, by which what only it has is told from slips
/// of the pen.
const OPENSSL_ONLY: &[&str] = &[
    "3DES",
    "ADH",
    "AECDH",
    "AES",
    "AES128",
    "AES256",
    "AESCCM",
    "AESCCM8",
    "ARIA",
    "ARIA128",
    "ARIA256",
    "ARIAGCM",
    "CAMELLIA",
    "CAMELLIA128",
    "CAMELLIA256",
    "CBC",
    "CBC3",
    "CCM",
    "CCM8",
    "CHACHA20",
    "COMPLEMENTOFALL",
    "COMPLEMENTOFDEFAULT",
    "DES",
    "DH",
    "DHE",
    "DSS",
    "ECDH",
    "ECDHE",
    "ECDSA",
    "EDH",
    "EXP",
    "EXPORT",
    "GCM",
    "GOST",
    "IDEA",
    "LOW",
    "MD5",
    "MEDIUM",
    "NULL",
    "POLY1305",
    "PSK",
    "RC2",
    "RC4",
    "RSA",
    "SEED",
    "SHA",
    "SHA1",
    "SHA256",
    "SHA384",
    "SRP",
    "SSLv3",
    "TLSv1",
    "TLSv1.0",
    "aDSS",
    "aNULL",
    "aPSK",
    "eNULL",
    "kDHE",
    "kDHEPSK",
    "kECDHEPSK",
    "kEDH",
    "kPSK",
    "kRSA",
    "kRSAPSK",
    "kSRP",
];

impl Ciphers {
    /// Reads a list of names and words, with colons, commas or spaces between them.
    ///
    /// # Errors
    /// For a name that neither OpenSSL nor IANA knows, or if the list leaves nothing.
    pub fn parse(list: &str) -> Result<Self, CipherError> {
        let mut selection = Selection::default();
        let words = list.split([':', ',', ' ']).filter(|word| !word.is_empty());
        for word in words {
            selection.apply(word)?;
        }
        selection.finish()
    }

    /// Whether an operator chose them.
    pub(super) fn is_chosen(&self) -> bool {
        self.chosen.is_some()
    }

    /// What the list names and OpenSSL has, but rustls has not.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Those of `there` that are wanted.
    pub(super) fn among(&self, there: &[SupportedCipherSuite]) -> Vec<SupportedCipherSuite> {
        let Some(chosen) = &self.chosen else {
            return there.to_vec();
        };
        let find = |suite: &CipherSuite| there.iter().find(|one| one.suite() == *suite).copied();
        chosen.iter().filter_map(find).collect()
    }
}

/// A list that is being read.
#[derive(Default)]
struct Selection {
    chosen: Vec<CipherSuite>,
    /// Not to come back, whatever follows.
    banned: Vec<CipherSuite>,
    missing: Vec<String>,
}

impl Selection {
    fn apply(&mut self, word: &str) -> Result<(), CipherError> {
        if word.starts_with('@') {
            return Ok(()); // how OpenSSL sorts, or how weak a key may be
        }
        let name = word.trim_start_matches(['!', '-', '+']);
        let suites = matching(name)?;
        match word.chars().next() {
            Some('!') => {
                self.remove(&suites);
                self.banned.extend(suites);
            }
            Some('-') => self.remove(&suites),
            Some('+') => {
                let moved: Vec<_> = suites
                    .into_iter()
                    .filter(|suite| self.chosen.contains(suite))
                    .collect();
                self.remove(&moved);
                self.chosen.extend(moved);
            }
            _ => {
                if suites.is_empty() {
                    self.missing.push(name.to_owned());
                }
                self.add(suites);
            }
        }
        Ok(())
    }

    fn add(&mut self, suites: Vec<CipherSuite>) {
        for suite in suites {
            if !self.chosen.contains(&suite) && !self.banned.contains(&suite) {
                self.chosen.push(suite);
            }
        }
    }

    fn remove(&mut self, suites: &[CipherSuite]) {
        self.chosen.retain(|suite| !suites.contains(suite));
    }

    /// As in OpenSSL, the list is about TLS 1.2: the suites of TLS 1.3 are there in any case,
    /// unless it names some of them.
    fn finish(self) -> Result<Ciphers, CipherError> {
        if self.chosen.is_empty() {
            return Err(CipherError::Nothing);
        }
        let is_new = |suite: &CipherSuite| row(*suite).is_some_and(Suite::is_new);
        let mut chosen = self.chosen;
        if !chosen.iter().any(is_new) {
            let new = SUITES.iter().map(|row| row.suite).filter(is_new);
            chosen = new.chain(chosen).collect();
        }
        Ok(Ciphers {
            chosen: Some(chosen),
            missing: self.missing,
        })
    }
}

impl Suite {
    /// Whether it is one of TLS 1.3.
    fn is_new(&self) -> bool {
        self.words.contains(&"TLSv1.3")
    }

    fn is(&self, word: &str) -> bool {
        let by_name = [self.openssl, self.iana()].contains(&word);
        by_name || self.words.contains(&word) || (!self.is_new() && EVERYTHING.contains(&word))
    }

    fn iana(&self) -> &'static str {
        iana(self.suite)
    }
}

/// The suites that a name or some words with `+` between them stand for. None, where only
/// OpenSSL knows any.
fn matching(name: &str) -> Result<Vec<CipherSuite>, CipherError> {
    let words: Vec<&str> = name.split('+').collect();
    let is_meant = |row: &&Suite| words.iter().all(|word| row.is(word));
    let found: Vec<_> = SUITES
        .iter()
        .filter(is_meant)
        .map(|row| row.suite)
        .collect();
    let is_word = |word: &&str| {
        SUITES.iter().any(|row| row.is(word))
            || word.split('-').all(|part| OPENSSL_ONLY.contains(&part))
    };
    if found.is_empty() && !words.iter().all(is_word) {
        return Err(CipherError::Unknown(name.to_owned()));
    }
    Ok(found)
}

fn row(suite: CipherSuite) -> Option<&'static Suite> {
    SUITES.iter().find(|row| row.suite == suite)
}

/// What OpenSSL calls a suite, and the length of its key in bits.
pub(super) fn named(suite: CipherSuite) -> (&'static str, u16) {
    row(suite).map_or(("unknown", 0), |row| (row.openssl, row.bits))
}

/// IANA's name. rustls leaves `WITH` out of its own for TLS 1.3, and says `TLS13` there.
fn iana(suite: CipherSuite) -> &'static str {
    match row(suite) {
        Some(row) if row.is_new() => row.openssl,
        _ => suite.as_str().unwrap_or("unknown"),
    }
}

fn names() -> String {
    let names: Vec<_> = SUITES.iter().map(|row| row.openssl).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old(list: &str) -> Vec<&'static str> {
        let chosen = Ciphers::parse(list).unwrap().chosen.unwrap();
        let rows = chosen.into_iter().map(|suite| row(suite).unwrap());
        rows.filter(|row| !row.is_new())
            .map(|row| row.openssl)
            .collect()
    }

    #[test]
    fn suites_have_the_names_of_openssl_and_of_iana() {
        for row in &SUITES {
            for name in [row.openssl, row.iana()] {
                assert_eq!(matching(name), Ok(vec![row.suite]), "{name}");
            }
        }
        assert_eq!(
            iana(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        );
    }

    #[test]
    fn a_list_is_an_order_and_words_stand_for_many() {
        for (list, expected) in [
            (
                "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305",
                &[
                    "ECDHE-RSA-AES128-GCM-SHA256",
                    "ECDHE-ECDSA-CHACHA20-POLY1305",
                ][..],
            ),
            (
                "ECDHE+CHACHA20",
                &[
                    "ECDHE-ECDSA-CHACHA20-POLY1305",
                    "ECDHE-RSA-CHACHA20-POLY1305",
                ],
            ),
            ("aRSA+AESGCM:!AES256", &["ECDHE-RSA-AES128-GCM-SHA256"]),
            (
                "aRSA+AESGCM -AES256 AES256+RSA",
                &["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"],
            ),
            (
                "aRSA+AESGCM,+AES256",
                &["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"],
            ),
            (
                "HIGH:!aNULL:!MD5:!3DES:!ECDSA:!CHACHA20:@STRENGTH",
                &["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"],
            ),
            ("TLS_AES_128_GCM_SHA256", &[]),
        ] {
            assert_eq!(old(list), expected, "{list}");
        }
    }

    #[test]
    fn suites_of_tls_1_3_are_there_unless_some_are_named() {
        let count = |list| {
            let chosen = Ciphers::parse(list).unwrap().chosen.unwrap();
            chosen
                .into_iter()
                .filter(|suite| row(*suite).unwrap().is_new())
                .count()
        };
        assert_eq!(count("ECDHE"), 3);
        assert_eq!(count("ECDHE:TLS_AES_128_GCM_SHA256"), 1);
    }

    #[test]
    fn what_only_openssl_has_is_left_out_and_told_of() {
        let mozilla = "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:AES128-SHA256";
        assert_eq!(old(mozilla), ["ECDHE-RSA-AES128-GCM-SHA256"]);
        let missing = Ciphers::parse(mozilla).unwrap().missing;
        assert_eq!(
            missing,
            [
                "DHE-RSA-AES128-GCM-SHA256",
                "ECDHE-RSA-AES128-SHA",
                "AES128-SHA256"
            ]
        );
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
        for list in [
            "ECDHE-RSA-AES129-GCM-SHA256",
            "HIGH:!nothing",
            "ECDHE+AESGCN",
        ] {
            let error = Ciphers::parse(list).unwrap_err().to_string();
            assert!(error.starts_with("there is no cipher suite '"), "{error}");
            assert!(error.contains("ECDHE-RSA-AES128-GCM-SHA256"), "{error}");
        }
        for list in ["", "RC4", "HIGH:!ALL"] {
            assert_eq!(Ciphers::parse(list), Err(CipherError::Nothing), "{list}");
        }
    }
}
