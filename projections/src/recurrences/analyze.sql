analyze recurrences;
