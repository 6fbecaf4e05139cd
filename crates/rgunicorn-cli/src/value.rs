//! Values of settings: from text or Python, by the kind that the table gives, to one plain form.

use figment::value::Value;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::types::PyInt;
use pyo3::types::PyString;
use pyo3::types::PyType;

use crate::settings::Kind;
use crate::settings::Spec;

/// Reads a value written as on a command line. `None` if it is none of this kind.
pub(crate) fn from_text(kind: Kind, text: &str) -> Option<Value> {
    Some(match kind {
        Kind::Count => Value::from(u64::try_from(whole_number(text)?).ok()?),
        Kind::Switch => Value::from(switch(text)?),
        Kind::List if text.trim().is_empty() => Value::from(Vec::<String>::new()),
        Kind::List => Value::from(vec![text.trim().to_owned()]),
        Kind::Words => Value::from(comma_separated(text)),
        Kind::Pairs => Value::from(pairs(text)?),
        Kind::Mode => Value::from(mode(text)),
        Kind::Permissions => Value::from(permissions(text)?),
        Kind::Size => Value::from(size(text).map(|_| text.trim().to_owned())?),
        Kind::Object => return None,
        Kind::Account
        | Kind::Anything
        | Kind::Class
        | Kind::Hook
        | Kind::OptionalText
        | Kind::Secret
        | Kind::Text => Value::from(text.trim().to_owned()),
    })
}

/// The same where a list is one text, with commas.
pub(crate) fn from_list_or_text(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::List => Some(Value::from(comma_separated(text))),
        kind => from_text(kind, text),
    }
}

/// Reads a value that a configuration file holds. `None` if it is none of this kind.
pub(crate) fn from_python(spec: &Spec, value: &Bound<'_, PyAny>) -> Option<Value> {
    if let Ok(text) = value.cast::<PyString>() {
        return from_text(spec.kind, &text.extract::<String>().ok()?);
    }
    match spec.kind {
        Kind::Account if value.is_instance_of::<PyInt>() => {
            let number = value.extract::<u64>().ok()?;
            Some(Value::from(number.to_string()))
        }
        Kind::Size if value.is_instance_of::<PyInt>() => {
            from_text(spec.kind, &value.extract::<u64>().ok()?.to_string())
        }
        // As in gunicorn True is 1 here, and 1 is not True there.
        Kind::Count | Kind::Permissions if value.is_instance_of::<PyInt>() => {
            value.extract::<u64>().ok().map(Value::from)
        }
        Kind::Switch => value.extract::<bool>().ok().map(Value::from),
        Kind::List | Kind::Words => value.extract::<Vec<String>>().ok().map(Value::from),
        Kind::Pairs => pairs_of_dict(value.cast::<PyDict>().ok()?),
        Kind::Mode if value.is_none() => Some(Value::from(mode("false"))),
        Kind::Mode => value
            .extract::<bool>()
            .ok()
            .map(|on| Value::from(mode(&on.to_string()))),
        Kind::Account
        | Kind::Anything
        | Kind::Hook
        | Kind::Object
        | Kind::OptionalText
        | Kind::Secret
            if value.is_none() =>
        {
            Some(Value::from(figment::value::Empty::None))
        }
        // A member of an enumeration is a number, and prints as one.
        Kind::Anything => match value.extract::<i64>() {
            Ok(number) => Some(Value::from(number.to_string())),
            Err(_) => Some(Value::from(value.to_string())),
        },
        Kind::Class => dotted_path(value.cast::<PyType>().ok()?.as_any()),
        Kind::Hook if value.is_callable() => Some(name_of(value)),
        Kind::Hook => None,
        Kind::Object => value.repr().ok()?.extract::<String>().ok().map(Value::from),
        Kind::Account
        | Kind::Count
        | Kind::OptionalText
        | Kind::Permissions
        | Kind::Secret
        | Kind::Size
        | Kind::Text => None,
    }
}

/// A whole number as Python's `int(text, 0)` reads it, and with leading zeros as on a command line.
pub(crate) fn whole_number(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let radix = match digits.get(..2) {
        Some("0x" | "0X") => 16,
        Some("0o" | "0O") => 8,
        Some("0b" | "0B") => 2,
        _ => 10,
    };
    let digits = if radix == 10 {
        digits
    } else {
        digits.get(2..)?
    };
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
    Some(sign * i64::from_str_radix(&digits.replace('_', ""), radix).ok()?)
}

/// As gunicorn's `auto_int`: like Python's `int(text, 0)`, and a leading zero means octal as in C.
fn permissions(text: &str) -> Option<u64> {
    let text = text.trim();
    let number = match text.strip_prefix('0') {
        Some(digits) if digits.starts_with(|first: char| first.is_ascii_digit()) => {
            i64::from_str_radix(digits, 8).ok()?
        }
        _ => whole_number(text)?,
    };
    u64::try_from(number).ok()
}

