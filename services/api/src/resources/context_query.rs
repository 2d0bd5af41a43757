//! The queries of operations about contexts (protocol 1.5, 0.7).

use baton_domain::task::ContextSource;
use baton_history::AsOf;
use poem_openapi::{Enum, Object};

use super::as_of_query::as_of;
use crate::{
    field::Text,
    page::{CONTEXT_HISTORY, OFFSET_MAX, Window},
    query::{FromParams, Params},
    schema::ContextSource as SourceWord,
};

const REFERENCE: Text = Text::filled(2_000);
const KEY: Text = Text::up_to(2_000);
const WORDS: Text = Text::filled(2_000);
const SOURCE_WORDS: [(&str, ContextSource); 4] = [
    ("human_stated", ContextSource::HumanStated),
    ("agent_inferred", ContextSource::AgentInferred),
    ("agent_observed", ContextSource::AgentObserved),
    ("imported", ContextSource::Imported),
];
const INCLUDE_WORDS: [(&str, bool); 1] = [("provenance", true)];
const VIEW_WORDS: [(&str, ContextView); 3] =
    [("full", ContextView::Full), ("summary", ContextView::Summary), ("keys", ContextView::Keys)];
/// Keys that a view lists.
const KEYS_DEFAULT: i64 = 100;
const KEYS_MAX: i64 = 1_000;
/// What a recall finds.
const RECALL_DEFAULT: i64 = 20;
const RECALL_MAX: i64 = 100;

/// How much of a context is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContextView {
    /// All of it.
    Full,
    /// What is short, and a list of its keys.
    Summary,
    /// A list of its keys.
    Keys,
}

/// How much of a context is shown.
#[derive(Enum)]
#[oai(rename = "ContextView", rename_all = "lowercase")]
enum ViewWord {
    Full,
    Summary,
    Keys,
}

/// What is shown beside a context.
#[derive(Enum)]
#[oai(rename = "ContextInclude", rename_all = "lowercase")]
enum IncludeWord {
    Provenance,
}

/// How much of a context to show.
#[derive(Object)]
#[oai(rename = "ContextQuery")]
pub(super) struct ContextQueryDocument {
    /// `provenance`: also where the value of each key has come from.
    include: Option<Vec<IncludeWord>>,
    /// `full`, as when left out: the whole context. `keys`: a page of its keys, without values.
    /// `summary`: such a page, with the values that are short.
    view: Option<ViewWord>,
    /// A JSON array of keys: only these, and which of them there are not.
    keys: Option<String>,
    /// Keys on a page at most, 1 to 1000; 100 when left out.
    key_limit: Option<i64>,
    /// Keys to skip, up to 10,000.
    key_offset: Option<i64>,
    /// As it was then: an RFC 3339 time, or a position in the log.
    as_of: Option<String>,
}

/// `GET /tasks/{id}/context`.
pub(super) struct ContextQuery {
    pub(super) provenance: bool,
    pub(super) view: ContextView,
    pub(super) keys: Option<Vec<String>>,
    pub(super) window: Window,
    pub(super) as_of: Option<AsOf>,
}

impl FromParams for ContextQuery {
    type Document = ContextQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        let included = params.choices("include", &INCLUDE_WORDS).or(Vec::new());
        let keys = params.read("keys", |text| {
            serde_json::from_str(&text).map_err(|_| "must be a JSON array of keys".to_owned())
        });
        let keys = keys.optional();
        Self {
            provenance: !included.is_empty(),
            keys,
            as_of: as_of(params),
            view: params.choice("view", &VIEW_WORDS).or(ContextView::Full),
            window: Window {
                limit: params.integer("key_limit", 1..=KEYS_MAX).or(KEYS_DEFAULT),
                offset: params.integer("key_offset", 0..=OFFSET_MAX).or(0),
            },
        }
    }
}

/// How to write a context.
#[derive(Object)]
#[oai(rename = "ContextWriteQuery")]
pub(super) struct ContextWriteQueryDocument {
    /// How the caller knows; `agent_inferred` when left out. `human_stated` and `imported` are for
    /// admins.
    source: Option<SourceWord>,
    /// Refuse with 409 unless the context has this version; 0 for one that was never written.
    expected_version: Option<i64>,
}

/// `PATCH /tasks/{id}/context`.
pub(super) struct ContextWriteQuery {
    pub(super) source: ContextSource,
    pub(super) expected_version: Option<i64>,
}

