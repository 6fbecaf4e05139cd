//! Every setting as gunicorn prints it, and where its value comes from.

use figment::Figment;
use figment::value::Value;

use crate::settings::Kind;
use crate::settings::SPECS;
use crate::settings::Spec;

/// One line `name = value  # origin` for each setting, sorted.
pub(crate) fn listing(figment: &Figment) -> String {
    let width = SPECS.iter().map(|spec| spec.name.len()).max().unwrap_or(0);
    let mut specs: Vec<_> = SPECS.iter().collect();
    specs.sort_unstable_by_key(|spec| spec.name);
    let line = |spec: &Spec| {
        let value = figment.find_value(spec.name).ok();
        let origin = value
            .as_ref()
            .and_then(|value| figment.get_metadata(value.tag()))
            .map_or(crate::layers::DEFAULTS, |metadata| &metadata.name);
        let text = value.map_or_else(|| "None".to_owned(), |value| shown(spec.kind, &value));
        format!("{:width$} = {text}  # {origin}\n", spec.name)
    };
    specs.into_iter().map(line).collect()
}

/// A value as Python prints it.
fn shown(kind: Kind, value: &Value) -> String {
    match (kind, value.as_array(), value.as_str()) {
        (Kind::Pairs, Some(pairs), _) => {
            let pairs = pairs.iter().filter_map(Value::as_array);
            let shown = |pair: &[Value]| pair.iter().map(quoted).collect::<Vec<_>>().join(": ");
            format!("{{{}}}", pairs.map(shown).collect::<Vec<_>>().join(", "))
        }
        (_, Some(values), _) => {
            let values: Vec<_> = values.iter().map(quoted).collect();
            format!("[{}]", values.join(", "))
        }
        (Kind::Secret, None, Some(_)) => "***".to_owned(),
        (Kind::Hook, None, Some(name)) => format!("<{name}()>"),
        (_, None, Some(text)) => text.to_owned(),
        _ => match (value.to_bool(), value.to_u128()) {
            (Some(true), _) => "True".to_owned(),
            (Some(false), _) => "False".to_owned(),
            (None, Some(number)) => number.to_string(),
            (None, None) => "None".to_owned(),
        },
    }
}

fn quoted(value: &Value) -> String {
    format!(
        "'{}'",
        value.as_str().unwrap_or_default().replace('\'', "\\'")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_python_prints_them() {
        let pairs = vec![vec!["A", "b"], vec!["C", "d"]];
        let rows = [
            (Kind::Count, Value::from(4u64), "4"),
            (Kind::Switch, Value::from(true), "True"),
            (Kind::Text, Value::from("info"), "info"),
            (Kind::List, Value::from(vec!["a:1", "b"]), "['a:1', 'b']"),
            (Kind::Pairs, Value::from(pairs), "{'A': 'b', 'C': 'd'}"),
            (
                Kind::Hook,
                Value::from("__config__.ready"),
                "<__config__.ready()>",
            ),
            (
                Kind::OptionalText,
                Value::from(figment::value::Empty::None),
                "None",
            ),
        ];
        for (kind, value, expected) in rows {
            assert_eq!(shown(kind, &value), expected);
        }
    }
}
