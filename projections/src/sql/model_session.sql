-- Another's rebuild may take longer than the pool lets a request wait.
set statement_timeout = 0