/// Bytes, from what a [`Kind::Size`] holds: a number of MiB or of what the letter behind it says.
pub(crate) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "k" | "kb" | "kib" => 1 << 10,
        "" | "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    let number: u64 = digits.trim_end().replace('_', "").parse().ok()?;
    number.checked_mul(unit)
}

fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn comma_separated(text: &str) -> Vec<String> {
    text.split(',')
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

/// Names and texts written `NAME: text, NAME: text`.
fn pairs(text: &str) -> Option<Vec<Vec<String>>> {
    let pair = |part: String| {
        let (name, text) = part.split_once(':')?;
        Some(vec![name.trim().to_owned(), text.trim().to_owned()])
    };
    comma_separated(text).into_iter().map(pair).collect()
}

/// A list and not a dict, which figment would merge with the dict of the layer below.
fn pairs_of_dict(dict: &Bound<'_, PyDict>) -> Option<Value> {
    let pair = |(name, text): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        Some(vec![name.extract::<String>().ok()?, text.extract().ok()?])
    };
    let pairs: Option<Vec<Vec<String>>> = dict.iter().map(pair).collect();
    pairs.map(Value::from)
}

/// gunicorn's older versions had a switch where there are modes now.
fn mode(text: &str) -> String {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => "auto".to_owned(),
        "false" | "" => "off".to_owned(),
        word => word.to_owned(),
    }
}

fn dotted_path(named: &Bound<'_, PyAny>) -> Option<Value> {
    let text = |attribute| named.getattr(attribute).ok()?.extract::<String>().ok();
    let (module, name) = (text("__module__")?, text("__qualname__")?);
    Some(Value::from(format!("{module}.{name}")))
}

/// What to call a function where only texts will do.
fn name_of(function: &Bound<'_, PyAny>) -> Value {
    dotted_path(function).unwrap_or_else(|| Value::from(function.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        for (text, number) in [
            ("4", 4),
            (" 0x10 ", 16),
            ("1_000", 1000),
            ("-1", -1),
            ("010", 10),
            ("0b11", 3),
        ] {
            assert_eq!(whole_number(text), Some(number), "{text}");
        }
        for text in ["", "four", "4.0", "0x", "_1", "--1", "4 4", "0x-1"] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }

    #[test]
    fn words_and_pairs_are_separated_by_commas() {
        let words = |list: &[&str]| Value::from(list.to_vec());
        assert_eq!(
            from_text(Kind::Words, " a,b , ,").unwrap(),
            words(&["a", "b"])
        );
        assert_eq!(from_text(Kind::Words, "").unwrap(), words(&[]));
        let pairs = vec![vec!["A", "b"], vec!["C", "d:e"]];
        assert_eq!(
            from_text(Kind::Pairs, "A: b, C:d:e").unwrap(),
            Value::from(pairs)
        );
        assert_eq!(from_text(Kind::Pairs, "A"), None);
    }

    #[test]
    fn a_mode_may_be_written_as_the_switch_it_was() {
        for (text, expected) in [
            ("True", "auto"),
            ("false", "off"),
            ("", "off"),
            ("V1", "v1"),
        ] {
            assert_eq!(from_text(Kind::Mode, text).unwrap(), Value::from(expected));
        }
    }

    #[test]
    fn a_switch_has_several_words() {
        for (text, expected) in [
            ("True", Some(true)),
            ("1", Some(true)),
            (" off ", Some(false)),
            ("maybe", None),
            ("", None),
        ] {
            assert_eq!(from_text(Kind::Switch, text), expected.map(Value::from));
        }
    }

    #[test]
    fn permissions_are_octal_with_a_leading_zero() {
        for (text, number) in [
            ("0", 0),
            ("0022", 0o22),
            ("022", 0o22),
            ("0o77", 0o77),
            ("18", 18),
            ("0x12", 18),
        ] {
            assert_eq!(permissions(text), Some(number), "{text}");
        }
        for text in ["089", "-1", "rw"] {
            assert_eq!(permissions(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_in_mib_unless_a_letter_says_otherwise() {
        const MIB: u64 = 1 << 20;
        for (text, bytes) in [
            ("0", 0),
            ("300", 300 * MIB),
            ("512M", 512 * MIB),
            ("512 MiB", 512 * MIB),
            ("2g", 2048 * MIB),
            ("1024K", MIB),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "-1", "1T", "1.5G", "much", "99999999999999G"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn a_count_is_not_negative() {
        assert_eq!(from_text(Kind::Count, "-1"), None);
    }
}
