-- Which tasks depend on these: on tasks[1] of accounts[1], tasks[2] of accounts[2] and so on.
--
-- A function for its settings: planned once in a session, it finds each task by its key, whatever
-- the statistics say. Those of a nearly empty table cannot tell the primary key from
-- task_dependents_of, by which it would read all of an account for each task. Only the primary key
-- gives the order that is asked for, and nothing may sort. Of a task that is asked for with =,
-- there would be nothing to order.

create function public.baton_dependents_of(accounts text[], tasks uuid[])
returns table (account_id text, dependency uuid, dependent uuid)
language plpgsql
stable
set enable_sort = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
#variable_conflict use_column
begin
    return query
    select asked.account_id, asked.dependency, found.dependent
    from unnest(accounts, tasks) as asked (account_id, dependency)
    cross join lateral (
        select d.dependent
        from public.task_dependents d
        where d.account_id = asked.account_id
          and d.dependency between asked.dependency and asked.dependency
        order by d.dependency
    ) as found;
end;
$$;
