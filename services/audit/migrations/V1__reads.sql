-- Who whose reads are recorded read what. Written before the answer is.
create table public.audit_reads (
    read_id bigint generated always as identity primary key,
    account_id text not null,
    agent_id uuid not null,
    read_at timestamptz not null default clock_timestamp(),
    method text not null,
    target text not null,
    correlation_id uuid not null
);
create index audit_reads_of on public.audit_reads (account_id, read_at);
comment on table public.audit_reads is
    'what agents with the role auditor asked to read; no fact of the domain, and in no read model';
