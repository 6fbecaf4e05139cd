//! The settings about WebSockets, checked.

use rgunicorn_asgi::settings::Pings;
use rgunicorn_asgi::settings::WebSocketSettings;

use super::Checked;
use super::LONGEST;
use crate::failure::Failure;

pub(crate) use rgunicorn_asgi::settings::WebSocketSettings as WebSocket;

/// Whether something is done where it can be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wanted {
    Yes,
    No,
}

impl Checked<'_> {
    /// `None`: an ASGI application is not called for WebSockets.
    pub(super) fn websocket(&self) -> Result<Option<WebSocketSettings>, Failure> {
        let settings = &self.settings;
        let wanted = self.one_of("ws", &settings.ws, &IMPLEMENTATIONS)?;
        let deflate = self.one_of(
            "ws_per_message_deflate",
            &settings.ws_per_message_deflate,
            &[("auto", Wanted::Yes), ("off", Wanted::No)],
        )?;
        let size = "websocket_max_message_size";
        let max_size = self.most(size, settings.websocket_max_message_size)?;
        let defaults = WebSocketSettings::default();
        let checked = WebSocketSettings {
            max_size: max_size.map_or(usize::MAX, Into::into),
            max_queue: self.count("ws_max_queue", settings.ws_max_queue, 1..=LONGEST)?,
            pings: Pings {
                interval: self.patience("ws_ping_interval", settings.ws_ping_interval)?,
                timeout: self.patience("ws_ping_timeout", settings.ws_ping_timeout)?,
            },
            deflate: defaults.deflate.filter(|_| deflate == Wanted::Yes),
        };
        Ok((wanted == Wanted::Yes).then_some(checked))
    }
}

/// `auto` and `none`, and what uvicorn calls its own.
const IMPLEMENTATIONS: [(&str, Wanted); 5] = [
    ("auto", Wanted::Yes),
    ("none", Wanted::No),
    ("websockets", Wanted::Yes),
    ("websockets-sansio", Wanted::Yes),
    ("wsproto", Wanted::Yes),
];
