insert into applied (position, by) values ($1, $2)
