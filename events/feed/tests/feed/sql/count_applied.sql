select count(*) as rows from applied
