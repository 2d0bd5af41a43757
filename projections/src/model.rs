//! The list of read models. A new one is a folder with its SQL and its fold, and a line here.

use std::fmt;

/// A read model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Model {
    /// Tasks, with the lists in which they stand; chains too.
    Tasks,
    /// Webhooks.
    Webhooks,
    /// Comments on tasks.
    Comments,
    /// The ledger of every task's context.
    Context,
    /// Recurrences.
    Recurrences,
}

/// What makes a model: its tables, and where it stands.
#[derive(Debug)]
pub(crate) struct Definition {
    /// Its name, for operators and in the registry.
    pub(crate) name: &'static str,
    /// The subscription that feeds it.
    pub(crate) subscription: &'static str,
    /// Raised whenever tables or fold change: the model is then built again at the next start.
    pub(crate) version: i32,
    /// The schema in which it is rebuilt.
    pub(crate) beside: &'static str,
    /// Makes that schema.
    pub(crate) begin: &'static str,
    /// Makes the tables, without what slows filling down.
    pub(crate) table: &'static str,
    /// Makes the indexes.
    pub(crate) index: &'static str,
    /// Tells the planner what is in the tables.
    pub(crate) analyze: &'static str,
    /// Puts the rebuilt tables in the place of the live ones.
    pub(crate) swap: &'static str,
    /// Finds the rows that live and rebuilt tables do not share.
    pub(crate) compare: &'static str,
    /// Drops the schema in which it was rebuilt.
    pub(crate) end: &'static str,
}

/// The schema of the live models.
pub(crate) const LIVE: &str = "read";

static TASKS: Definition = Definition {
    name: "tasks",
    subscription: "projection.tasks",
    version: crate::tasks::VERSION,
    beside: "rebuild_tasks",
    begin: include_str!("tasks/begin.sql"),
    table: include_str!("tasks/table.sql"),
    index: include_str!("tasks/index.sql"),
    analyze: include_str!("tasks/analyze.sql"),
    swap: include_str!("tasks/swap.sql"),
    compare: include_str!("tasks/compare.sql"),
    end: include_str!("tasks/end.sql"),
};

static WEBHOOKS: Definition = Definition {
    name: "webhooks",
    subscription: "projection.webhooks",
    version: crate::webhooks::VERSION,
    beside: "rebuild_webhooks",
    begin: include_str!("webhooks/begin.sql"),
    table: include_str!("webhooks/table.sql"),
    index: include_str!("webhooks/index.sql"),
    analyze: include_str!("webhooks/analyze.sql"),
    swap: include_str!("webhooks/swap.sql"),
    compare: include_str!("webhooks/compare.sql"),
    end: include_str!("webhooks/end.sql"),
};

static COMMENTS: Definition = Definition {
    name: "comments",
    subscription: "projection.comments",
    version: crate::comments::VERSION,
    beside: "rebuild_comments",
    begin: include_str!("comments/begin.sql"),
    table: include_str!("comments/table.sql"),
    index: include_str!("comments/index.sql"),
    analyze: include_str!("comments/analyze.sql"),
    swap: include_str!("comments/swap.sql"),
    compare: include_str!("comments/compare.sql"),
    end: include_str!("comments/end.sql"),
};

static CONTEXT: Definition = Definition {
    name: "context",
    subscription: "projection.context",
    version: crate::context::VERSION,
    beside: "rebuild_context",
    begin: include_str!("context/begin.sql"),
    table: include_str!("context/table.sql"),
    index: include_str!("context/index.sql"),
    analyze: include_str!("context/analyze.sql"),
    swap: include_str!("context/swap.sql"),
    compare: include_str!("context/compare.sql"),
    end: include_str!("context/end.sql"),
};

static RECURRENCES: Definition = Definition {
    name: "recurrences",
    subscription: "projection.recurrences",
    version: crate::recurrences::VERSION,
    beside: "rebuild_recurrences",
    begin: include_str!("recurrences/begin.sql"),
    table: include_str!("recurrences/table.sql"),
    index: include_str!("recurrences/index.sql"),
    analyze: include_str!("recurrences/analyze.sql"),
    swap: include_str!("recurrences/swap.sql"),
    compare: include_str!("recurrences/compare.sql"),
    end: include_str!("recurrences/end.sql"),
};

impl Model {
    /// Every read model, in the order in which they are declared.
    pub const ALL: [Self; 5] =
        [Self::Tasks, Self::Webhooks, Self::Comments, Self::Context, Self::Recurrences];

    /// Its name, as operators give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// The model of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.name() == name)
    }

    /// The name of the subscription that feeds it.
    #[must_use]
    pub fn subscription_name(self) -> &'static str {
        self.definition().subscription
    }

    pub(crate) fn definition(self) -> &'static Definition {
        match self {
            Self::Tasks => &TASKS,
            Self::Webhooks => &WEBHOOKS,
            Self::Comments => &COMMENTS,
            Self::Context => &CONTEXT,
            Self::Recurrences => &RECURRENCES,
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
