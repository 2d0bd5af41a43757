-- Room for a model beside the live one. What an interrupted rebuild left is of no use.
drop schema if exists rebuild_recurrences cascade;
create schema rebuild_recurrences;
