//! Bodies about projects (protocol 1.7).

use baton_commands::CreateProject;
use baton_domain::account::ProjectChanges;
use poem_openapi::Object;

use super::annotation_bodies::read_sort_order;
use crate::{body::FromFields, field::Text, fields::Fields, schema::Nullable};

const NAME: Text = Text::filled(100);
const MARK: Text = Text::up_to(100);

/// A project to be created.
#[derive(Debug)]
pub(super) struct NewProject(pub(super) CreateProject);

/// A project to be created.
#[derive(Object)]
#[oai(rename = "NewProject")]
pub(super) struct NewProjectDocument {
    /// Its name.
    #[oai(validator(min_length = 1, max_length = 100))]
    name: String,
    /// For people.
    #[oai(validator(max_length = 100))]
    emoji: Option<Nullable<String>>,
    /// For people.
    #[oai(validator(max_length = 100))]
    color: Option<Nullable<String>>,
    /// Its place in the list; 0 when left out.
    #[oai(validator(minimum(value = "-1000000000"), maximum(value = "1000000000")))]
    sort_order: Option<i64>,
}

impl FromFields for NewProject {
    type Document = NewProjectDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let mut project = CreateProject::new(fields.text("name", NAME).required());
        project.emoji = fields.text("emoji", MARK).optional();
        project.color = fields.text("color", MARK).optional();
        project.sort_order = read_sort_order(fields).unwrap_or_default();
        Self(project)
    }
}

/// An update of a project.
#[derive(Debug)]
pub(super) struct ProjectUpdate(pub(super) ProjectChanges);

/// Fields to set; what is left out stays.
#[derive(Object)]
#[oai(rename = "ProjectUpdate")]
pub(super) struct ProjectUpdateDocument {
    /// Its name.
    #[oai(validator(min_length = 1, max_length = 100))]
    name: Option<String>,
    /// For people.
    #[oai(validator(max_length = 100))]
    emoji: Option<Nullable<String>>,
    /// For people.
    #[oai(validator(max_length = 100))]
    color: Option<Nullable<String>>,
    /// Its place in the list: projects are listed by it, the lowest first.
    #[oai(validator(minimum(value = "-1000000000"), maximum(value = "1000000000")))]
    sort_order: Option<i64>,
}

impl FromFields for ProjectUpdate {
    type Document = ProjectUpdateDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        Self(ProjectChanges {
            name: fields.text("name", NAME).change(),
            emoji: fields.text("emoji", MARK).patch().into_option(),
            color: fields.text("color", MARK).patch().into_option(),
            sort_order: read_sort_order(fields),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift;

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_body::<NewProject>(), [""; 0]);
        assert_eq!(drift::of_body::<ProjectUpdate>(), [""; 0]);
    }
}
