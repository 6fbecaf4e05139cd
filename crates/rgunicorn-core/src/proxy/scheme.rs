//! The fields by which a proxy says that the client came over TLS (`secure_scheme_headers`).

use super::last_element;
use crate::endpoint::Scheme;
use crate::parser::Head;
use crate::parser::Rejection;
use crate::parser::is_field_name;
use crate::parser::is_proxy_field;

/// Names of fields, and the value by which each means `https`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecureSchemes {
    /// Names in lower case.
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    has_unusual_names: bool,
}

/// What is no name of a field.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("'{0}' cannot be the name of a header field")]
pub struct InvalidFieldName(String);

impl SecureSchemes {
    /// The fields `pairs` names, each with the value that means `https`.
    ///
    /// # Errors
    ///
    /// For a name that no field has (RFC 9110 section 5.1).
    pub fn new<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, InvalidFieldName> {
        let mut fields = Vec::new();
        for (name, value) in pairs {
            if !is_field_name(name.as_bytes()) {
                return Err(InvalidFieldName(name.to_owned()));
            }
            fields.push((
                name.to_ascii_lowercase().into_bytes(),
                value.trim().as_bytes().to_vec(),
            ));
        }
        let has_unusual_names = fields.iter().any(|(name, _)| !is_proxy_field(name));
        Ok(Self {
            fields,
            has_unusual_names,
        })
    }

    /// Whether a field counts that the parser does not look out for.
    pub(super) fn has_unusual_names(&self) -> bool {
        self.has_unusual_names
    }

    /// What the fields of `head` say. Each counts with what the nearest proxy wrote, its last
    /// element; any value but the one that is configured means `http`, as in gunicorn.
    ///
    /// # Errors
    ///
    /// If two of them contradict each other.
    pub(super) fn read(&self, head: &Head) -> Result<Option<Scheme>, Rejection> {
        let mut scheme = None;
        for (name, secure) in &self.fields {
            let Some(value) = head.field(name) else {
                continue;
            };
            let said = meaning(last_element(value), secure);
            if scheme.replace(said).is_some_and(|before| before != said) {
                return Err(Rejection::ContradictorySchemes);
            }
        }
        Ok(scheme)
    }
}

/// Where `https` means `https`, `wss` does so too, as in uvicorn.
fn meaning(value: &[u8], secure: &[u8]) -> Scheme {
    let is_web_socket = secure == b"https" && value.eq_ignore_ascii_case(b"wss");
    if value.eq_ignore_ascii_case(secure) || is_web_socket {
        Scheme::Https
    } else {
        Scheme::Http
    }
}

impl Default for SecureSchemes {
    /// gunicorn's default.
    fn default() -> Self {
        let field = |name: &[u8], value: &[u8]| (name.to_vec(), value.to_vec());
        Self {
            fields: vec![
                field(b"x-forwarded-protocol", b"ssl"),
                field(b"x-forwarded-proto", b"https"),
                field(b"x-forwarded-ssl", b"on"),
            ],
            has_unusual_names: false,
        }
    }
}
