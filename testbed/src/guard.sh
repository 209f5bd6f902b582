# Keeps one server and its folder for a test: sh guard.sh FOLDER SIGNAL COMMAND…
# Reads orders from the test, one a line, and answers each with a line. When the test is gone, however it ended, the
# server and the folder go too. Signals for the test's terminal are not for us.
trap '' INT TERM HUP
folder=$1
signal=$2
shift 2
server=

end() {
    if [ -n "$server" ]; then
        kill -s "$signal" "$server" 2>/dev/null
        wait "$server" 2>/dev/null
        server=
    fi
}

while read -r order; do
    case $order in
        start)
            end
            "$@" </dev/null >>"$folder/log" 2>&1 &
            server=$!
            ;;
        stop) end ;;
    esac
    echo done
done
end
rm -rf "$folder"
