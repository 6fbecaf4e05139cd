//! One value of one setting, and who said so: what every source of settings is made of.

use figment::Error;
use figment::Metadata;
use figment::Profile;
use figment::Provider;
use figment::value::Dict;
use figment::value::Map;
use figment::value::Value;
use pyo3::prelude::*;

use crate::failure::WrongValue;
use crate::objects::Objects;
use crate::settings::Kind;
use crate::settings::Spec;
use crate::value;

/// A value that was given to a setting.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) spec: &'static Spec,
    pub(crate) value: Value,
    /// Where, for people: a flag, a variable, a line of a file.
    pub(crate) origin: String,
    /// The value itself, where its text does not say all.
    pub(crate) object: Option<Py<PyAny>>,
}

impl Said {
    /// Reads the texts given for one setting; several of them are a list.
    pub(crate) fn from_texts(
        spec: &'static Spec,
        texts: &[String],
        origin: String,
    ) -> Result<Self, WrongValue> {
        let value = match texts {
            [text] => value::from_text(spec.kind, text),
            several => Some(several.to_vec().into()),
        };
        let wrong = || WrongValue::of_text(spec, &texts.join(" "), &origin, &spec.kind.must_be());
        Ok(Self {
            spec,
            value: value.ok_or_else(wrong)?,
            origin,
            object: None,
        })
    }

    /// Reads a text that holds the whole value: a list has commas or is JSON, and so are names
    /// with texts, an object is JSON.
    pub(crate) fn from_whole_text(
        py: Python<'_>,
        spec: &'static Spec,
        text: &str,
        origin: String,
    ) -> Result<Self, WrongValue> {
        let wrong = |problem: &str| WrongValue::of_text(spec, text, &origin, problem);
        if is_json(spec.kind, text) {
            let json = py.import("json");
            let object = json.and_then(|json| json.call_method1("loads", (text,)));
            let object = object.map_err(|error| wrong(&format!("must be JSON: {error}")))?;
            return Self::from_python(spec, &object, origin);
        }
        let value = value::from_list_or_text(spec.kind, text);
        Ok(Self {
            spec,
            value: value.ok_or_else(|| wrong(&spec.kind.must_be()))?,
            origin,
            object: None,
        })
    }

    /// Reads a value that Python made.
    pub(crate) fn from_python(
        spec: &'static Spec,
        value: &Bound<'_, PyAny>,
        origin: String,
    ) -> Result<Self, WrongValue> {
        let wrong = || WrongValue {
            setting: spec.name,
            value: value
                .repr()
                .map_or_else(|_| "?".to_owned(), |text| text.to_string()),
            origin: origin.clone(),
            problem: spec.kind.must_be(),
        };
        Ok(Self {
            spec,
            value: value::from_python(spec, value).ok_or_else(wrong)?,
            object: Objects::worth_keeping(spec, value),
            origin,
        })
    }

    /// The value as texts: one, or those of a list.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match self.value.as_array() {
            Some(values) => values.iter().filter_map(text).collect(),
            None => text(&self.value).into_iter().collect(),
        }
    }
}

/// Whether a text is JSON, and not written as on a command line.
fn is_json(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::Object => true,
        Kind::Pairs => text.trim_start().starts_with('{'),
        // An address in brackets is none.
        Kind::List | Kind::Words => text.trim_start().starts_with("[\""),
        _ => false,
    }
}

/// What was said last of a setting.
pub(crate) fn last<'a>(said: &'a [Said], setting: &str) -> Option<&'a Said> {
    said.iter().rev().find(|said| said.spec.name == setting)
}

impl Provider for Said {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let values = Dict::from([(self.spec.name.to_owned(), self.value.clone())]);
        Ok(Map::from([(Profile::Default, values)]))
    }
}
