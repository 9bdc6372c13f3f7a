#!/usr/bin/env bash
# fetch.sh FOLDER: prints a folder with the agents' images: a folder for each, with what lies at the root of the image.
#
# Maven, npm and pip fetch the agents that the files in images/ pin, once for each state of images/: a minute.
set -euo pipefail
pins=$(cd "$(dirname "$0")/images" && pwd)

missing=()
for program in java javac mvn node npm python3; do
  command -v "$program" >/dev/null || missing+=("$program")
done
python3 -m pip --version >/dev/null 2>&1 || missing+=("pip (python3 -m pip)")
if [ ${#missing[@]} != 0 ]; then
  printf -v list ', %s' "${missing[@]}"
  echo "tests with real agents need Java (a JDK) with Maven, Node.js with npm, and Python with pip; missing: ${list:2}" >&2
  exit 1
fi

# Some packages are built for a version of Python or Node.js.
key=$({ uname -sm; node --version; python3 --version; cat "$0"; cd "$pins" && find . -type f -print0 | sort -z | xargs -0 sha256sum; } |
  sha256sum | cut -c1-16)
mkdir -p "$1"
folder=$(cd "$1" && pwd)/$key
if [ -d "$folder" ]; then
  echo "$folder"
  exit
fi

# maven IMAGE FILE: the only dependency of the image's pom.xml, as FILE.
maven() {
  mvn --batch-mode --quiet -Dstyle.color=never --file "$pins/$1/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$part/jars/$1" -DexcludeTransitive=true >&2
  mv "$part/jars/$1"/*.jar "$2"
}

# npm_packages IMAGE FOLDER
npm_packages() {
  cp "$pins/$1"/{package.json,package-lock.json} "$2"
  npm ci --prefix "$2" --ignore-scripts --no-audit --no-fund --silent >&2
}

# pip_packages IMAGE FOLDER
pip_packages() {
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --only-binary :all: \
    --target "$2" --requirement "$pins/$1/requirements.txt" >&2
}

echo "fetching the agents that $pins names" >&2
part=$folder.part
rm -rf "$part"
for language in java nodejs python; do
  # Where the published images keep their files; the scripts of the first start there.
  mkdir -p "$part/datadog-$language/datadog-init" "$part/opentelemetry-$language"
  cp "$pins/copy-lib.sh" "$part/datadog-$language/datadog-init"
done
mkdir "$part"/opentelemetry-{nodejs,python}/autoinstrumentation

maven datadog-java "$part/datadog-java/datadog-init/dd-java-agent.jar"
npm_packages datadog-nodejs "$part/datadog-nodejs/datadog-init"
pip_packages datadog-python "$part/datadog-python/datadog-init/packages"
cp "$pins/datadog-python/sitecustomize.py" "$part/datadog-python/datadog-init"

maven opentelemetry-java "$part/opentelemetry-java/javaagent.jar"
npm_packages opentelemetry-nodejs "$part/opentelemetry-nodejs/autoinstrumentation"
cp "$pins/opentelemetry-nodejs/autoinstrumentation.js" "$part/opentelemetry-nodejs/autoinstrumentation"
pip_packages opentelemetry-python "$part/opentelemetry-python/autoinstrumentation"

rm -rf "$part/jars"
mv "$part" "$folder"
echo "$folder"
