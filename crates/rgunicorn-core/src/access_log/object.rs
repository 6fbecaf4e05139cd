//! A record as a JSON object, for programs that read logs (`access_log_json`).
//!
//! Bytes that are UTF-8 are taken for it; each other byte becomes the character of that number, as
//! WSGI would read it. So every line is valid JSON, whatever clients send.

use std::io::Write;
use std::time::UNIX_EPOCH;

use crate::parser::Head;
use crate::parser::percent_decode;

use super::AccessRecord;
use super::atom::decode_user;

/// The object being written.
pub(super) struct Object<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// The time in RFC 3339, with zeros for the milliseconds.
    pub(super) time: &'a str,
}

/// Where the milliseconds are in the time.
const MILLISECONDS: usize = "2026-11-22T23:28:50.".len();

impl Object<'_> {
    pub(super) fn write(mut self, record: &AccessRecord<'_>) {
        let field = |name: &[u8]| record.head.and_then(|head| head.field(name));
        self.time(record);
        let client = record.client.as_bytes();
        self.text("client", Some(client).filter(|it| !it.is_empty()));
        let mut user = Vec::new();
        if let Some(head) = record.head {
            decode_user(head, &mut user);
        }
        self.text("user", Some(&*user).filter(|it| !it.is_empty()));
        match record.head {
            Some(head) => self.request(head),
            None => self.text("request", Some(record.request_line)),
        }
        let (seconds, rest) = (record.elapsed.as_secs(), record.elapsed.subsec_micros());
        // Writing to a Vec cannot fail, here and below.
        let _ = write!(
            self.out,
            r#","status":{},"bytes":{},"duration":{seconds}.{rest:06}"#,
            record.status, record.body_bytes
        );
        self.text("referer", field(b"referer"));
        self.text("user_agent", field(b"user-agent"));
        self.text("host", field(b"host"));
        let _ = write!(self.out, r#","pid":{}}}"#, record.pid);
    }

    fn time(&mut self, record: &AccessRecord<'_>) {
        let (before, after) = self.time.split_at(MILLISECONDS);
        let now = record.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let after = after.get(3..).unwrap_or_default();
        let _ = write!(
            self.out,
            r#"{{"time":"{before}{:03}{after}""#,
            now.subsec_millis()
        );
    }

    fn request(&mut self, head: &Head) {
        self.text("method", Some(head.method().as_bytes()));
        let mut path = Vec::new();
        percent_decode(head.path(), &mut path);
        self.text("path", Some(&path));
        self.text("query", Some(head.query().as_bytes()));
        self.text("protocol", Some(head.version().as_str().as_bytes()));
    }

    /// A key and its text. To be called when there is a key already.
    fn text(&mut self, key: &str, text: Option<&[u8]>) {
        let _ = write!(self.out, r#","{key}":"#);
        let Some(text) = text else {
            self.out.extend_from_slice(b"null");
            return;
        };
        self.out.push(b'"');
        for chunk in text.utf8_chunks() {
            chunk.valid().chars().for_each(|it| self.character(it));
            chunk
                .invalid()
                .iter()
                .for_each(|it| self.escaped(char::from(*it)));
        }
        self.out.push(b'"');
    }

    fn character(&mut self, character: char) {
        match character {
            '"' => self.out.extend_from_slice(br#"\""#),
            '\\' => self.out.extend_from_slice(br"\\"),
            // Of the controls JSON asks for the first 32; a terminal may obey the others too.
            '\0'..' ' | '\x7f'..='\u{9f}' => self.escaped(character),
            _ => {
                let mut bytes = [0; 4];
                let text = character.encode_utf8(&mut bytes);
                self.out.extend_from_slice(text.as_bytes());
            }
        }
    }

    fn escaped(&mut self, character: char) {
        let _ = write!(self.out, "\\u{:04x}", u32::from(character));
    }
}
