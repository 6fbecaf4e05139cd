//! Requests that are not logged, by their path: health checks, mostly.

/// Patterns of paths. Decided on the path as it was received, without the query.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Exclusions(Vec<Pattern>);

/// A path, of which parts between stars must be there in this order.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Pattern {
    start: Box<str>,
    middle: Vec<Box<str>>,
    /// None where there was no star: then the whole path is the start.
    end: Option<Box<str>>,
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PatternError {
    /// No path looks like that.
    #[error("the pattern {0:?} starts neither with \"/\" nor with \"*\"")]
    NoPath(String),
    /// What stands behind a question mark is not looked at.
    #[error("the pattern {0:?} has a \"?\", but only paths are compared")]
    Query(String),
}

impl Exclusions {
    /// Reads patterns: paths in which `*` stands for any text, slashes included.
    ///
    /// # Errors
    ///
    /// The first pattern that no path can be like.
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternError> {
        patterns
            .into_iter()
            .map(Pattern::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the patterns is like `path`.
    #[must_use]
    pub fn name(&self, path: &str) -> bool {
        self.0.iter().any(|pattern| pattern.is_like(path))
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, PatternError> {
        if !text.starts_with(['/', '*']) {
            return Err(PatternError::NoPath(text.to_owned()));
        }
        if text.contains('?') {
            return Err(PatternError::Query(text.to_owned()));
        }
        let mut parts = text.split('*').map(Box::from);
        let start = parts.next().unwrap_or_default();
        let mut middle: Vec<Box<str>> = parts.collect();
        let end = middle.pop();
        Ok(Self { start, middle, end })
    }

    fn is_like(&self, path: &str) -> bool {
        let Some(end) = &self.end else {
            return *path == *self.start;
        };
        let Some(mut rest) = path.strip_prefix(&*self.start) else {
            return false;
        };
        for part in &self.middle {
            // The first place is the best: it leaves most for those that follow.
            let Some(place) = rest.find(&**part) else {
                return false;
            };
            rest = &rest[place + part.len()..];
        }
        rest.ends_with(&**end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_everything_else_is_itself() {
        let table = [
            ("/healthz", "/healthz", true),
            ("/healthz", "/healthz/", false),
            ("/healthz", "/health", false),
            ("/static/*", "/static/a/b.css", true),
            ("/static/*", "/static/", true),
            ("/static/*", "/static", false),
            ("*.ico", "/favicon.ico", true),
            ("*.ico", "/favicon.ico/x", false),
            ("/a*b*c", "/abc", true),
            ("/a*b*c", "/a-b-b-c", true),
            ("/a*b*c", "/ac-b", false),
            ("/a*a", "/a", false),
            ("*", "/", true),
            ("/a.c", "/abc", false),
        ];
        for (pattern, path, expected) in table {
            let exclusions = Exclusions::parse(["/never", pattern]).unwrap();
            assert_eq!(exclusions.name(path), expected, "{pattern} {path}");
        }
        assert!(!Exclusions::default().name("/"));
    }

    #[test]
    fn a_pattern_that_fits_no_path_is_refused() {
        let refused = |pattern| Exclusions::parse([pattern]).unwrap_err();
        assert_eq!(refused("healthz"), PatternError::NoPath("healthz".into()));
        assert_eq!(refused(""), PatternError::NoPath(String::new()));
        assert_eq!(refused("/a?b"), PatternError::Query("/a?b".into()));
    }
}
