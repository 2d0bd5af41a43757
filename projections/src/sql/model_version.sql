select m.version from read.models m where m.name = $1
