insert into checked_late (n) values (1), (1)
