//! A request as the h2 crate gives it, as a head.

use h2::ext::Protocol;
use http::request::Parts;

use crate::parser::Head;
use crate::parser::Pseudo;
use crate::parser::Rejection;
use crate::settings::Settings;

/// Fills `head`. Whether a body follows is not known here.
pub(super) fn head(head: &mut Head, parts: &Parts, settings: &Settings) -> Result<(), Rejection> {
    let path = parts
        .uri
        .path_and_query()
        .map(|path| path.as_str().as_bytes());
    let protocol = parts.extensions.get::<Protocol>();
    let pseudo = Pseudo {
        method: parts.method.as_str().as_bytes(),
        path,
        authority: parts.uri.authority().map(|it| it.as_str().as_bytes()),
        protocol: protocol.map(|protocol| protocol.as_str().as_bytes()),
    };
    let fields = parts.headers.iter();
    let fields = fields.map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    head.assemble(&pseudo, fields, &settings.limits, settings.tolerance)
}
