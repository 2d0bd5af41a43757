//! JSON objects as tasks carry them: merging, sizes, and fields that may be set to nothing.

use serde::Serialize;
use serde_json::{Map, Value};

/// A JSON object.
pub type Object = Map<String, Value>;

/// Top-level keys of `patch` are added or overwritten, others kept (protocol 0.13, `metadata`).
pub fn merge_shallow(into: &mut Object, patch: Object) {
    into.extend(patch);
}

/// Objects merge at every depth, arrays and scalars are overwritten, others are kept
/// (protocol 0.13, `context`).
pub fn merge_deep(into: &mut Object, patch: Object) {
    for (key, value) in patch {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(patch)) => merge_deep(below, patch),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Bytes of the value's compact JSON text. `T` is made of plain values: it always prints.
#[must_use]
pub fn size_bytes<T: Serialize>(value: &T) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).expect("plain values always print");
    count.0
}

/// Serde for `Option<Option<T>>`: a missing member is `None`, null is `Some(None)`.
pub mod settable {
    use serde::{Deserialize, Deserializer};

    /// Reads a member that is there.
    ///
    /// # Errors
    /// Where the member is neither null nor a `T`.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<T>>, D::Error> {
        Option::<T>::deserialize(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn merging_keeps_what_it_does_not_name() {
        let base = object(json!({"a": {"b": 1, "c": [1, 2]}, "d": null}));
        let patch = object(json!({"a": {"c": [3]}, "e": {"f": null}}));
        let mut deep = base.clone();
        merge_deep(&mut deep, patch.clone());
        assert_eq!(
            Value::Object(deep),
            json!({"a": {"b": 1, "c": [3]}, "d": null, "e": {"f": null}})
        );
        let mut shallow = base;
        merge_shallow(&mut shallow, patch);
        assert_eq!(Value::Object(shallow), json!({"a": {"c": [3]}, "d": null, "e": {"f": null}}));
    }

    #[test]
    fn sizes_are_those_of_the_text() {
        let object = object(json!({"a": "ä", "b": [1.5, true]}));
        assert_eq!(size_bytes(&object), serde_json::to_string(&object).unwrap().len());
    }
}
