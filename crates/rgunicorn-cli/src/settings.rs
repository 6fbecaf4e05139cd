//! The one table of settings: name, flags, type, default, meaning.
//!
//! Everything that knows the settings is made from it: the struct that the layers are read
//! into, the command line, the conversion of values, and the pages of the documentation.
//! Knows neither clap nor Python.

#[expect(
    rustdoc::broken_intra_doc_links,
    reason = "the texts are help for a terminal, where brackets mean an option"
)]
mod table;

#[cfg(test)]
mod page;

pub(crate) use table::SPECS;
pub(crate) use table::Settings;

/// One setting, as far as it can be said without its Rust type.
#[derive(Debug)]
pub(crate) struct Spec {
    /// The name in configuration files.
    pub(crate) name: &'static str,
    /// The flags on the command line; the first long one is the one shown.
    pub(crate) flags: &'static [&'static str],
    /// What stands for the value in the help; empty where a flag takes none.
    pub(crate) meta: &'static str,
    /// What values it takes.
    pub(crate) kind: Kind,
    /// The default, written as on the command line.
    pub(crate) default: Option<&'static str>,
    /// The heading it stands under.
    pub(crate) section: &'static str,
    /// What it does, in sentences.
    pub(crate) doc: &'static str,
    /// How it differs from gunicorn's setting of that name.
    pub(crate) compared: Compared,
}

/// How a setting compares with gunicorn's of the same name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(dead_code, reason = "the page of the documentation is made by a test")]
pub(crate) enum Compared {
    /// It does what it does there.
    Same,
    /// It does that and more, or without a defect that it has there.
    Better(&'static str),
    /// gunicorn does not have it.
    Ours,
    /// It is accepted and changes nothing, because.
    NoEffect(&'static str),
}

/// The kinds of values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Anything at all, because nobody looks at it.
    Anything,
    /// A user or a group: a name or a number, or nothing.
    Account,
    /// A class: its short name, its dotted path, or in Python the class itself.
    Class,
    /// A whole number of 0 or more.
    Count,
    /// A Python function, or its dotted path. The function is kept apart from the texts.
    Hook,
    /// One or more texts.
    List,
    /// One of a few words. On and off will do where `auto` and `off` are among them, and a flag
    /// without value is `auto`.
    Mode,
    /// A text, or nothing.
    OptionalText,
    /// What only Python can say, such as a dict of dicts. Kept apart from the texts.
    Object,
    /// Names with a text for each.
    Pairs,
    /// A text, or nothing. Never shown.
    Secret,
    /// Permissions of a file: a number, octal with a leading zero.
    Permissions,
    /// An amount of memory: a number of MiB, or of what the letter behind it says.
    Size,
    /// On or off.
    Switch,
    /// A text.
    Text,
    /// Any number of words, in one text with commas between them or in a list.
    Words,
}

impl Kind {
    /// What a wrong value should have been.
    pub(crate) fn must_be(self) -> String {
        let allowed = match self {
            Self::Anything => "anything",
            Self::Account => "a name or a number",
            Self::Class => "a class or the name of one",
            Self::Count => "a whole number of 0 or more",
            Self::Hook => "a function or the dotted path of one",
            Self::List => "a text or a list of texts",
            Self::Mode => "a text, True or False",
            Self::Object => "a dict or None",
            Self::OptionalText | Self::Secret => "a text or None",
            Self::Pairs => "a dict of texts",
            Self::Permissions => "a number, such as 0o022",
            Self::Size => "a number of MiB, or a number with K, M or G behind it",
            Self::Switch => "True or False",
            Self::Text => "a text",
            Self::Words => "a text with commas between the words, or a list of texts",
        };
        format!("must be {allowed}")
    }
}

impl Spec {
    const EMPTY: Self = Self {
        name: "",
        flags: &[],
        meta: "",
        kind: Kind::Text,
        default: None,
        section: "",
        doc: "",
        compared: Compared::Same,
    };

    /// The setting of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        SPECS.iter().find(|spec| spec.name == name)
    }

    /// Why setting it changes nothing, if that is so.
    pub(crate) fn no_effect(&self) -> Option<&'static str> {
        match self.compared {
            Compared::NoEffect(reason) => Some(reason),
            _ => None,
        }
    }

    /// The flag to name in messages, if there is one.
    pub(crate) fn flag(&self) -> Option<&'static str> {
        let mut flags = self.flags.iter().copied();
        let long = flags.clone().find(|flag| flag.starts_with("--"));
        long.or_else(|| flags.next())
    }
}

