select check_value
from instance_checks
where name = $1
