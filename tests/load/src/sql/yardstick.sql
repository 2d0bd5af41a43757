insert into yardstick (stream, version, type, payload, recorded_at) values (gen_random_uuid(), :version, :type, :payload, now());
