drop schema if exists rebuild_webhooks cascade;
