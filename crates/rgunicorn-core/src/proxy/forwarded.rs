//! The `forwarded` field of RFC 7239: elements of pairs, with quoted strings.
//!
//! Read strictly in what matters: a quote that is not closed could swallow what the next proxy
//! added, so a malformed field is refused as a whole.

use std::borrow::Cow;

use super::Node;
use super::text;
use crate::endpoint::Scheme;
use crate::parser::Rejection;

/// What one proxy said about the request it got.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Element<'a> {
    client: Option<Cow<'a, [u8]>>,
    proto: Option<Cow<'a, [u8]>>,
    pub(super) host: Option<Cow<'a, [u8]>>,
    by: Option<Cow<'a, [u8]>>,
}

impl<'a> Element<'a> {
    /// Who asked that proxy, if it says so.
    pub(super) fn node(&self) -> Option<Node> {
        self.client.as_deref().map(Node::of)
    }

    /// How that proxy was asked; nothing for what is no scheme of HTTP.
    pub(super) fn scheme(&self) -> Option<Scheme> {
        let proto = text(Cow::Borrowed(self.proto.as_deref()?));
        match proto.to_ascii_lowercase().as_str() {
            "https" | "wss" => Some(Scheme::Https),
            "http" | "ws" => Some(Scheme::Http),
            _ => None,
        }
    }

    /// Takes in one pair. Nothing may be said twice (RFC 7239 section 4).
    fn put(&mut self, name: &[u8], value: Cow<'a, [u8]>) -> Result<(), Rejection> {
        let place = match name.to_ascii_lowercase().as_slice() {
            b"for" => &mut self.client,
            b"proto" => &mut self.proto,
            b"host" => &mut self.host,
            b"by" => &mut self.by,
            _ => return Ok(()), // an extension
        };
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(Rejection::ForwardedField),
        }
    }
}

/// Appends the elements of one field's value.
pub(super) fn read<'a>(value: &'a [u8], elements: &mut Vec<Element<'a>>) -> Result<(), Rejection> {
    let mut rest = Rest(value);
    loop {
        rest.skip_whitespace();
        let mut element = Element::default();
        let mut pairs = 0;
        while !matches!(rest.0.first(), None | Some(b',')) {
            let (name, value) = rest.pair()?;
            element.put(name, value)?;
            pairs += 1;
            rest.skip_whitespace();
            if !rest.skip(b';') {
                break;
            }
            rest.skip_whitespace();
        }
        if pairs > 0 {
            elements.push(element);
        }
        if rest.0.is_empty() {
            return Ok(());
        }
        if !rest.skip(b',') {
            return Err(Rejection::ForwardedField);
        }
    }
}

/// What is left to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    /// `token "=" ( token / quoted-string )`; an unquoted value may have the colons and brackets
    /// that many proxies do not quote.
    fn pair(&mut self) -> Result<(&'a [u8], Cow<'a, [u8]>), Rejection> {
        let name = self
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        if name.is_empty() || !self.skip(b'=') {
            return Err(Rejection::ForwardedField);
        }
        if self.skip(b'"') {
            return Ok((name, self.quoted()?));
        }
        let value = self.take_while(|byte| byte.is_ascii_graphic() && !b",;\"\\=".contains(&byte));
        if value.is_empty() {
            return Err(Rejection::ForwardedField);
        }
        Ok((name, Cow::Borrowed(value)))
    }

    /// The rest of a quoted string (RFC 9110 section 5.6.4).
    fn quoted(&mut self) -> Result<Cow<'a, [u8]>, Rejection> {
        let plain = self.take_while(|byte| byte != b'"' && byte != b'\\');
        if self.skip(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut value = plain.to_vec();
        loop {
            match self.next() {
                Some(b'"') => return Ok(Cow::Owned(value)),
                Some(b'\\') => value.push(self.next().ok_or(Rejection::ForwardedField)?),
                Some(byte) => value.push(byte),
                None => return Err(Rejection::ForwardedField),
            }
        }
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.0.iter().take_while(|byte| wanted(**byte)).count();
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn skip_whitespace(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn skip(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Client, scheme and host of each element.
    fn elements(value: &str) -> Result<Vec<(String, Option<Scheme>, String)>, Rejection> {
        let mut elements = Vec::new();
        read(value.as_bytes(), &mut elements)?;
        let all = elements.iter().map(|element| {
            let client = element.node().map(Node::into_client);
            let client = client.map_or_else(String::new, |client| {
                format!("{} {}", client.host, client.port)
            });
            let host = element.host.clone().map(text).unwrap_or_default();
            (client, element.scheme(), host)
        });
        Ok(all.collect())
    }

    #[track_caller]
    fn check(value: &str, expected: &[(&str, Option<Scheme>, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(client, scheme, host)| ((*client).to_owned(), *scheme, (*host).to_owned()))
            .collect();
        assert_eq!(elements(value), Ok(expected), "{value}");
    }

    #[test]
    fn the_examples_of_rfc_7239_are_read() {
        check("for=\"_gazonk\"", &[("_gazonk 0", None, "")]);
        check(
            "For=\"[2001:db8:cafe::17]:4711\"",
            &[("2001:db8:cafe::17 4711", None, "")],
        );
        check(
            "for=192.0.2.60;proto=http;by=203.0.113.43",
            &[("192.0.2.60 0", Some(Scheme::Http), "")],
        );
        check(
            "for=192.0.2.43, for=198.51.100.17",
            &[("192.0.2.43 0", None, ""), ("198.51.100.17 0", None, "")],
        );
        check(
            "for=_hidden, for=_SEVKISEK",
            &[("_hidden 0", None, ""), ("_SEVKISEK 0", None, "")],
        );
    }

    #[test]
    fn quotes_hold_what_would_end_a_value() {
        check(
            r#"for="1.2.3.4:80";host="a,b;c\"d\\e";proto=HTTPS"#,
            &[("1.2.3.4 80", Some(Scheme::Https), r#"a,b;c"d\e"#)],
        );
    }

    #[test]
    fn spaces_empty_elements_and_extensions_do_no_harm() {
        check("", &[]);
        check(" , ,", &[]);
        check(
            "for=1.2.3.4 ; secret=x;, \t proto=wss",
            &[("1.2.3.4 0", None, ""), ("", Some(Scheme::Https), "")],
        );
        check("for=[::1]:80", &[("::1 80", None, "")]);
        check("proto=gopher", &[("", None, "")]);
    }

    #[test]
    fn anything_else_is_refused() {
        for value in [
            "for",
            "for=",
            "=1.2.3.4",
            "for =1.2.3.4",
            "for= 1.2.3.4",
            "for=\"1.2.3.4",
            "for=\"\\",
            "for=\"1.2.3.4\"x",
            "for=1.2.3.4 for=1.2.3.5",
            "for=1.2.3.4;for=1.2.3.5",
            "1.2.3.4",
            "for=a\"b\"",
            "for=a=b",
            "proto=http;PROTO=https",
            "f\u{e9}r=1",
            ";for=1.2.3.4",
            "for=6.6.6.6;by=\", for=1.2.3.4",
        ] {
            assert_eq!(elements(value), Err(Rejection::ForwardedField), "{value}");
        }
    }
}
