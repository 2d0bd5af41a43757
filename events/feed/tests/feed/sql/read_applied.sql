select position, by from applied order by position
