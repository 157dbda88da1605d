#!/bin/sh
# Fetches the console's libraries anew, by name and version, into dialer/console/assets/vendor (its README.md has the
# same versions). Needs npm; nothing of this runs in the daemon or its tests. Usage: tests/console/vendor.sh
set -eu
target=$(cd "$(dirname "$0")/../../dialer/console/assets" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund preact@11.2.0 htm@3.1.1 uplot@1.6.32 @dagrejs/dagre@3.1.3 \
    @fontsource-variable/golos-text@5.3.0 lucide-static@1.62.0 esbuild@0.25
put() { # source, name: without the pointer to a source map that is not there
    sed -e '/^\/\/# sourceMappingURL=/d' "node_modules/$1" >"$target/vendor/$2"
}
put preact/dist/preact.mjs preact.js
put preact/hooks/dist/hooks.mjs preact-hooks.js
# a page under a strict Content-Security-Policy has no import map: the one bare import is spelled out
sed -i -e 's#from"preact"#from"./preact.js"#g' "$target/vendor/preact-hooks.js"
put htm/dist/htm.module.js htm.js
put @dagrejs/dagre/dist/dagre.esm.js dagre.js
put uplot/dist/uPlot.min.css uplot.css
node_modules/.bin/esbuild --log-level=error --minify --format=esm node_modules/uplot/dist/uPlot.esm.js >"$target/vendor/uplot.js"
cp node_modules/preact/LICENSE "$target/vendor/preact.LICENSE.txt"
cp node_modules/htm/LICENSE "$target/vendor/htm.LICENSE.txt"
cp node_modules/uplot/LICENSE "$target/vendor/uplot.LICENSE.txt"
cat node_modules/@dagrejs/dagre/LICENSE node_modules/@dagrejs/dagre/dist/dagre.esm.js.LEGAL.txt >"$target/vendor/dagre.LICENSE.txt"
cp node_modules/@fontsource-variable/golos-text/LICENSE "$target/fonts/golos-text.LICENSE.txt"
for part in latin cyrillic; do
    cp "node_modules/@fontsource-variable/golos-text/files/golos-text-$part-wght-normal.woff2" "$target/fonts/golos-text-$part.woff2"
done
# icons: of some two thousand those that are used, as what stands inside <svg>
node - "$target/vendor/lucide.js" <<'PROGRAM'
const fs = require("node:fs");
const names = `layout-dashboard list-checks waypoints audio-lines phone-off key-round scroll-text play pause square plus
upload download search x check triangle-alert info chevron-down chevron-right chevron-up moon sun sun-moon languages user
log-out trash-2 pencil ellipsis refresh-cw phone copy arrow-left menu circle-check circle-x clock phone-missed phone-call
file-spreadsheet mic flag rotate-ccw circle-help radio wifi-off bot users volume-2 arrow-up arrow-down shield book-open
phone-forwarded hash loader-circle`.split(/\s+/);
const shapes = Object.fromEntries(names.sort().map((name) => {
  const svg = fs.readFileSync(`node_modules/lucide-static/icons/${name}.svg`, "utf8");
  const inner = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1);
  const found = [...inner.matchAll(/<(\w+) ([^>]*?)\s*\/>/g)].map(([, tag, attributes]) => [
    tag, Object.fromEntries([...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]))]);
  return [name, found];
}));
const lines = Object.entries(shapes).map(([name, shape]) => `  ${JSON.stringify(name)}: ${JSON.stringify(shape)},`);
fs.writeFileSync(process.argv[2], `// lucide-static 1.62.0, ISC: shapes of some icons, [tag, attributes]\nexport default {\n${lines.join("\n")}\n};\n`);
PROGRAM
cp node_modules/lucide-static/LICENSE "$target/vendor/lucide.LICENSE.txt"
sed -i 's/[ \t]*$//' "$target"/vendor/*.txt "$target"/fonts/*.txt
