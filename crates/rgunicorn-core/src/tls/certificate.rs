//! What stands in a certificate (RFC 5280), as far as a server or an application asks.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use x509_cert::certificate::CertificateInner;
use x509_cert::certificate::Raw;
use x509_cert::certificate::TbsCertificateInner;
use x509_cert::der::DateTime;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

/// A client's certificate, in the words that applications read.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    content: TbsCertificateInner<Raw>,
}

impl ClientCertificate {
    /// `None` where it cannot be read, although its signature was good.
    pub(super) fn read(certificate: &[u8]) -> Option<Self> {
        let content = content(certificate).ok()?;
        Some(Self { content })
    }

    /// Whose it is (RFC 4514).
    #[must_use]
    pub fn subject(&self) -> String {
        self.content.subject().to_string()
    }

    /// Who says so (RFC 4514).
    #[must_use]
    pub fn issuer(&self) -> String {
        self.content.issuer().to_string()
    }

    /// The parts of the subject's name: `CN` and `example`.
    #[must_use]
    pub fn subject_parts(&self) -> Vec<(String, String)> {
        parts(self.content.subject())
    }

    /// The parts of the issuer's name.
    #[must_use]
    pub fn issuer_parts(&self) -> Vec<(String, String)> {
        parts(self.content.issuer())
    }

    /// Its number, in hexadecimal digits.
    #[must_use]
    pub fn serial(&self) -> String {
        let bytes = self.content.serial_number().as_bytes().iter();
        bytes.map(|byte| format!("{byte:02X}")).collect()
    }

    /// The number of its format, usually 3.
    #[must_use]
    pub fn format(&self) -> u8 {
        self.content.version() as u8 + 1
    }

    /// From when on it is good, and until when, as OpenSSL prints it: `Jan  1 00:00:00 2030 GMT`.
    #[must_use]
    pub fn validity(&self) -> (String, String) {
        let validity = self.content.validity();
        let text = |time: x509_cert::time::Time| openssl_time(time.to_date_time());
        (text(validity.not_before), text(validity.not_after))
    }

    /// The addresses of mail in it.
    #[must_use]
    pub fn mail_addresses(&self) -> Vec<String> {
        let mail = |name| match name {
            GeneralName::Rfc822Name(name) => Some(name.to_string()),
            _ => None,
        };
        alternative_names(&self.content)
            .into_iter()
            .filter_map(mail)
            .collect()
    }

    /// The names of hosts in it.
    #[must_use]
    pub fn dns_names(&self) -> Vec<String> {
        dns_names_of(&self.content)
    }
}

/// The names of hosts that a certificate is for, in lower case.
///
/// # Errors
/// What is wrong with it.
pub(super) fn dns_names(certificate: &[u8]) -> Result<Vec<String>, String> {
    let content = content(certificate).map_err(|error| error.to_string())?;
    Ok(dns_names_of(&content))
}

/// A certificate in PEM (RFC 7468).
pub(super) fn pem(certificate: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

fn content(certificate: &[u8]) -> Result<TbsCertificateInner<Raw>, x509_cert::der::Error> {
    let certificate = CertificateInner::<Raw>::from_der(certificate)?;
    Ok(certificate.tbs_certificate().clone())
}

fn dns_names_of(content: &TbsCertificateInner<Raw>) -> Vec<String> {
    let dns = |name| match name {
        GeneralName::DnsName(name) => Some(name.to_string().to_ascii_lowercase()),
        _ => None,
    };
    alternative_names(content)
        .into_iter()
        .filter_map(dns)
        .collect()
}

fn alternative_names(content: &TbsCertificateInner<Raw>) -> Vec<GeneralName> {
    match content.get_extension::<SubjectAltName>() {
        Ok(Some((_, names))) => names.0,
        Ok(None) | Err(_) => Vec::new(),
    }
}

fn parts(name: &Name) -> Vec<(String, String)> {
    let split = |part: String| {
        let (key, value) = part.split_once('=')?;
        Some((key.to_owned(), value.to_owned()))
    };
    let printed = name.iter().map(ToString::to_string);
    printed.filter_map(split).collect()
}

fn openssl_time(time: DateTime) -> String {
    let month = MONTHS[usize::from(time.month().clamp(1, 12)) - 1];
    format!(
        "{month} {:2} {:02}:{:02}:{:02} {} GMT",
        time.day(),
        time.hour(),
        time.minutes(),
        time.seconds(),
        time.year()
    )
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
