//! The grammar of `sec-websocket-extensions` (RFC 6455 section 9.1).

/// One extension with its parameters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Extension<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) parameters: Vec<(&'a [u8], Option<Vec<u8>>)>,
}

/// The extensions listed; none where the list breaks the grammar.
pub(crate) fn list(value: &[u8]) -> Option<Vec<Extension<'_>>> {
    let mut rest = Rest(value);
    let mut extensions = Vec::new();
    loop {
        while rest.takes(b',') {}
        if rest.is_at_end() {
            return Some(extensions);
        }
        extensions.push(rest.extension()?);
        if !rest.is_at_end() && !rest.takes(b',') {
            return None;
        }
    }
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn extension(&mut self) -> Option<Extension<'a>> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        while self.takes(b';') {
            let parameter = self.token()?;
            let value = if self.takes(b'=') {
                Some(self.value()?)
            } else {
                None
            };
            parameters.push((parameter, value));
        }
        Some(Extension { name, parameters })
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        self.skip_space();
        let length = self.0.iter().take_while(|byte| is_token(**byte)).count();
        let (token, rest) = self.0.split_at(length);
        self.0 = rest;
        (length > 0).then_some(token)
    }

    /// A token, or a quoted string that would be one without its quotes and backslashes.
    fn value(&mut self) -> Option<Vec<u8>> {
        if !self.takes(b'"') {
            return self.token().map(<[u8]>::to_vec);
        }
        let mut value = Vec::new();
        loop {
            let (mut byte, rest) = self.0.split_first()?;
            self.0 = rest;
            if *byte == b'"' {
                return (!value.is_empty()).then_some(value);
            }
            if *byte == b'\\' {
                (byte, self.0) = self.0.split_first()?;
            }
            if !is_token(*byte) {
                return None;
            }
            value.push(*byte);
        }
    }

    fn takes(&mut self, wanted: u8) -> bool {
        self.skip_space();
        match self.0.split_first() {
            Some((byte, rest)) if *byte == wanted => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.0.is_empty()
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
