#!/usr/bin/env bash
# Fetches the libraries of the page from the npm registry, in the versions of static/vendor/README.md's table, and
# writes that table again: `make vendor`. Nothing of it is needed to build or run Clew.
set -euo pipefail
cd "$(dirname "$0")/static/vendor"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# name version licence "file in the package=file here ..."
libraries=(
	"preact 11.2.0 MIT dist/preact.mjs=preact.js hooks/dist/hooks.mjs=hooks.js"
	"htm 3.1.1 Apache-2.0 dist/htm.mjs=htm.js"
	"uplot 1.6.32 MIT dist/uPlot.iife.min.js=uPlot.iife.min.js dist/uPlot.min.css=uPlot.min.css"
)
table=""
for library in "${libraries[@]}"; do
	read -r name version licence files <<<"$library"
	package=$(cd "$work" && npm pack --silent "$name@$version")
	mkdir "$work/$name"
	tar -xzf "$work/$package" -C "$work/$name" --strip-components=1
	cp "$work/$name/LICENSE" "$name.LICENSE"
	for file in $files; do
		# hooks.mjs imports "preact" by its name, which a browser cannot look up; source maps are not shipped.
		sed -e 's|from"preact"|from"./preact.js"|' -e '/^\/\/# sourceMappingURL=/d' "$work/$name/${file%=*}" >"${file#*=}"
		table+="| ${file#*=} | $name | $version | $licence | $(sha256sum "${file#*=}" | cut -d' ' -f1) |"$'\n'
	done
done

# For tests only, so it is not among the files that the page serves.
axe=axe-core@4.14.1
tar -xzf "$work/$(cd "$work" && npm pack --silent $axe)" -C ../../pagetest/axe --strip-components=1 package/LICENSE package/axe.min.js

cat >README.md <<END
# Libraries of the page

Written by \`make vendor\`, never by hand. Changed in them: the import of preact in hooks.js, and no source maps.

| file | package | version | licence | SHA-256 |
|---|---|---|---|---|
$table
END
