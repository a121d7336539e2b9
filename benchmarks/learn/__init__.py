"""Does it learn? Curves with intervals on real data: `make bench NAME=learn ARGS="--only calculator"`."""
