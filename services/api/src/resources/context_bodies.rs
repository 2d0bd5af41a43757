//! Bodies about the context of a task (protocol 1.5).

use std::borrow::Cow;

use baton_domain::json::Object as Members;
use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;

use crate::{
    body::FromFields,
    field::Text,
    fields::{Fields, OBJECT_BYTES_MAX},
};

/// A key is part of a context, and no longer than that.
const KEY: Text = Text::up_to(OBJECT_BYTES_MAX);

/// The keys to merge: the body itself is the object.
#[derive(Debug)]
pub(super) struct ContextPatch(pub(super) Members);

/// Keys to merge deeply into the context, with their values.
pub(super) enum ContextPatchDocument {}

impl Type for ContextPatchDocument {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "ContextPatch".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(Self::name().into_owned(), |_| {
            let any = MetaSchemaRef::Inline(Box::new(MetaSchema::ANY));
            MetaSchema {
                description: Some("Keys to merge deeply into the context, with their values."),
                additional_properties: Some(Box::new(any)),
                ..MetaSchema::new("object")
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl FromFields for ContextPatch {
    type Document = ContextPatchDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        Self(fields.all("context"))
    }
}

/// Which entry is not to be trusted any more.
#[derive(Debug)]
pub(super) struct Supersession {
    pub(super) key: String,
}

/// Which entry is not to be trusted any more.
#[derive(Object)]
#[oai(rename = "ContextSupersession")]
pub(super) struct SupersessionDocument {
    /// The key whose live entry it is.
    #[oai(validator(max_length = 262144))]
    key: String,
}

impl FromFields for Supersession {
    type Document = SupersessionDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        Self { key: fields.text("key", KEY).required() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{body, drift};

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_body::<ContextPatch>(), [""; 0]);
        assert_eq!(drift::of_body::<Supersession>(), [""; 0]);
    }

    #[test]
    fn a_patch_is_the_whole_body() {
        let patch = body::parse::<ContextPatch>(br#"{"a": {"b": null}, "id": 1}"#).unwrap();
        assert_eq!(patch.value.0.len(), 2);
        assert!(body::parse::<ContextPatch>(b"").unwrap().value.0.is_empty());
        for wrong in ["[]", "1", "null", "\"a\""] {
            let problem = body::parse::<ContextPatch>(wrong.as_bytes()).unwrap_err();
            assert_eq!(problem.status().as_u16(), 422, "{wrong}");
        }
    }
}
