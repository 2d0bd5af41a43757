//! What the log means: recorded events decoded and folded into the states of the domain.
//!
//! One fold serves every reader: commands, read models, webhook bodies, messages and replayed
//! answers. Nothing here appends, and nothing here is true for longer than the log says so: every
//! state comes with the version it was folded to.

mod directory;
mod excerpts;
mod fold;
mod history;
mod passed;
mod past;
mod states;
mod subjects;
mod weight;

pub use directory::{Directory, KnownAccount};
pub use excerpts::{Excerpts, Reading};
pub use fold::{
    FoldError, Folded, account_stream, fold, recurrence_stream, task_stream, webhook_stream,
};
pub use history::History;
pub use past::{AsOf, LedgerPage, Moment, Past, PastBounds, PastError, TaskThen, TasksThen};
pub use states::{States, Versioned};
pub use subjects::{ActorDocument, Subject, SubjectState, Subjects};
