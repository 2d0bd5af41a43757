//! Schemas of what a check for duplicates finds (protocol 1.2).

use poem_openapi::Object;

/// Open tasks that are like a text.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct Duplicates {
    /// There are some.
    pub has_duplicates: bool,
    /// At most five, those most alike first.
    pub matches: Vec<DuplicateMatch>,
}

/// An open task that is like a text.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct DuplicateMatch {
    /// The task.
    pub task_id: String,
    /// What is to be done.
    pub content: String,
    /// How much alike they are, from 0 to 1, to 3 decimals.
    pub score: f64,
}
