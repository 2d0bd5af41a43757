# Removes what a test process leaves behind, however that process ends: its end closes our stdin.
#
# Each line of input is one of
#   place <directory>   from now on, processes that name it belong to the tests
#   end <directory>     end those processes and remove it
#   keep all            from now on, directories stay where they are
# At the end of input every place still known is ended. Processes are told by the directory
# among their arguments or in their environment, so none escapes between its start and a note
# of its process id.
trap '' INT TERM HUP QUIT

users_of() {
    printf '%s\n' "$1" | grep -lsF -f - /proc/[0-9]*/cmdline /proc/[0-9]*/environ |
        cut -d / -f 3 | sort -u
}

end() {
    # Where root's Postgres could not enter the place, local mode left a link to its home.
    for link in "$1"/postgres "$1"/*/postgres; do
        if [ -L "$link" ]; then empty "$(readlink "$link")"; fi
    done
    empty "$1"
}

empty() {
    attempts=0
    while [ "$attempts" -lt 50 ]; do
        users=$(users_of "$1")
        [ -n "$users" ] || break
        for pid in $users; do
            # A killed postmaster leaves its shared memory behind; SIGQUIT lets it clean up.
            case $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) in
            */postgres\ *) [ "$attempts" -lt 40 ] && kill -QUIT "$pid" || kill -KILL "$pid" ;;
            *) kill -KILL "$pid" ;;
            esac
        done 2>/dev/null
        attempts=$((attempts + 1))
        sleep 0.1
    done
    if [ -z "$kept" ]; then rm -rf "$1"; fi
}

places=
kept=
while read -r word place; do
    case $word in
    place)
        places="$places
$place"
        ;;
    end)
        end "$place"
        places=$(printf '%s\n' "$places" | grep -vxF -e "$place")
        ;;
    keep)
        kept=$place
        ;;
    esac
done

printf '%s\n' "$places" | while read -r place; do
    if [ -n "$place" ]; then end "$place"; fi
done
