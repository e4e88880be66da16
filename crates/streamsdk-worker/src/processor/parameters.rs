use serde_json::{Map, Value};

use super::ProcessorError;

/// A number between `least` and `most`; `default` when it is absent or null.
pub(super) fn number(
    parameters: &Map<String, Value>,
    name: &str,
    (least, most): (f64, f64),
    expected: &'static str,
    default: f64,
) -> Result<f64, ProcessorError> {
    read(parameters, name, expected, default, |value| {
        value.as_f64().filter(|number| (least..=most).contains(number))
    })
}

/// Yes or no; `default` when it is absent or null.
pub(super) fn flag(
    parameters: &Map<String, Value>,
    name: &str,
    default: bool,
) -> Result<bool, ProcessorError> {
    read(parameters, name, "true or false", default, Value::as_bool)
}

fn read<T>(
    parameters: &Map<String, Value>,
    name: &str,
    expected: &'static str,
    default: T,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<T, ProcessorError> {
    match parameters.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => read(value).ok_or_else(|| {
            let given = shortened(value);
            ProcessorError::Parameter { name: name.to_owned(), expected, given }
        }),
    }
}

fn shortened(value: &Value) -> String {
    const MAX_SHOWN_CHARS: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn level(value: Value) -> Result<f64, ProcessorError> {
        let parameters = Map::from_iter([("level".to_owned(), value)]);
        number(&parameters, "level", (0.0, 255.0), "a number from 0 to 255", 64.0)
    }

    #[test]
    fn numbers_in_range_pass_and_everything_else_names_itself() {
        assert_eq!(level(json!(3)).unwrap(), 3.0);
        assert_eq!(level(Value::Null).unwrap(), 64.0);
        for wrong in [json!("3"), json!(-1), json!(256), json!([3])] {
            let error = level(wrong.clone()).unwrap_err().to_string();
            assert!(error.contains("level") && error.contains(&wrong.to_string()), "{error}");
        }
        assert!(level(json!("x".repeat(10_000))).unwrap_err().to_string().len() < 200);
    }

    #[test]
    fn a_flag_is_true_or_false() {
        let draw = |value| flag(&Map::from_iter([("draw".to_owned(), value)]), "draw", true);
        assert!(draw(Value::Null).unwrap() && !draw(json!(false)).unwrap());
        assert!(draw(json!("no")).unwrap_err().to_string().contains("true or false"));
    }
}
