insert into public.audit_reads (account_id, agent_id, method, target, correlation_id)
values ($1, $2, $3, $4, $5)
