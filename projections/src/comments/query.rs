//! Reads of comments.

use baton_domain::task::{COMMENTS_MAX, CommentDocument};
use baton_domain::{AccountId, AgentId, TaskId, Timestamp, id::CommentId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::QueryError;
use crate::reads::Reads;

const OF_TASK: &str = include_str!("sql/of_task.sql");

impl Reads {
    /// The comments of a task that were not deleted, oldest first.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn comments(
        &self,
        account: &AccountId,
        task: TaskId,
    ) -> Result<Vec<CommentDocument>, QueryError> {
        let limit = i64::try_from(COMMENTS_MAX).unwrap_or(i64::MAX);
        let rows = self.prepared(OF_TASK, &[&account.as_str(), &task.0, &limit]).await?;
        rows.iter().map(|row| comment(task, row)).collect()
    }
}

fn comment(task_id: TaskId, row: &Row) -> Result<CommentDocument, QueryError> {
    Ok(CommentDocument {
        id: CommentId(row.try_get("comment_id")?),
        task_id,
        content: row.try_get("content")?,
        author: row.try_get("author")?,
        author_agent_id: row.try_get::<_, Option<Uuid>>("author_agent_id")?.map(AgentId),
        created_at: Timestamp::from(row.try_get::<_, jiff::Timestamp>("created_at")?),
    })
}
