analyze webhooks;