/// What the environment's variables for settings begin with.
pub(crate) const VARIABLES: &str = "RGUNICORN_";

/// Says that there is no setting `name`, and which one may have been meant.
pub(crate) fn unknown(name: &str) -> String {
    let meant = meant_by(name).map(|meant| format!("; did you mean {meant}?"));
    format!("there is no setting '{name}'{}", meant.unwrap_or_default())
}

/// The setting that `name` may be a slip of the pen for.
pub(crate) fn meant_by(name: &str) -> Option<&'static str> {
    let known = SPECS.iter().map(|spec| spec.name);
    let distances = known.map(|setting| (distance(name, setting), setting));
    let (distance, nearest) = distances.min()?;
    // Short names of a user's own are close to some setting by chance.
    let tolerated = if nearest.len() < 8 { 1 } else { 2 };
    (name.len() > 3 && (1..=tolerated).contains(&distance)).then_some(nearest)
}

/// How many letters must be inserted, removed, replaced or swapped with the next.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![(0..=right.len()).collect::<Vec<_>>()];
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(a != b);
            let mut least = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

/// The Rust type of each [`Kind`], under the same name.
mod shape {
    pub(super) type Anything = Option<String>;
    pub(super) type Account = Option<String>;
    pub(super) type Class = String;
    pub(super) type Count = u64;
    pub(super) type Hook = Option<String>;
    pub(super) type List = Vec<String>;
    pub(super) type Mode = String;
    pub(super) type Object = Option<String>;
    pub(super) type OptionalText = Option<String>;
    pub(super) type Pairs = Vec<(String, String)>;
    pub(super) type Permissions = u64;
    pub(super) type Secret = Option<String>;
    /// As it was written: `value::size` knows the bytes.
    pub(super) type Size = String;
    pub(super) type Switch = bool;
    pub(super) type Text = String;
    pub(super) type Words = Vec<String>;
}

/// Writes the struct and the specifications that a table describes.
macro_rules! settings {
    ($( $section:literal { $(
        $(#[doc = $doc:literal])+
        $name:ident: $kind:ident { $($field:ident: $value:expr),* $(,)? }
    )+ } )+) => {
        /// The value of every setting, of the right type but not yet checked.
        #[derive(Clone, Debug, serde::Deserialize)]
        #[allow(dead_code, reason = "where the file is must be known before there is this struct")]
        pub(crate) struct Settings {
            $($( $(#[doc = $doc])+ pub(crate) $name: super::shape::$kind, )+)+
        }

        /// Every setting, in the order of the documentation.
        #[allow(clippy::needless_update, reason = "most rows leave something out")]
        pub(crate) const SPECS: &[Spec] = &[$($(
            Spec {
                name: stringify!($name),
                kind: Kind::$kind,
                section: $section,
                doc: concat!($($doc),+),
                $($field: $value,)*
                ..Spec::EMPTY
            },
        )+)+];
    };
}
use settings;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_stands_in_the_table_once() {
        let mut names: Vec<_> = SPECS.iter().map(|spec| spec.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        assert_eq!(meant_by("wokers"), Some("workers"));
        assert_eq!(meant_by("bnid"), Some("bind"));
        assert_eq!(meant_by("gracefull_timeout"), Some("graceful_timeout"));
    }

    #[test]
    fn a_variable_of_the_users_own_is_not() {
        for name in [
            "json",
            "host",
            "cores",
            "time",
            "os",
            "log_file",
            "max_workers",
            "bind",
        ] {
            assert_eq!(meant_by(name), None, "{name}");
        }
    }

    #[test]
    fn the_example_configuration_holds_every_default() {
        let example = include_str!("../../../config/gunicorn.conf.py");
        for spec in SPECS
            .iter()
            .filter(|spec| !["config", "wsgi_app"].contains(&spec.name))
        {
            let start = format!("\n{} = ", spec.name);
            let (_, rest) = example
                .split_once(&start)
                .unwrap_or_else(|| panic!("{} is missing", spec.name));
            let value = rest.lines().next().unwrap();
            let default = match (spec.name, spec.default) {
                (_, Some("false")) => "False",
                (_, Some("true")) => "True",
                (_, default) => default.unwrap_or("None"),
            };
            let value = match spec.kind {
                Kind::Pairs => value.replace(['{', '}', '"'], ""),
                _ => value.to_owned(),
            };
            assert!(value.contains(default), "{}: {value}", spec.name);
        }
    }
}
