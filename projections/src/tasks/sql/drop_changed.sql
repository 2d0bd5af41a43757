drop table read.changed
