//! What holds for any events and any commands, by random trial: what is stored is read back as it
//! was, no history makes a fold fail, and what is accepted can be applied by every follower.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_domain::{
    Actor, AgentId, CompletionId, DeliveryId, Envelope, Order, RecurrenceId, Standing, TaskId,
    Timestamp, WebhookId,
    account::{
        self, Account, AccountEvent, AgentCreated, AgentUpdated, KeyHash, ProjectChanges,
        ProjectCreated, ProjectDeleted, ProjectUpdated, Role,
    },
    calendar::Start,
    id::{CommentId, LinkId, ProjectId, SecretId, SubtaskId},
    json::Object,
    recurrence::{
        self, Recurrence, RecurrenceCommand, RecurrenceEvent, RecurrenceFields, Recurrences,
    },
    stored::Event,
    task::{
        self, Annotation, ChainPlace, Changes, Comment, CommentDeleted, Commented, ContextMerge,
        ContextSource, Dependencies, Draft, EvidenceItem, EvidenceKind, EvidencePolicy, Fence,
        Finish, Handoff, HopKind, LateCompletion, LinkDeleted, LinkKind, Linked, NewLink,
        NewSubtask, Origin, Parent, RecurringType, Session, SessionState, Status, SubtaskAdded,
        SubtaskChanges, SubtaskDeleted, SubtaskUpdated, Task, TaskCommand, TaskEvent, Tasks,
        Transition, Update, View,
    },
    webhook::{
        self, DisableReason, FormerSecret, Ordering, SignatureScheme, Webhook, WebhookEvent,
        WebhookFields,
    },
};
use esrs::Aggregate as _;
use proptest::{collection::vec, option::of, prelude::*, sample::select};
use serde_json::Value;

/// Few ids, so that events and commands meet.
fn id() -> impl Strategy<Value = uuid::Uuid> {
    (0..4_u128).prop_map(uuid::Uuid::from_u128)
}

fn agent() -> impl Strategy<Value = AgentId> {
    id().prop_map(AgentId)
}

fn task_id() -> impl Strategy<Value = TaskId> {
    id().prop_map(TaskId)
}

