#!/usr/bin/env bash
# Builds what a release has in dist/ and checks all of it. Publishes nothing.
# Programs that are missing are named at the end: a release is checked on a machine that has them.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
missing=()
step() { printf '\n== %s\n' "$*"; }
have() { command -v "$1" >/dev/null || { missing+=("$1"); return 1; }; }

step "The tree is committed, and the version is in the changelog"
[ -z "$(git status --porcelain)" ] || { echo "Commit or remove first:"; git status --short; exit 1; }
version=$($python -c 'import misfin_tui; print(misfin_tui.__version__)')
grep -q "^## \[$version\]" CHANGELOG.md || { echo "CHANGELOG.md has no section [$version]."; exit 1; }
grep -q "<release version=\"$version\"" packaging/*.metainfo.xml || { echo "The AppStream file does not list $version."; exit 1; }
head -n 1 packaging/debian/changelog | grep -q "($version)" || { echo "packaging/debian/changelog does not begin with $version."; exit 1; }

step "Generated files are in step"
$python docs/generate.py && $python packaging/generate.py
$python packaging/licences.py > docs/licences.md
git diff --exit-code -- docs packaging

step "Wheel and source archive, built twice"
$python -m pip install --quiet build twine
export SOURCE_DATE_EPOCH; SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
rm -rf dist build/again && $python -m build --outdir dist . >/dev/null && $python -m build --outdir build/again . >/dev/null
sums=$(cd dist && sha256sum -- *)
printf '%s\n' "$sums" | tee dist/SHA256SUMS
(cd build/again && sha256sum --check --quiet ../../dist/SHA256SUMS)
$python -m twine check --strict dist/*.whl dist/*.tar.gz

step "Installed from each on its own, the demo runs"
for archive in dist/*.whl dist/*.tar.gz; do
  rm -rf build/try && python3 -m venv build/try
  build/try/bin/python -m pip install --quiet "$archive"
  test -s build/try/share/man/man1/misfin-tui.1
  build/try/bin/misfin-tui demo --check
done

step "Desktop entries, AppStream, systemd"
if have desktop-file-validate; then desktop-file-validate packaging/*.desktop; fi
if have appstreamcli; then appstreamcli validate --no-net packaging/*.metainfo.xml; fi
if have systemd-analyze; then systemd-analyze security --offline=yes packaging/systemd/misfin-tui-receive.service | tail -n 1; fi

step "Debian package"
if have dpkg-buildpackage && have lintian; then
  make --no-print-directory deb >/dev/null
  lintian --fail-on error,warning dist/*.deb
fi

step "Done"
ls -l dist
[ "${#missing[@]}" = 0 ] || { echo "Not checked, because these are not installed: ${missing[*]}"; exit 1; }
echo "To publish: git tag v$version, upload dist/ with twine, and push the tag."
