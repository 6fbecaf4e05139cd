//! The order in which a WebSocket's application may say things. Pure.

/// How far the application is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// It has not answered the handshake.
    Handshaking,
    /// It answers with a response of its own, whose head it gave.
    Denying,
    /// It has answered that there will be no WebSocket.
    Denied,
    /// It accepted.
    Open,
    /// It said the last it had to say.
    Closed,
}

/// What an application may say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Accept,
    Send,
    Close,
    DenialStart,
    DenialBody,
}

impl Kind {
    /// The usual ones first.
    const ALL: [Self; 5] = [
        Self::Send,
        Self::Close,
        Self::Accept,
        Self::DenialStart,
        Self::DenialBody,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accept => "websocket.accept",
            Self::Send => "websocket.send",
            Self::Close => "websocket.close",
            Self::DenialStart => "websocket.http.response.start",
            Self::DenialBody => "websocket.http.response.body",
        }
    }
}

impl Stage {
    /// What a message of type `name` is, if it may come now.
    ///
    /// # Errors
    /// What the application is to be told.
    pub(super) fn admit(self, name: &str) -> Result<Kind, String> {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        match (self, kind) {
            (Self::Open, Some(kind @ (Kind::Send | Kind::Close)))
            | (Self::Handshaking, Some(kind @ (Kind::Accept | Kind::Close | Kind::DenialStart)))
            | (Self::Denying, Some(kind @ Kind::DenialBody)) => Ok(kind),
            _ => Err(self.refusal(name)),
        }
    }

    fn refusal(self, name: &str) -> String {
        let expected = match self {
            Self::Handshaking => {
                "'websocket.accept', 'websocket.close' or 'websocket.http.response.start'"
            }
            Self::Denying => "'websocket.http.response.body'",
            Self::Open => "'websocket.send' or 'websocket.close'",
            Self::Denied => {
                return format!(
                    "Unexpected ASGI message '{name}' sent, after response already completed."
                );
            }
            Self::Closed => {
                return format!(
                    "Unexpected ASGI message '{name}', after sending 'websocket.close'."
                );
            }
        };
        format!("Expected ASGI message {expected}, but got '{name}'.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_admits_what_may_come_and_nothing_else() {
        let rows = [
            (
                Stage::Handshaking,
                &[Kind::Accept, Kind::Close, Kind::DenialStart][..],
            ),
            (Stage::Denying, &[Kind::DenialBody]),
            (Stage::Denied, &[]),
            (Stage::Open, &[Kind::Send, Kind::Close]),
            (Stage::Closed, &[]),
        ];
        for (stage, admitted) in rows {
            for kind in Kind::ALL {
                let verdict = stage.admit(kind.name());
                assert_eq!(
                    verdict.is_ok(),
                    admitted.contains(&kind),
                    "{stage:?} {kind:?}"
                );
            }
            assert!(stage.admit("http.response.start").is_err());
        }
    }
}
