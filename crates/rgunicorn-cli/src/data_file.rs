//! Configuration files that are only data: TOML, YAML, JSON. Each value with the line it stands in.
//!
//! The values become Python's, so that one rule says what a setting takes from any file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use figment::value::Value;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::value::RawValue;

use crate::failure::Failure;

/// How a file is written, by the end of its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Json,
    Toml,
    Yaml,
}

impl Format {
    /// The format of the file at `path`. `None` if it is none of these.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        Some(
            match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
                "json" => Self::Json,
                "toml" => Self::Toml,
                "yaml" | "yml" => Self::Yaml,
                _ => return None,
            },
        )
    }
}

/// One value of a file.
pub(crate) struct Entry<'py> {
    pub(crate) name: String,
    pub(crate) value: Bound<'py, PyAny>,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// Reads the values of the file at `path`, in the order of their lines.
pub(crate) fn read<'py>(
    py: Python<'py>,
    path: &Path,
    format: Format,
) -> Result<Vec<Entry<'py>>, Failure> {
    let failure =
        |error: String| Failure::Config(format!("{}: {}", path.display(), error.trim_end()));
    let text = fs::read_to_string(path).map_err(|error| failure(error.to_string()))?;
    let mut entries = parse(&text, format).map_err(failure)?;
    entries.sort_by_key(|(_, _, line)| *line);
    let entry = |(name, value, line): (String, Value, usize)| {
        let value = to_python(py, &value)?;
        Ok(Entry { name, value, line })
    };
    entries.into_iter().map(entry).collect()
}

/// The names, values and lines of a text. An error is for the user and says where it is.
fn parse(text: &str, format: Format) -> Result<Vec<(String, Value, usize)>, String> {
    match format {
        Format::Json => json(text).map_err(|error| error.to_string()),
        Format::Toml => toml(text).map_err(|error| error.to_string()),
        Format::Yaml => yaml(text).map_err(|error| error.to_string()),
    }
}

fn json(text: &str) -> serde_json::Result<Vec<(String, Value, usize)>> {
    let values: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
    let entry = |(name, raw): (String, &RawValue)| {
        // The raw value is a part of the text.
        let offset = raw.get().as_ptr().addr() - text.as_ptr().addr();
        Ok((
            name,
            serde_json::from_str(raw.get())?,
            line_at(text, offset),
        ))
    };
    values.into_iter().map(entry).collect()
}

fn toml(text: &str) -> Result<Vec<(String, Value, usize)>, toml::de::Error> {
    let values: BTreeMap<String, toml::Spanned<Value>> = toml::from_str(text)?;
    let entry = |(name, value): (String, toml::Spanned<Value>)| {
        let line = line_at(text, value.span().start);
        (name, value.into_inner(), line)
    };
    Ok(values.into_iter().map(entry).collect())
}

fn yaml(text: &str) -> Result<Vec<(String, Value, usize)>, serde_saphyr::Error> {
    // As YAML 1.2 has it: `asgi_lifespan: off` is a word.
    let options = serde_saphyr::options! { strict_booleans: true };
    let values: Option<BTreeMap<String, serde_saphyr::Spanned<Value>>> =
        serde_saphyr::from_str_with_options(text, options)?;
    let entry = |(name, value): (String, serde_saphyr::Spanned<Value>)| {
        let line = value.referenced.line();
        (name, value.value, usize::try_from(line).unwrap_or_default())
    };
    Ok(values.into_iter().flatten().map(entry).collect())
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|byte| **byte == b'\n').count() + 1
}

fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::String(_, text) => text.into_pyobject(py)?.into_any(),
        Value::Char(_, letter) => letter.into_pyobject(py)?.into_any(),
        Value::Bool(_, on) => on.into_pyobject(py)?.to_owned().into_any(),
        Value::Num(_, number) => match (value.to_i128(), value.to_u128()) {
            (Some(whole), _) => whole.into_pyobject(py)?.into_any(),
            (None, Some(whole)) => whole.into_pyobject(py)?.into_any(),
            (None, None) => number.to_f64().into_pyobject(py)?.into_any(),
        },
        Value::Empty(..) => py.None().into_bound(py),
        Value::Dict(_, values) => {
            let dict = PyDict::new(py);
            for (name, value) in values {
                dict.set_item(name, to_python(py, value)?)?;
            }
            dict.into_any()
        }
        Value::Array(_, values) => {
            let list = values.iter().map(|value| to_python(py, value));
            list.collect::<PyResult<Vec<_>>>()?.into_pyobject(py)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_line() {
        let expected = [
            ("bind".to_owned(), Value::from(vec!["a:1", "b:2"]), 3),
            ("preload_app".to_owned(), Value::from(true), 2),
        ];
        let check = |format, text| {
            let mut found = parse(text, format).unwrap();
            found.sort_by(|left, right| left.0.cmp(&right.0));
            assert_eq!(found, expected, "{format:?}");
        };
        check(
            Format::Toml,
            "# settings\npreload_app = true\nbind = [\"a:1\",\n\"b:2\"]\n",
        );
        check(
            Format::Yaml,
            "# settings\npreload_app: true\nbind: [a:1, 'b:2']\n",
        );
        check(
            Format::Json,
            "{\n\"preload_app\": true,\n\"bind\": [\"a:1\", \"b:2\"]}",
        );
    }

    #[test]
    fn off_is_a_word_in_yaml() {
        let found = parse("asgi_lifespan: off\npreload_app: false\n", Format::Yaml).unwrap();
        let values: Vec<_> = found.into_iter().map(|(_, value, _)| value).collect();
        assert_eq!(values, [Value::from("off"), Value::from(false)]);
    }

    #[test]
    fn an_empty_file_says_nothing() {
        for (format, text) in [
            (Format::Toml, ""),
            (Format::Yaml, "# nothing\n"),
            (Format::Json, "{}"),
        ] {
            assert_eq!(parse(text, format).unwrap(), [], "{format:?}");
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (format, text) in [
            (Format::Toml, "workers = 1\nbind = [\n"),
            (Format::Yaml, "workers: 1\nbind: [\n"),
            (Format::Json, "{\"workers\": 1,\n\"bind\"}"),
        ] {
            let error = parse(text, format).unwrap_err();
            assert!(error.contains("line") && error.contains('2'), "{error}");
        }
    }
}
