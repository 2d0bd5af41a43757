-- A utility statement takes no parameters: the server quotes the password into one.
select format('create role baton login password %L', $1::text)
