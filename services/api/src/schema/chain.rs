//! Schema of a delegation chain (protocol 2.4).

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use poem_openapi::{Enum, Object};
use serde_json::Value;

use super::scalar::{Instant, Nullable};
use super::task::Task;

/// How a task came to its assignee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum HopKind {
    /// Created, never delegated.
    Create,
    /// Created as a child of another task.
    Child,
    /// Handed over as it is.
    Handover,
}

/// The hop part of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
struct Hop {
    /// Name of the agent that delegated; null for a root and for the project token.
    from: Nullable<String>,
    /// Name of the assignee.
    to: Nullable<String>,
    /// When.
    at: Instant,
    /// How.
    kind: HopKind,
    /// Id of the agent that delegated.
    from_agent_id: Nullable<String>,
    /// Id of the assignee.
    to_agent_id: Nullable<String>,
}

/// The delegation chain of a task: all tasks with the same root.
// Not called as one of its properties: generators name a variable after each.
#[derive(Debug, Clone, PartialEq, Object)]
#[oai(rename = "DelegationChain")]
pub struct Chain {
    /// The id asked for.
    pub task_id: String,
    /// Id of the root task.
    pub root_id: String,
    /// The root task.
    pub root: ChainTask,
    /// The hops, by depth, then age of the task, then time.
    pub chain: Vec<ChainEntry>,
    /// Largest delegation depth.
    pub depth: i64,
    /// Completed tasks of the tree.
    pub completed_count: i64,
    /// All tasks of the tree.
    pub total_count: i64,
}

/// Fields a caller sees of a task it may not read; all others are null there.
const NEVER_NULL: [&str; 6] =
    ["id", "content", "status", "completed", "delegation_depth", "root_task_id"];

/// Declares a schema made from that of a task, which a derive cannot do.
macro_rules! of_task {
    ($(#[$docs:meta])* $name:ident, $title:literal, $make:expr) => {
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name(Value);

        impl Type for $name {
            const IS_REQUIRED: bool = true;

            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                $title.into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Reference($title.to_owned())
            }

            fn register(registry: &mut Registry) {
                registry.create_schema::<Self, _>($title.to_owned(), $make);
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl ParseFromJSON for $name {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                value.map(Self).ok_or_else(ParseError::expected_input)
            }
        }

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                Some(self.0.clone())
            }
        }
    };
}

of_task! {
    /// One hop and the task it belongs to.
    ChainEntry, "ChainEntry", entry_schema
}

of_task! {
    /// The root task, as far as the caller may read it.
    ChainTask, "ChainTask", visible_task_schema
}

fn visible_task_schema(registry: &mut Registry) -> MetaSchema {
    let mut schema = registry.create_fake_schema::<Task>();
    for (name, property) in &mut schema.properties {
        if !NEVER_NULL.contains(name) {
            *property = nullable(property.clone());
        }
    }
    let description = "A task. Of one the caller may not read, `content` is `[restricted]` and \
                       most fields are null.";
    MetaSchema { title: Some("ChainTask".to_owned()), description: Some(description), ..schema }
}

fn entry_schema(registry: &mut Registry) -> MetaSchema {
    let hop = registry.create_fake_schema::<Hop>();
    let mut schema = visible_task_schema(registry);
    schema.properties.splice(0..0, hop.properties);
    schema.required.splice(0..0, hop.required);
    let description = "One hop with every field of its task. Of a task the caller may not read, \
                       `content` is `[restricted]` and most fields are null.";
    MetaSchema { title: Some("ChainEntry".to_owned()), description: Some(description), ..schema }
}

fn nullable(schema: MetaSchemaRef) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(match schema {
        MetaSchemaRef::Inline(schema) => MetaSchema { nullable: true, ..*schema },
        reference @ MetaSchemaRef::Reference(_) => {
            MetaSchema { nullable: true, all_of: vec![reference], ..MetaSchema::ANY }
        }
    }))
}
