//! Where the application is mounted, from the settings and from what a proxy says.

use std::borrow::Cow;

use super::Forwarded;
use super::text;
use crate::parser::Rejection;

/// A path with the mount point that it begins with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mounted<'a> {
    /// The mount point; empty at the top.
    pub root: Cow<'a, str>,
    /// The whole path, percent-encoded as received.
    pub path: Cow<'a, str>,
}

/// Puts the mount point before `path` unless it is there already: a proxy may or may not have
/// taken it off. `root` is the configured one; `forwarded` is what a proxy said.
#[must_use]
pub fn mount<'a>(path: &'a str, root: &'a str, forwarded: Option<&'a Forwarded>) -> Mounted<'a> {
    let root = match forwarded {
        // It knows better than the configuration, and the path begins with it.
        Some(Forwarded {
            script_name: Some(name),
            ..
        }) => name,
        _ => root,
    };
    match forwarded.and_then(|forwarded| forwarded.prefix.as_deref()) {
        None => Mounted {
            root: Cow::Borrowed(root),
            path: join(root, path),
        },
        Some(prefix) => with_prefix(path, root, prefix),
    }
}

/// A configured mount point that has the prefix at its beginning, or is the prefix's end, is
/// probably the same one said twice.
fn with_prefix<'a>(path: &'a str, root: &'a str, prefix: &'a str) -> Mounted<'a> {
    let whole = if root.starts_with('/') && prefix.ends_with(root) {
        Cow::Borrowed(prefix)
    } else {
        join(prefix, root)
    };
    let path = if is_below(path, &whole) || path == ALL {
        Cow::Borrowed(path)
    } else if !root.is_empty() && is_below(path, root) {
        let outer = whole.strip_suffix(root).unwrap_or(prefix);
        Cow::Owned(format!("{outer}{path}"))
    } else {
        Cow::Owned(format!("{whole}{path}"))
    };
    Mounted { root: whole, path }
}

/// `path` with `root` before it, once.
fn join<'a>(root: &'a str, path: &'a str) -> Cow<'a, str> {
    if is_below(path, root) || path == ALL {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(format!("{root}{path}"))
    }
}

/// What `OPTIONS *` asks about: the whole server, so it lies nowhere (RFC 9112 section 3.2.4).
const ALL: &str = "*";

/// Whether `path` is `root` or lies below it, by whole segments.
fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| {
        root.is_empty() || root.ends_with('/') || rest.is_empty() || rest.starts_with('/')
    })
}

/// The value of `x-forwarded-prefix`, without the slash at its end; nothing for `/`.
///
/// # Errors
///
/// For what is no absolute path of plain segments.
pub(super) fn prefix(value: &[u8]) -> Result<Option<String>, Rejection> {
    let Some(rest) = value.strip_prefix(b"/") else {
        return Err(Rejection::ForwardedPrefix);
    };
    if rest.is_empty() {
        return Ok(None);
    }
    let rest = rest.strip_suffix(b"/").unwrap_or(rest);
    let plain = |segment: &[u8]| {
        !matches!(segment, b"" | b"." | b"..") && segment.iter().all(|byte| is_plain(*byte))
    };
    if !rest.split(|byte| *byte == b'/').all(plain) {
        return Err(Rejection::ForwardedPrefix);
    }
    Ok(Some(format!("/{}", text(rest.into()))))
}

/// The characters of a segment that mean themselves (RFC 3986 section 3.3). No percent sign: the
/// same path could be written in more ways than one.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}

/// The value of gunicorn's `SCRIPT_NAME`, if `path` lies below it. Otherwise it is ignored, as by
/// gunicorn's asgi worker.
pub(super) fn script_name(value: &[u8], path: &str) -> Option<String> {
    let name = prefix(value).ok().flatten()?;
    is_below(path, &name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check((path, root, prefix): (&str, &str, &str), expected: (&str, &str)) {
        let forwarded = Forwarded {
            prefix: Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()),
            ..Forwarded::default()
        };
        let mounted = mount(path, root, Some(&forwarded));
        assert_eq!((&*mounted.root, &*mounted.path), expected);
    }

    #[test]
    fn the_mount_point_is_put_before_the_path_once() {
        check(("/x", "", ""), ("", "/x"));
        check(("/x", "/app", ""), ("/app", "/app/x"));
        check(("/app/x", "/app", ""), ("/app", "/app/x"));
        check(("/apple", "/app", ""), ("/app", "/app/apple"));
        check(("/x", "/app/", ""), ("/app/", "/app//x"));
    }

    #[test]
    fn the_whole_server_is_mounted_nowhere() {
        check(("*", "/app", ""), ("/app", "*"));
        check(("*", "/app", "/api"), ("/api/app", "*"));
    }

    #[test]
    fn a_prefix_extends_the_mount_point_whatever_was_taken_off_the_path() {
        for path in ["/x", "/api/x"] {
            check((path, "", "/api"), ("/api", "/api/x"));
        }
        for path in ["/x", "/app/x", "/api/app/x"] {
            check((path, "/app", "/api"), ("/api/app", "/api/app/x"));
            check((path, "/app", "/api/app"), ("/api/app", "/api/app/x"));
        }
        for path in ["/x", "/app/x"] {
            check((path, "/app", "/app"), ("/app", "/app/x"));
        }
        check(("/x", "/api/app", "/api"), ("/api/app", "/api/app/x"));
        check(("/", "", "/api"), ("/api", "/api/"));
        check(("/api", "", "/api"), ("/api", "/api"));
        check(("/apis", "", "/api"), ("/api", "/api/apis"));
    }

    #[test]
    fn a_script_name_takes_the_place_of_the_configured_mount_point() {
        let forwarded = Forwarded {
            script_name: script_name(b"/api", "/api/x"),
            ..Forwarded::default()
        };
        let mounted = mount("/api/x", "/app", Some(&forwarded));
        assert_eq!((&*mounted.root, &*mounted.path), ("/api", "/api/x"));
    }

    #[test]
    fn a_script_name_that_is_no_part_of_the_path_is_ignored() {
        assert_eq!(script_name(b"/api/", "/api"), Some("/api".to_owned()));
        for name in ["", "/", "/ap", "/api/x/y", "api", "//api"] {
            assert_eq!(script_name(name.as_bytes(), "/api/x"), None, "{name}");
        }
    }

    #[test]
    fn a_prefix_is_a_plain_absolute_path() {
        assert_eq!(prefix(b"/"), Ok(None));
        assert_eq!(prefix(b"/a"), Ok(Some("/a".to_owned())));
        assert_eq!(prefix(b"/a/b.c/"), Ok(Some("/a/b.c".to_owned())));
        for value in [
            "",
            "a",
            "//",
            "//a",
            "/a//b",
            "/..",
            "/a/../b",
            "/.",
            "/a%2fb",
            "/a?b",
            "/a#b",
            "/a b",
            "/a\tb",
            "/a\\b",
            "/\u{e9}",
            "/a//",
            "http://a/",
        ] {
            assert_eq!(
                prefix(value.as_bytes()),
                Err(Rejection::ForwardedPrefix),
                "{value}"
            );
        }
    }
}
