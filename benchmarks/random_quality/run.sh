#!/bin/sh
# Builds the battery and prints one line a run: the tests whose p-value lies outside [1e-4, 1 - 1e-4].
# ./run.sh [small|crush] [generators]; needs TestU01 (Debian: libtestu01-0-dev, in non-free). Logs go to ./build.
# SmallCrush takes about 6 s a stream, Crush about 25 to 30 minutes of processor time.
set -eu
cd "$(dirname "$0")"
size=${1:-small}
mkdir -p build
cc -O3 -Wall -Wextra -o build/battery battery.c -ltestu01 -ltestu01probdist -ltestu01mylib -lm
for generator in ${2:-triceras lowbias32 pcg3d}; do
    for stream in counter draws seeds first keybits; do
        for order in forward reversed; do
            log="build/$size-$generator-$stream-$order.txt"
            build/battery "$generator" "$stream" "$size" "$order" > "$log"
            # The summary lists each outlier as number, name, p-value.
            outliers=$(sed -n '/p-value$/,$p' "$log" | awk '$1 ~ /^[0-9]+$/ {$1 = ""; printf "%s;", $0}')
            echo "$size $generator $stream $order:${outliers:- all within [1e-4, 1 - 1e-4]}"
        done
    done
done
