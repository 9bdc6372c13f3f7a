#!/usr/bin/env bats
# The scripts of the GitHub Action, with a release on this machine: `make release-tests`.

setup() {
  action=.github/actions/datakit-policy
  version=v$(sed -n 's/^  io.kubewarden.policy.version: //p' metadata.yml)
  programs=$BATS_TEST_TMPDIR/programs
  mkdir "$programs"
  while read -r target _; do
    # It prints its arguments, one in a line.
    printf '#!/bin/sh\necho %s\nprintf "%%s\\n" "$@"\n' "$target" >"$programs/$target"
  done < <(sed '/^#/d' release/targets)
  release=$BATS_TEST_TMPDIR/releases/$version
  release/assemble.sh "${version#v}" "$programs" "$release"
  (cd "$release" && sha256sum datakit-* >checksums.txt)

  export VERSION=$version CHECKSUM= RELEASES=file://$BATS_TEST_TMPDIR/releases
  export RUNNER_OS=Linux RUNNER_ARCH=X64 RUNNER_TEMP=$BATS_TEST_TMPDIR GITHUB_PATH=$BATS_TEST_TMPDIR/path
}

@test "the action installs the version that it belongs to" {
  [ "$(sed -n 's/^    default: v/v/p' $action/action.yml)" = "$version" ]
}

@test "the program is put on the path" {
  $action/install.sh
  [ "$(cat "$GITHUB_PATH")" = "$RUNNER_TEMP/datakit-policy" ]
  [ "$("$RUNNER_TEMP/datakit-policy/datakit-policy" | head -1)" = x86_64-unknown-linux-musl ]
}

@test "each runner gets a program of the release" {
  for runner in Linux-ARM64 macOS-X64 macOS-ARM64; do
    RUNNER_OS=${runner%-*} RUNNER_ARCH=${runner#*-} $action/install.sh
  done
  run env RUNNER_OS=Linux RUNNER_ARCH=ARM $action/install.sh
  [ "$status" = 1 ]
  [ "$output" = "::error::There is no datakit-policy for Linux on ARM." ]
}

@test "an archive that is not the one of the release is not unpacked" {
  archive=datakit-policy-$version-x86_64-unknown-linux-musl.tar.gz
  cp "$release/datakit-policy-$version-aarch64-unknown-linux-musl.tar.gz" "$release/$archive"
  run $action/install.sh
  [ "$status" = 1 ]
  [[ "$output" == "::error::$archive has the checksum "* ]]
  [ ! -e "$RUNNER_TEMP/datakit-policy/datakit-policy" ]
  [ ! -e "$GITHUB_PATH" ]
}

@test "an archive that the release does not name is not unpacked" {
  : >"$release/checksums.txt"
  run $action/install.sh
  [ "$status" = 1 ]
  [[ "$output" == *" instead of one that the release names." ]]
  [ ! -e "$RUNNER_TEMP/datakit-policy/datakit-policy" ]
}

@test "a checksum that is given counts, whatever the release says" {
  archive=$release/datakit-policy-$version-x86_64-unknown-linux-musl.tar.gz
  CHECKSUM=$(sha256sum "$archive" | cut -d' ' -f1)
  echo "0000  ${archive##*/}" >"$release/checksums.txt"
  $action/install.sh
  rm -r "$RUNNER_TEMP/datakit-policy"
  run env CHECKSUM=0000 $action/install.sh
  [ "$status" = 1 ]
  [ ! -e "$RUNNER_TEMP/datakit-policy/datakit-policy" ]
}

@test "the command gets its arguments as they are, one in a line" {
  $action/install.sh
  PATH=$RUNNER_TEMP/datakit-policy:$PATH
  COMMAND=check ARGUMENTS=$'my settings.yaml\n--strict\r\n\n$(touch '"$BATS_TEST_TMPDIR"'/hit)' run $action/run.sh
  [ "$status" = 0 ]
  diff -u <(printf '%s\n' "$output") - <<END
x86_64-unknown-linux-musl
check
--output
github
my settings.yaml
--strict
\$(touch $BATS_TEST_TMPDIR/hit)
END
  [ ! -e "$BATS_TEST_TMPDIR/hit" ]
  COMMAND=test ARGUMENTS= run $action/run.sh
  [ "${#lines[@]}" = 4 ]
}

@test "a command that reports nothing is refused" {
  COMMAND=push ARGUMENTS= run $action/run.sh
  [ "$status" = 2 ]
  [ "$output" = "::error::The command has to be check, preview, explain or test; it is push." ]
}
