//! Which events of an account an export takes.
//!
//! Asked of every event in the order of the log: what a task belongs to is what its events said
//! until then. It must not read anything by itself.

use std::collections::HashSet;

use baton_domain::{
    ProjectId, TaskId,
    account::{self, AccountEvent},
    stored::Event,
    task::{self, TaskEvent},
};
use baton_log::RecordedEvent;

/// What is asked for beside a period; by default everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Caused by this actor.
    pub(crate) actor: Option<String>,
    /// About this project, or a task that was in it before the event or after it.
    pub(crate) project: Option<ProjectId>,
    /// About a task of the chain that begins with this one.
    pub(crate) root: Option<TaskId>,
}

/// The choice, and what the events until now say of it.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    chosen: Chosen,
    in_project: HashSet<String>,
    in_chain: HashSet<String>,
}

impl Selection {
    pub(crate) fn new(chosen: Chosen) -> Self {
        let in_chain = chosen.root.iter().map(ToString::to_string).collect();
        Self { chosen, in_project: HashSet::new(), in_chain }
    }

    /// Every event is taken.
    pub(crate) fn is_all(&self) -> bool {
        self.chosen == Chosen::default()
    }

    /// What is taken depends on events that are not: it must be asked from the beginning.
    pub(crate) fn needs_the_past(&self) -> bool {
        self.chosen.project.is_some() || self.chosen.root.is_some()
    }

    /// Whether the next event is taken.
    pub(crate) fn takes(&mut self, event: &RecordedEvent) -> bool {
        let of_project = self.chosen.project.is_none_or(|project| self.is_of(project, event));
        let of_chain = self.chosen.root.is_none_or(|root| self.is_in_chain(root, event));
        let by_actor = self.chosen.actor.as_ref().is_none_or(|actor| *actor == event.actor);
        of_project && of_chain && by_actor
    }

    fn is_of(&mut self, project: ProjectId, event: &RecordedEvent) -> bool {
        if event.stream.kind == account::KIND {
            return match decoded(event) {
                Some(AccountEvent::ProjectCreated(created)) => created.project_id == project,
                Some(AccountEvent::ProjectUpdated(updated)) => updated.project_id == project,
                Some(AccountEvent::ProjectDeleted(deleted)) => deleted.project_id == project,
                _ => false,
            };
        }
        if event.stream.kind != task::KIND {
            return false;
        }
        let id = &event.stream.id;
        let was_in = self.in_project.contains(id);
        // Few events speak of a project at all.
        let said = event.payload.contains("project_id").then(|| decoded::<TaskEvent>(event));
        let changed = said.flatten().and_then(|said| said.changes()?.project_id);
        match changed {
            Some(now) if now == Some(project) => self.in_project.insert(id.clone()),
            Some(_) => self.in_project.remove(id),
            None => false,
        };
        was_in || self.in_project.contains(id)
    }

    fn is_in_chain(&mut self, root: TaskId, event: &RecordedEvent) -> bool {
        if event.stream.kind != task::KIND {
            return false;
        }
        if event.version == 1
            && let Some(TaskEvent::Created { parent: Some(parent), .. }) = decoded(event)
            && parent.root_id == root
        {
            self.in_chain.insert(event.stream.id.clone());
        }
        self.in_chain.contains(&event.stream.id)
    }
}

/// The task with which the chain of the task begins, by the first event of its stream.
pub(crate) fn root_of(task: TaskId, first: &RecordedEvent) -> TaskId {
    match decoded(first) {
        Some(TaskEvent::Created { parent: Some(parent), .. }) => parent.root_id,
        _ => task,
    }
}

/// What the event says; nothing where this version of Baton cannot read it.
fn decoded<E: Event>(event: &RecordedEvent) -> Option<E> {
    E::decode(&event.event_type, event.schema_version, &event.payload).ok()
}
