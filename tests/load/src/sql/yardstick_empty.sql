truncate yardstick restart identity
