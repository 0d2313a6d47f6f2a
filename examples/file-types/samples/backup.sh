#!/bin/sh
# Copies the gauge's readings to the archive, one folder a day, and drops the oldest.
set -eu

source_dir="${1:-/var/lib/gauge}"
archive_dir="${2:-/srv/archive/gauge}"
keep_days=30

today="$(date +%Y-%m-%d)"
mkdir -p "$archive_dir/$today"

for file in "$source_dir"/*.csv; do
    [ -e "$file" ] || continue
    gzip -c "$file" > "$archive_dir/$today/$(basename "$file").gz"
done

find "$archive_dir" -mindepth 1 -maxdepth 1 -type d -mtime "+$keep_days" -exec rm -r {} +
echo "archived $(ls "$archive_dir/$today" | wc -l) files to $archive_dir/$today" >&2
