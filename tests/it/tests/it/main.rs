//! Baton as its clients, its operators and its receivers meet it: the real binary over HTTP, on
//! real Postgres, real NATS and a real webhook receiver.
//!
//! Must not: link the product's crates, or sleep where there is a fact to wait for. What is
//! expected comes from the protocol, never from what the program answers today.

mod accept_implies_apply;
mod asyncapi;
mod contract_agents;
mod contract_annotations;
mod contract_batch;
mod contract_bootstrap;
mod contract_chain;
mod contract_claims;
mod contract_context;
mod contract_delegation;
mod contract_dependencies;
mod contract_documents;
mod contract_entrance;
mod contract_errors;
mod contract_events;
mod contract_fields;
mod contract_finish;
mod contract_idempotency;
mod contract_limits;
mod contract_lists;
mod contract_projects;
mod contract_queue;
mod contract_redelivery;
mod contract_requests;
mod contract_rights;
mod contract_rights_table;
mod contract_stats;
mod contract_status;
mod contract_stream;
mod contract_tasks;
mod contract_wait;
mod contract_webhooks;
mod crash;
mod document;
mod example;
mod exposition;
mod first_steps;
mod generated_clients;
mod local;
mod nats_rebuild;
mod nats_subscriber;
mod openapi;
mod operations;
mod operations_backup;
mod operations_shutdown;
mod pipeline;
mod poison;
mod promise_accounts;
mod promise_durable;
mod promise_idempotent;
mod promise_order;
mod promise_reads;
mod promise_secrets;
mod python_client;
mod record;
mod repository_sync;
mod research;
mod roles;
mod sql;
mod sse;
mod worker_loop;
mod world;