impl FromParams for ContextWriteQuery {
    type Document = ContextWriteQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        Self {
            source: params.choice("source", &SOURCE_WORDS).or(ContextSource::default()),
            expected_version: params.integer("expected_version", 0..=i64::MAX).optional(),
        }
    }
}

/// Which entries of a ledger.
#[derive(Object)]
#[oai(rename = "ContextHistoryQuery")]
pub(super) struct ContextHistoryQueryDocument {
    /// Only of this key.
    key: Option<String>,
    /// At most so many, 1 to 100; 100 when left out.
    limit: Option<i64>,
    /// The `next_cursor` of an earlier answer: only what comes after it.
    cursor: Option<String>,
    /// As it was then: an RFC 3339 time, or a position in the log.
    as_of: Option<String>,
}

/// `GET /tasks/{id}/context/history`.
pub(super) struct ContextHistoryQuery {
    pub(super) key: Option<String>,
    pub(super) window: Window,
    /// The number of the last entry that was shown.
    pub(super) below: Option<i64>,
    pub(super) as_of: Option<AsOf>,
}

impl FromParams for ContextHistoryQuery {
    type Document = ContextHistoryQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        let limit = params.integer("limit", 1..=CONTEXT_HISTORY.limit_max);
        let limit = limit.or(CONTEXT_HISTORY.limit_default);
        let cursor = params.read("cursor", |text| {
            let number = text.parse().ok().filter(|number: &i64| *number > 0);
            number.ok_or_else(|| "must be the next_cursor of an earlier answer".to_owned())
        });
        Self {
            below: cursor.optional(),
            key: params.text("key", KEY).optional(),
            window: Window { limit, offset: 0 },
            as_of: as_of(params),
        }
    }
}

/// What to find in contexts.
#[derive(Object)]
#[oai(rename = "RecallQuery")]
pub(super) struct RecallQueryDocument {
    /// Words to find in keys, values and the texts of tasks.
    q: String,
    /// Only in tasks of this project; for those who read every task.
    project_id: Option<String>,
    /// Only from this source.
    source: Option<SourceWord>,
    /// Only of this key.
    key: Option<String>,
    /// At most so many, 1 to 100; 20 when left out.
    limit: Option<i64>,
    /// True: also what is superseded.
    include_superseded: Option<bool>,
}

/// `GET /context/search`.
pub(super) struct RecallQuery {
    pub(super) words: String,
    pub(super) project: Option<String>,
    pub(super) source: Option<ContextSource>,
    pub(super) key: Option<String>,
    pub(super) limit: i64,
    pub(super) include_superseded: bool,
}

impl FromParams for RecallQuery {
    type Document = RecallQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        Self {
            words: params.text("q", WORDS).required(),
            project: params.text("project_id", REFERENCE).optional(),
            source: params.choice("source", &SOURCE_WORDS).optional(),
            key: params.text("key", KEY).optional(),
            limit: params.integer("limit", 1..=RECALL_MAX).or(RECALL_DEFAULT),
            include_superseded: params.flag("include_superseded").or(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{drift, query};

    fn read<T: FromParams>(pairs: &[(&str, &str)]) -> Result<T, String> {
        let pairs = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        query::parse(pairs.collect()).map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_query::<ContextQuery>(), [""; 0]);
        assert_eq!(drift::of_query::<ContextWriteQuery>(), [""; 0]);
        assert_eq!(drift::of_query::<ContextHistoryQuery>(), [""; 0]);
        assert_eq!(drift::of_query::<RecallQuery>(), [""; 0]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for keys in ["a", "[1]", "{}", "[\"a\""] {
            let wrong = read::<ContextQuery>(&[("keys", keys)]).map(|_| ());
            assert_eq!(wrong, Err("keys must be a JSON array of keys".to_owned()), "{keys}");
        }
        let named = read::<ContextQuery>(&[("keys", r#"["a,b","c"]"#)]).unwrap().keys;
        assert_eq!(named, Some(vec!["a,b".to_owned(), "c".to_owned()]));
        for cursor in ["0", "-1", "x", "1.5"] {
            assert!(read::<ContextHistoryQuery>(&[("cursor", cursor)]).is_err(), "{cursor}");
        }
        assert!(read::<ContextWriteQuery>(&[("expected_version", "-1")]).is_err());
        assert!(read::<ContextWriteQuery>(&[("source", "guessed")]).is_err());
        assert!(read::<RecallQuery>(&[]).is_err());
        assert!(read::<RecallQuery>(&[("q", " ")]).is_err());
        assert!(read::<RecallQuery>(&[("q", "w"), ("limit", "101")]).is_err());
    }
}
