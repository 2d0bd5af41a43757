//! Bodies about what hangs on a task: comments, subtasks and links (protocol 1.6).

use baton_commands::Annotate;
use baton_domain::task::{LinkKind, SubtaskChanges};
use poem_openapi::Object;

use crate::{
    body::FromFields,
    field::Text,
    fields::Fields,
    schema::{LinkKind as LinkKindWord, Nullable},
};

const COMMENT: Text = Text::filled(5_000);
const AUTHOR: Text = Text::filled(100);
const TEXT: Text = Text::filled(2_000);
/// Places in a list.
const SORT_ORDER_MAX: i64 = 1_000_000_000;
const LINK_WORDS: [(&str, LinkKind); 4] = [
    ("branch", LinkKind::Branch),
    ("commit", LinkKind::Commit),
    ("pr", LinkKind::Pr),
    ("url", LinkKind::Url),
];

/// A comment to be written.
#[derive(Debug, Clone)]
pub(super) struct NewComment {
    pub(super) content: String,
    pub(super) author: Option<String>,
}

/// A comment to be written.
#[derive(Object)]
#[oai(rename = "NewComment")]
pub(super) struct NewCommentDocument {
    /// What it says.
    #[oai(validator(min_length = 1, max_length = 5000))]
    content: String,
    /// Its author, in words; the acting agent's display name, or else its name, when left out.
    #[oai(validator(min_length = 1, max_length = 100))]
    author: Option<Nullable<String>>,
}

impl FromFields for NewComment {
    type Document = NewCommentDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let content = fields.text("content", COMMENT).required();
        Self { content, author: fields.text("author", AUTHOR).optional() }
    }
}

impl From<NewComment> for Annotate {
    fn from(NewComment { content, author }: NewComment) -> Self {
        Self::Comment { content, author }
    }
}

/// A subtask to be added.
#[derive(Debug)]
pub(super) struct NewSubtask {
    pub(super) content: String,
    pub(super) completed: bool,
}

/// A subtask to be added, at the end of the list.
#[derive(Object)]
#[oai(rename = "NewSubtask")]
pub(super) struct NewSubtaskDocument {
    /// What is to be done.
    #[oai(validator(min_length = 1, max_length = 2000))]
    content: String,
    /// Whether it is done already; false when left out.
    completed: Option<bool>,
}

impl FromFields for NewSubtask {
    type Document = NewSubtaskDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let content = fields.text("content", TEXT).required();
        Self { content, completed: fields.boolean("completed").or(false) }
    }
}

/// An update of a subtask.
#[derive(Debug)]
pub(super) struct SubtaskUpdate(pub(super) SubtaskChanges);

/// Fields to set; what is left out stays.
#[derive(Object)]
#[oai(rename = "SubtaskUpdate")]
pub(super) struct SubtaskUpdateDocument {
    /// What is to be done.
    #[oai(validator(min_length = 1, max_length = 2000))]
    content: Option<String>,
    /// Whether it is done.
    completed: Option<bool>,
    /// Its place in the list: subtasks are shown by it, the lowest first.
    #[oai(validator(minimum(value = "-1000000000"), maximum(value = "1000000000")))]
    sort_order: Option<i64>,
}

impl FromFields for SubtaskUpdate {
    type Document = SubtaskUpdateDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        Self(SubtaskChanges {
            content: fields.text("content", TEXT).change(),
            completed: fields.boolean("completed").change(),
            sort_order: read_sort_order(fields),
        })
    }
}

/// A place in a list.
pub(super) fn read_sort_order(fields: &mut Fields<'_>) -> Option<i64> {
    fields.integer("sort_order", -SORT_ORDER_MAX..=SORT_ORDER_MAX).change()
}

/// A link to be added.
#[derive(Debug)]
pub(super) struct NewLink {
    pub(super) kind: LinkKind,
    pub(super) reference: String,
    pub(super) repo: Option<String>,
    pub(super) url: Option<String>,
}

/// A link to be added.
#[derive(Object)]
#[oai(rename = "NewLink")]
pub(super) struct NewLinkDocument {
    /// What it points to.
    kind: LinkKindWord,
    /// Which of these: a branch's name, a commit's hash, a pull request's number, an address.
    #[oai(validator(min_length = 1, max_length = 2000))]
    r#ref: String,
    /// In which repository: its owner, a slash and its name.
    #[oai(validator(min_length = 3, max_length = 2000))]
    repo: Option<Nullable<String>>,
    /// Where it is.
    #[oai(validator(min_length = 1, max_length = 2000))]
    url: Option<Nullable<String>>,
}

impl FromFields for NewLink {
    type Document = NewLinkDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let repo = fields.text("repo", TEXT);
        let repo = repo.check(|repo| is_repository(repo), "must be owner/name").optional();
        Self {
            kind: fields.choice("kind", &LINK_WORDS).required_or(LinkKind::Url),
            reference: fields.text("ref", TEXT).required(),
            repo,
            url: fields.text("url", TEXT).optional(),
        }
    }
}

impl From<NewLink> for Annotate {
    fn from(NewLink { kind, reference, repo, url }: NewLink) -> Self {
        Self::Link { kind, reference, repo, url }
    }
}

/// An owner and a name, with as many groups between them as the host of the repository has.
fn is_repository(repo: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
    repo.contains('/') && repo.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift;

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_body::<NewComment>(), [""; 0]);
        assert_eq!(drift::of_body::<NewSubtask>(), [""; 0]);
        assert_eq!(drift::of_body::<SubtaskUpdate>(), [""; 0]);
        assert_eq!(drift::of_body::<NewLink>(), [""; 0]);
    }

    #[test]
    fn a_repository_has_an_owner_and_a_name() {
        for repo in ["acme/site", "acme/web/site", "a/b.c_d-e"] {
            assert!(is_repository(repo), "{repo}");
        }
        for other in ["site", "/site", "acme/", "acme//site", "acme /site", "acme/my site"] {
            assert!(!is_repository(other), "{other}");
        }
    }
}
