-- A utility statement takes no parameters: the server quotes the password into one.
select format('alter role baton login password %L', $1::text)