fn time() -> impl Strategy<Value = Timestamp> {
    (-62_167_219_200_000..=253_402_207_199_999_i64)
        .prop_map(|millis| Timestamp::from_millis(millis).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[a-c]|\\PC*", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

fn object() -> BoxedStrategy<Object> {
    vec(("[a-c]|\\PC*", json()), 0..4).prop_map(|members| members.into_iter().collect()).boxed()
}

/// Absent, null or a value.
fn settable<T: Clone + std::fmt::Debug>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<Option<T>>> {
    of(of(value))
}

prop_compose! {
    fn plain()(
        content in of(text()),
        priority in of(any::<u8>()),
        labels in of(vec(text(), 0..3)),
        depends_on in of(vec(task_id(), 0..3)),
        max_retries in of(0..3_i64),
        is_recurring in of(any::<bool>()),
        metadata in of(object()),
        context in of(object()),
        context_source in of(select(ContextSource::ALL.to_vec())),
        assigned_to in settable(agent()),
        notes in vec(text(), 0..3),
    ) -> Changes {
        Changes {
            content, priority, labels, depends_on, max_retries, is_recurring, metadata, context,
            context_source, assigned_to, notes, ..Changes::default()
        }
    }
}

prop_compose! {
    fn nullable()(
        due_date in settable(day()),
        due_time in settable(text()),
        reminder_time in settable(time()),
        evidence_policy in settable(Just(EvidencePolicy::Required)),
        texts in vec(settable(text()), 6),
        numbers in vec(settable(any::<i64>()), 2),
        requirements in settable(object()),
        project_id in settable(id().prop_map(ProjectId)),
        recurring_type in settable(select(vec![
            RecurringType::Daily, RecurringType::Weekly, RecurringType::Monthly,
            RecurringType::Yearly,
        ])),
    ) -> Changes {
        let mut texts = texts.into_iter();
        let mut next = || texts.next().unwrap();
        Changes {
            description: next(), workflow_slug: next(), execution_id: next(),
            result_summary: next(), error_message: next(), recurring_string: next(),
            due_date, due_time, reminder_time,
            evidence_policy, estimated_tokens: numbers[0], recurring_interval: numbers[1],
            requirements, recurring_type, project_id, ..Changes::default()
        }
    }
}

fn changes() -> BoxedStrategy<Changes> {
    let both = (plain().boxed(), nullable().boxed()).prop_map(|(plain, nullable)| Changes {
        content: plain.content,
        priority: plain.priority,
        labels: plain.labels,
        depends_on: plain.depends_on,
        max_retries: plain.max_retries,
        is_recurring: plain.is_recurring,
        metadata: plain.metadata,
        context: plain.context,
        context_source: plain.context_source,
        assigned_to: plain.assigned_to,
        notes: plain.notes,
        ..nullable
    });
    prop_oneof![Just(Changes::default()), plain().boxed(), both.boxed()].boxed()
}

fn day() -> impl Strategy<Value = jiff::civil::Date> {
    let parts = (1..=9999_i16, 1..=12_i8, 1..=28_i8);
    parts.prop_map(|(year, month, day)| jiff::civil::date(year, month, day))
}

fn origin() -> impl Strategy<Value = Origin> {
    (of(agent()), of(id().prop_map(RecurrenceId)))
        .prop_map(|(created_by, recurrence_id)| Origin { created_by, recurrence_id })
}

fn parent() -> impl Strategy<Value = Parent> {
    (task_id(), task_id(), any::<u32>(), of(agent())).prop_map(
        |(parent_id, root_id, depth, accountable)| Parent {
            parent_id,
            root_id,
            depth,
            accountable,
        },
    )
}

fn evidence() -> BoxedStrategy<Vec<EvidenceItem>> {
    let kind = select(vec![
        EvidenceKind::Commit,
        EvidenceKind::Pr,
        EvidenceKind::CiCheck,
        EvidenceKind::DeploySha,
        EvidenceKind::ArtifactUrl,
        EvidenceKind::CommandOutput,
    ]);
    let item = (kind, text(), of(text())).prop_map(|(kind, reference, summary)| EvidenceItem {
        kind,
        reference,
        summary,
    });
    vec(item, 0..3).boxed()
}

fn session_state() -> impl Strategy<Value = SessionState> {
    select(vec![SessionState::Working, SessionState::WaitingInput, SessionState::Errored])
}

fn claim_event() -> BoxedStrategy<TaskEvent> {
    use TaskEvent as E;
    let state = session_state;
    let id = || id().prop_map(CompletionId);
    let handoff = (of(text()), of(agent()), of(state())).prop_map(|(note, by, state)| Handoff {
        note,
        by,
        state,
    });
    prop_oneof![
        of(handoff).prop_map(|handoff| E::Released { handoff }),
        time().prop_map(|lease_expires_at| E::LeaseExtended { lease_expires_at }),
        (state(), of(text()), of(state())).prop_map(|(state, detail, previous)| E::StateChanged {
            state,
            detail,
            previous
        }),
        (id(), 0..5_i64, changes(), of(evidence())).prop_map(
            |(completion_id, claim_generation, changes, evidence)| E::CompletionLate {
                completion_id,
                claim_generation,
                changes,
                evidence,
            }
        ),
        (id(), agent()).prop_map(|(completion_id, agent_id)| E::LateCompletionAccepted {
            completion_id,
            agent_id
        }),
    ]
    .boxed()
}

fn comment() -> impl Strategy<Value = Comment> {
    let parts = (id().prop_map(CommentId), text(), of(text()));
    parts.prop_map(|(id, content, author)| Comment { id, content, author })
}

fn link() -> impl Strategy<Value = NewLink> {
    let kind = select(vec![LinkKind::Branch, LinkKind::Commit, LinkKind::Pr, LinkKind::Url]);
    (id().prop_map(LinkId), kind, "[ab]?", of("[ab]?"), of(text()))
        .prop_map(|(id, kind, reference, repo, url)| NewLink { id, kind, reference, repo, url })
}

fn subtask() -> impl Strategy<Value = NewSubtask> {
    let parts = (id().prop_map(SubtaskId), text(), any::<bool>(), any::<i64>());
    parts.prop_map(|(id, content, completed, sort_order)| NewSubtask {
        id,
        content,
        completed,
        sort_order,
    })
}

fn subtask_changes() -> impl Strategy<Value = SubtaskChanges> {
    let parts = (of(text()), of(any::<bool>()), of(any::<i64>()));
    parts.prop_map(|(content, completed, sort_order)| SubtaskChanges {
        content,
        completed,
        sort_order,
    })
}

fn annotation_event() -> BoxedStrategy<TaskEvent> {
    use TaskEvent as E;
    prop_oneof![
        comment().prop_map(|comment| E::Commented(Commented { comment })),
        id().prop_map(|id| E::CommentDeleted(CommentDeleted { comment_id: CommentId(id) })),
        link().prop_map(|link| E::Linked(Linked { link })),
        id().prop_map(|id| E::LinkDeleted(LinkDeleted { link_id: LinkId(id) })),
        subtask().prop_map(|subtask| E::SubtaskAdded(SubtaskAdded { subtask })),
        (id(), subtask_changes()).prop_map(|(id, changes)| {
            E::SubtaskUpdated(SubtaskUpdated { subtask_id: SubtaskId(id), changes })
        }),
        id().prop_map(|id| E::SubtaskDeleted(SubtaskDeleted { subtask_id: SubtaskId(id) })),
    ]
    .boxed()
}

fn annotation() -> BoxedStrategy<Annotation> {
    use Annotation as A;
    prop_oneof![
        comment().prop_map(A::Comment),
        id().prop_map(|id| A::DeleteComment(CommentId(id))),
        link().prop_map(A::Link),
        id().prop_map(|id| A::DeleteLink(LinkId(id))),
        subtask().prop_map(A::AddSubtask),
        (id(), subtask_changes())
            .prop_map(|(id, changes)| A::ChangeSubtask(SubtaskId(id), changes)),
        id().prop_map(|id| A::ToggleSubtask(SubtaskId(id))),
        id().prop_map(|id| A::DeleteSubtask(SubtaskId(id))),
    ]
    .boxed()
}

fn task_event() -> BoxedStrategy<TaskEvent> {
    use TaskEvent as E;
    let kind = select(vec![HopKind::Child, HopKind::Handover]);
    let transition = select(vec![
        Transition::Reopened,
        Transition::Retried,
        Transition::RetriedWaiting,
        Transition::TakenBack,
        Transition::Follows,
    ]);
    prop_oneof![
        (task_id(), changes(), of(parent()), any::<bool>(), of(origin())).prop_map(
            |(task_id, changes, parent, waits, origin)| E::Created {
                task_id,
                changes,
                parent,
                waits,
                origin,
            }
        ),
        (task_id(), day()).prop_map(|(task_id, due_date)| E::Recurred { task_id, due_date }),
        time().prop_map(|reminder_time| E::Reminded { reminder_time }),
        (of(agent()), of(agent()), kind, changes())
            .prop_map(|(from, to, kind, changes)| E::Delegated { from, to, kind, changes }),
        task_id().prop_map(|child_id| E::ChildDelegated { child_id }),
        text().prop_map(|key| E::ContextSuperseded { key }),
        (of(agent()), of(agent())).prop_map(|(to, previous)| E::Assigned { to, previous }),
        (changes(), of(transition))
            .prop_map(|(changes, transition)| E::Updated { changes, transition }),
        of(time()).prop_map(|lease_expires_at| E::Claimed { lease_expires_at }),
        any::<bool>().prop_map(|waits| E::Blocked { waits }),
        claim_event(),
        annotation_event(),
        select(vec![E::Unblocked, E::Deleted]),
        (changes(), of(evidence()))
            .prop_map(|(changes, evidence)| E::Completed { changes, evidence }),
        changes().prop_map(|changes| E::Failed { changes }),
        changes().prop_map(|changes| E::Cancelled { changes }),
    ]
    .boxed()
}

fn role() -> impl Strategy<Value = Role> {
    select(vec![Role::Worker, Role::Coordinator, Role::Admin, Role::Auditor])
}

fn project_event() -> BoxedStrategy<AccountEvent> {
    let id = || id().prop_map(ProjectId);
    let created = (id(), text(), of(text()), of(text()), any::<i64>()).prop_map(
        |(project_id, name, emoji, color, sort_order)| {
            let created = ProjectCreated { project_id, name, emoji, color, sort_order };
            AccountEvent::ProjectCreated(created)
        },
    );
    let changes = (of(text()), settable(text()), settable(text()), of(any::<i64>())).prop_map(
        |(name, emoji, color, sort_order)| ProjectChanges { name, emoji, color, sort_order },
    );
    prop_oneof![
        created,
        (id(), changes).prop_map(|(project_id, changes)| {
            AccountEvent::ProjectUpdated(ProjectUpdated { project_id, changes })
        }),
        id().prop_map(|project_id| AccountEvent::ProjectDeleted(ProjectDeleted { project_id })),
    ]
    .boxed()
}

fn account_event() -> BoxedStrategy<AccountEvent> {
    let hash = || any::<[u8; 32]>().prop_map(KeyHash);
    let texts = || vec(of(text()), 3);
    let created = (agent(), text(), texts(), role(), vec(text(), 0..3), hash(), text()).prop_map(
        |(agent_id, name, texts, role, permissions, key_hash, key_prefix)| {
            let [label, display_name, description] = texts.try_into().unwrap();
            AccountEvent::AgentCreated(AgentCreated {
                agent_id,
                name,
                label,
                display_name,
                description,
                role,
                permissions,
                key_hash,
                key_prefix,
            })
        },
    );
    let nullable = vec(settable(text()), 3);
    let held = of(vec(text(), 0..3));
    let updated = (agent(), of(text()), nullable, of(role()), held, of(any::<bool>())).prop_map(
        |(agent_id, name, texts, role, permissions, active)| {
            let [label, display_name, description] = texts.try_into().unwrap();
            AccountEvent::AgentUpdated(AgentUpdated {
                agent_id,
                name,
                label,
                display_name,
                description,
                role,
                permissions,
                active,
            })
        },
    );
    prop_oneof![
        project_event(),
        hash().prop_map(|token_hash| AccountEvent::Opened { token_hash }),
        hash().prop_map(|token_hash| AccountEvent::TokenRotated { token_hash }),
        created,
        updated,
        (agent(), hash(), text()).prop_map(|(agent_id, key_hash, key_prefix)| {
            AccountEvent::AgentKeyRotated { agent_id, key_hash, key_prefix }
        }),
        agent().prop_map(|agent_id| AccountEvent::AgentDeleted { agent_id }),
    ]
    .boxed()
}

prop_compose! {
    fn webhook_fields()(
        url in of(text()),
        events in of(vec(text(), 0..3)),
        signature_scheme in of(select(vec![SignatureScheme::Body, SignatureScheme::Timestamped])),
        ordering in of(select(vec![Ordering::PerTask, Ordering::Strict])),
        active in of(any::<bool>()),
        secret_id in of(id().prop_map(SecretId)),
    ) -> WebhookFields {
        WebhookFields { url, events, signature_scheme, ordering, active, secret_id }
    }
}

fn former_secret() -> impl Strategy<Value = FormerSecret> {
    (id(), time()).prop_map(|(id, until)| FormerSecret { secret_id: SecretId(id), until })
}

fn webhook_event() -> BoxedStrategy<WebhookEvent> {
    use WebhookEvent as E;
    prop_oneof![
        (id(), webhook_fields(), of(any::<i64>())).prop_map(|(id, fields, from_position)| {
            E::Created { webhook_id: WebhookId(id), fields, from_position }
        }),
        (webhook_fields(), vec(former_secret(), 0..3))
            .prop_map(|(fields, former_secrets)| E::Updated { fields, former_secrets }),
        id().prop_map(|id| E::RedeliveryRequested { delivery_id: DeliveryId(id) }),
        select(vec![DisableReason::Failing, DisableReason::Gone])
            .prop_map(|reason| E::Disabled { reason }),
        Just(E::Deleted),
    ]
    .boxed()
}

fn rule_type() -> impl Strategy<Value = RecurringType> {
    select(vec![
        RecurringType::Daily,
        RecurringType::Weekly,
        RecurringType::Monthly,
        RecurringType::Yearly,
    ])
}

fn start() -> impl Strategy<Value = Start> {
    let day = (-9_999..=9_999_i16, 1..=12_i8, 1..=28_i8, 0..24_i8, any::<i8>());
    day.prop_map(|(year, month, day, hour, kept)| {
        let local = jiff::civil::date(year, month, day).at(hour, 30, 0, 0);
        Start { local, day: kept }
    })
}

prop_compose! {
    fn recurrence_fields()(
        (content, description) in (of(text()), settable(text())),
        (priority, labels) in (of(any::<u8>()), of(vec(text(), 0..3))),
        (rule_type, interval) in (of(rule_type()), of(any::<i64>())),
        timezone in of(select(vec!["UTC", "Europe/Berlin", "Pacific/Apia", "Mars/Olympus", ""])),
        (skip_if_open, active) in (of(any::<bool>()), of(any::<bool>())),
        (next_due_at, start) in (of(time()), of(start())),
        (project_id, assigned_to) in (settable(id().prop_map(ProjectId)), settable(agent())),
        anchors in vec(settable(any::<i8>()), 3),
    ) -> RecurrenceFields {
        RecurrenceFields {
            content, description, priority, labels, rule_type, interval,
            timezone: timezone.map(str::to_owned), skip_if_open, active, next_due_at, start,
            project_id, assigned_to, anchor_day: anchors[0], anchor_month: anchors[1],
            anchor_weekday: anchors[2],
        }
    }
}

fn recurrence_event() -> BoxedStrategy<RecurrenceEvent> {
    use RecurrenceEvent as E;
    prop_oneof![
        (id(), recurrence_fields())
            .prop_map(|(id, fields)| { E::Created { recurrence_id: RecurrenceId(id), fields } }),
        recurrence_fields().prop_map(|fields| E::Updated { fields }),
        (time(), task_id(), time()).prop_map(|(occurrence, task_id, next_due_at)| {
            E::Spawned { occurrence, task_id, next_due_at }
        }),
        (time(), time())
            .prop_map(|(occurrence, next_due_at)| E::Skipped { occurrence, next_due_at }),
        Just(E::Deleted),
    ]
    .boxed()
}

fn recurrence_command() -> BoxedStrategy<RecurrenceCommand> {
    use RecurrenceCommand as C;
    prop_oneof![
        (id(), recurrence_fields())
            .prop_map(|(id, fields)| C::Create { id: RecurrenceId(id), fields: Box::new(fields) }),
        recurrence_fields().prop_map(|fields| C::Update { fields: Box::new(fields) }),
        (time(), task_id(), any::<bool>()).prop_map(|(occurrence, task_id, is_last_open)| {
            C::Fire { occurrence, task_id, is_last_open }
        }),
        Just(C::Delete),
    ]
    .boxed()
}

fn standing() -> impl Strategy<Value = Standing> {
    let agent = (agent(), role()).prop_map(|(agent, role)| Standing {
        actor: Actor::Agent(agent),
        role: Some(role),
        permissions: vec![],
        routes: vec![],
    });
    prop_oneof![Just(Standing::project()), Just(Standing::system("test")), agent]
}

fn envelope() -> impl Strategy<Value = Envelope> {
    (time(), standing()).prop_map(|(at, by)| Envelope { at, actor: by.actor })
}

fn command() -> BoxedStrategy<TaskCommand> {
    use TaskCommand as C;
    let fence = || {
        (of(0..4_i64), of(0..3_i64)).prop_map(|(expected_revision, claim_generation)| Fence {
            expected_revision,
            claim_generation,
        })
    };
    // Mostly no fence: it would refuse nearly everything.
    let fence = move || prop_oneof![4 => Just(Fence::default()), 1 => fence()];
    let finish = move || {
        (changes(), of(evidence()), fence())
            .prop_map(|(changes, evidence, fence)| Box::new(Finish { changes, evidence, fence }))
    };
    let status = of(select(Status::ALL.to_vec()));
    let dependencies = || {
        (any::<bool>(), any::<bool>())
            .prop_map(|(wait, lead_back)| Dependencies { wait, lead_back })
    };
    let wish = (status, of(any::<bool>()), fence());
    let update = (changes(), wish, of(evidence()), dependencies()).prop_map(
        |(changes, (status, completed, fence), evidence, dependencies)| {
            let place = ChainPlace::default();
            let update =
                Update { changes, status, completed, evidence, fence, place, dependencies };
            C::Update(Box::new(update))
        },
    );
    prop_oneof![
        1 => (task_id(), changes(), of(parent()), dependencies(), of(origin())).prop_map(
            |(id, changes, parent, dependencies, origin)| {
                C::Create(Box::new(Draft { id, changes, parent, dependencies, origin }))
            }
        ),
        2 => task_id().prop_map(|next| C::Recur { next }),
        2 => time().prop_map(|reminder_time| C::Remind { reminder_time }),
        2 => (vec(task_id(), 0..3), dependencies())
            .prop_map(|(gone, dependencies)| C::Reconsider { gone, dependencies }),
        1 => dependencies().prop_map(C::Retry),
        8 => update,
        2 => (agent(), changes())
            .prop_map(|(to, changes)| C::HandOver { to, changes: Box::new(changes) }),
        2 => task_id().prop_map(|child| C::AddChild { child }),
        2 => finish().prop_map(C::Complete),
        2 => finish().prop_map(C::Fail),
        1 => finish().prop_map(C::Cancel),
        1 => Just(C::Uncomplete),
        4 => context_command(),
        8 => claim_command(),
        4 => annotation().prop_map(|annotation| C::Annotate(Box::new(annotation))),
    ]
    .boxed()
}

fn context_command() -> BoxedStrategy<TaskCommand> {
    let source = select(ContextSource::ALL.to_vec());
    let merge = (object(), source, of(0..4_i64)).prop_map(|(patch, source, expected_version)| {
        let merge = ContextMerge { patch, source, expected_version };
        TaskCommand::MergeContext(Box::new(merge))
    });
    prop_oneof![merge, text().prop_map(|key| TaskCommand::SupersedeContext { key })].boxed()
}

fn claim_command() -> BoxedStrategy<TaskCommand> {
    use TaskCommand as C;
    let lease = || 30..=3_600_i64;
    let generation = || of(0..4_i64);
    let session =
        || (session_state(), of(text())).prop_map(|(state, detail)| Session { state, detail });
    let heartbeat = (lease(), of(session()), generation()).prop_map(
        |(lease_seconds, session, claim_generation)| C::Heartbeat {
            lease_seconds,
            session,
            claim_generation,
        },
    );
    let late =
        (id(), agent(), changes(), of(evidence())).prop_map(|(id, by, changes, evidence)| {
            let id = CompletionId(id);
            C::AcceptLate(Box::new(LateCompletion { id, by, changes, evidence }))
        });
    let kept = (id(), changes(), generation()).prop_map(|(id, changes, claim_generation)| {
        let fence = Fence { claim_generation, ..Fence::default() };
        let finish = Finish { changes, fence, ..Finish::default() };
        C::KeepLate { id: CompletionId(id), finish: Box::new(finish) }
    });
    prop_oneof![
        4 => lease().prop_map(|lease_seconds| C::Claim { lease_seconds }),
        2 => lease().prop_map(|lease_seconds| C::ClaimQueued { lease_seconds }),
        2 => heartbeat,
        2 => (session(), generation())
            .prop_map(|(session, claim_generation)| C::SetState { session, claim_generation }),
        2 => (of(text()), generation())
            .prop_map(|(handoff, claim_generation)| C::Release { handoff, claim_generation }),
        2 => kept,
        1 => late,
    ]
    .boxed()
}

/// The event as it comes back from the log.
fn kept<E: Event>(event: &E) -> E {
    let stored = event.encode();
    E::decode(stored.event_type, stored.schema_version, &stored.payload).unwrap()
}

/// A root task that waits for nothing.
fn draft() -> Draft {
    Draft {
        id: TaskId::default(),
        changes: Changes::default(),
        parent: None,
        dependencies: Dependencies::default(),
        origin: None,
    }
}

/// What no event that a task decided may break.
fn assert_sound(task: &Task) {
    match task.status {
        Status::Claimed => assert!(task.claim.is_some(), "{task:#?}"),
        Status::Delegated => (),
        _ => assert_eq!(task.claim, None, "{task:#?}"),
    }
    assert_eq!(task.completed_at.is_some(), task.status == Status::Completed, "{task:#?}");
    assert!(!task.waits || task.status == Status::Blocked, "{task:#?}");
}

proptest! {
    #[test]
    fn a_task_event_is_read_back_as_it_was(event in task_event()) {
        prop_assert_eq!(kept(&event), event);
    }

    #[test]
    fn an_account_event_is_read_back_as_it_was(event in account_event()) {
        prop_assert_eq!(kept(&event), event);
    }

    #[test]
    fn a_webhook_event_is_read_back_as_it_was(event in webhook_event()) {
        prop_assert_eq!(kept(&event), event);
    }

    #[test]
    fn a_recurrence_event_is_read_back_as_it_was(event in recurrence_event()) {
        prop_assert_eq!(kept(&event), event);
    }

    /// Whatever was recorded and whatever is asked for: there is an answer, what is fired is due
    /// later from then on, and rows keep the state as it is.
    #[test]
    fn a_recurrence_answers_and_goes_on(
        history in vec((envelope(), recurrence_event()), 0..6),
        commands in vec((standing(), time(), recurrence_command()), 1..6),
    ) {
        let fold = |state, (envelope, event): (Envelope, _)| {
            recurrence::fold(state, &envelope, event)
        };
        let mut state = history.into_iter().fold(Recurrence::default(), fold);
        for (by, at, command) in commands {
            // Those that come at random are hardly ever due.
            let command = match (command, state.due_at()) {
                (RecurrenceCommand::Fire { task_id, is_last_open, .. }, Some(occurrence)) => {
                    RecurrenceCommand::Fire { occurrence, task_id, is_last_open }
                }
                (command, _) => command,
            };
            let envelope = Envelope { at, actor: by.actor.clone() };
            let is_fired = matches!(command, RecurrenceCommand::Fire { .. });
            let order = Order { by, at, command };
            let Ok(events) = Recurrences::handle_command(&state, order) else { continue };
            prop_assert!(events.len() <= 1);
            let is_news = !events.is_empty();
            state = events
                .into_iter()
                .fold(state, |state, event| recurrence::fold(state, &envelope, kept(&event)));
            if is_fired && is_news {
                prop_assert!(state.next_due_at > at || state.next_due_at == Timestamp::LAST);
            }
            let row = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Recurrence>(&row).unwrap(), &state);
            serde_json::to_string(&state.document(&Account::default())).unwrap();
            let _task = state.task_of(state.next_due_at, &Account::default());
        }
    }

    /// History is not judged twice: any sequence folds, and renders.
    #[test]
    fn any_history_folds(
        accounts in vec((envelope(), account_event()), 0..8),
        tasks in vec((envelope(), task_event()), 0..16),
        webhooks in vec((envelope(), webhook_event()), 0..8),
    ) {
        let fold = |all, (envelope, event): (Envelope, _)| account::fold(all, &envelope, event);
        let directory = accounts.into_iter().fold(Account::default(), fold);
        let fold = |task, (envelope, event): (Envelope, _)| task::fold(task, &envelope, event);
        let folded = tasks.into_iter().fold(Task::default(), fold);
        for view in [View::Plain, View::Summary, View::Detail, View::Message] {
            serde_json::to_string(&folded.document(&directory, view)).unwrap();
        }
        let chain = task::chain(&folded, vec![folded.clone()], &Standing::project(), &directory);
        serde_json::to_string(&chain).unwrap();
        let _readers = task::readers_of(&folded);
        let fold = |hook, (envelope, event): (Envelope, _)| webhook::fold(hook, &envelope, event);
        let folded = webhooks.into_iter().fold(Webhook::default(), fold);
        serde_json::to_string(&folded.document(0)).unwrap();
    }

    /// What a task accepts is one change, keeps it sound, and folds alike for whoever decided it
    /// and for whoever reads it from the log.
    #[test]
    fn what_is_accepted_can_be_applied(orders in vec((standing(), time(), command()), 1..24)) {
        let content = Some("c".to_owned());
        let changes = Changes { content, ..Changes::default() };
        let create = Draft { changes, ..draft() };
        let first = (Standing::project(), Timestamp::default(), TaskCommand::Create(create.into()));
        let mut task = Task::default();
        for (by, at, command) in [first].into_iter().chain(orders) {
            let envelope = Envelope { at, actor: by.actor.clone() };
            let Ok(events) = Tasks::handle_command(&task, Order { by, at, command }) else {
                continue;
            };
            let is_change = events.iter().any(|event| !event.is_silent());
            let revision = task.revision + i64::from(is_change);
            let fold = |task, event| task::fold(task, &envelope, event);
            let read = events.iter().map(kept).fold(task.clone(), fold);
            task = events.into_iter().fold(task, fold);
            prop_assert_eq!(&read, &task);
            prop_assert_eq!(task.revision, revision);
            assert_sound(&task);
        }
    }

    /// Sent again at once by the same caller, a plain update changes nothing more.
    #[test]
    fn an_update_repeated_changes_nothing(by in standing(), changes in changes(), at in time()) {
        let changes = Changes { notes: vec![], ..changes };
        let draft = draft();
        let update = Update { changes, ..Update::default() };
        let mut task = Task::default();
        let envelope = Envelope { at, actor: by.actor.clone() };
        let commands =
            [TaskCommand::Create(Box::new(draft)), TaskCommand::Update(Box::new(update.clone()))];
        for command in commands {
            let order = Order { by: Standing::project(), at, command };
            for event in Tasks::handle_command(&task, order).unwrap() {
                task = task::fold(task, &envelope, event);
            }
        }
        let command = TaskCommand::Update(Box::new(update));
        prop_assert_eq!(Tasks::handle_command(&task, Order { by, at, command }), Ok(vec![]));
    }
}
