create table applied (position bigint not null, by text not null);

create table checked_late (n bigint not null, unique (n) deferrable initially deferred);
