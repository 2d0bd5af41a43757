//! What comments say, in the read model: those that were not deleted, in the order in which they
//! were written, whatever came together in a batch.

use baton_domain::{
    Standing, TaskId,
    id::CommentId,
    task::{Annotation, Changes, Comment, TaskCommand},
};
use baton_projections::{Model, check, rebuild};
use uuid::Uuid;

use crate::world::{Tenant, World, agent, worker};

async fn annotate(
    world: &World,
    tenant: &mut Tenant,
    by: &Standing,
    (task, annotation): (TaskId, Annotation),
) {
    let command = TaskCommand::Annotate(Box::new(annotation));
    tenant.tell(world, by, task, command).await.unwrap();
}

/// Writes a comment; its id. Ids do not tell the order.
async fn write(world: &World, tenant: &mut Tenant, by: &Standing, task: TaskId) -> CommentId {
    let id = CommentId(Uuid::new_v4());
    let (content, author) = (format!("comment {id}"), by.agent().map(|agent| agent.to_string()));
    let comment = Annotation::Comment(Comment { id, content, author });
    annotate(world, tenant, by, (task, comment)).await;
    id
}

/// What the model shows of a task, held against what the task knows.
async fn shown(world: &World, tenant: &Tenant, task: TaskId) -> Vec<CommentId> {
    world.settle().await;
    let comments = world.reads.comments(&tenant.id, task).await.unwrap();
    for comment in &comments {
        assert_eq!(comment.task_id, task);
        assert_eq!(comment.content, format!("comment {}", comment.id));
        assert_eq!(comment.author, comment.author_agent_id.map(|agent| agent.to_string()));
    }
    let ids: Vec<CommentId> = comments.iter().map(|comment| comment.id).collect();
    assert_eq!(ids, tenant.task(task).comments);
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_those_that_were_not_deleted_in_order() {
    // Without a follower at first: all of it is one batch then.
    for is_one_batch in [false, true] {
        let world = World::idle().await;
        let world = if is_one_batch { world } else { world.followed() };
        let (mut tenant, mut other) = (Tenant::new(), Tenant::new());
        let task = tenant.create(&world, &worker(1), Changes::default(), None).await;
        let gone = tenant.create(&world, &worker(1), Changes::default(), None).await;
        let theirs = other.create(&world, &worker(1), Changes::default(), None).await;
        let mut ids = Vec::new();
        for by in [worker(1), Standing::project(), worker(2), worker(1)] {
            ids.push(write(&world, &mut tenant, &by, task).await);
            write(&world, &mut tenant, &by, gone).await;
            write(&world, &mut other, &by, theirs).await;
        }
        let deleted = (task, Annotation::DeleteComment(ids[2]));
        annotate(&world, &mut tenant, &worker(1), deleted).await;
        tenant.tell(&world, &worker(1), gone, TaskCommand::Delete).await.unwrap();
        let world = if is_one_batch { world.followed() } else { world };
        assert_eq!(shown(&world, &tenant, task).await, [ids[0], ids[1], ids[3]]);
        assert_eq!(shown(&world, &other, theirs).await.len(), 4);
        assert_eq!(world.reads.comments(&tenant.id, gone).await.unwrap(), []);
        // Nobody else's account has the task.
        assert_eq!(world.reads.comments(&other.id, task).await.unwrap(), []);
        let first = &world.reads.comments(&tenant.id, task).await.unwrap()[0];
        assert_eq!(first.author_agent_id, Some(agent(1)));

        assert_eq!(check(&world.log, &world.pool, Model::Comments).await.unwrap(), []);
        let before = world.reads.comments(&tenant.id, task).await.unwrap();
        rebuild(&world.log, &world.pool, Model::Comments).await.unwrap();
        assert_eq!(world.reads.comments(&tenant.id, task).await.unwrap(), before);
        world.stop().await;
    }
}
