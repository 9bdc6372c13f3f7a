#!/usr/bin/env bats
# What a release makes of its programs: `make release-tests`.

setup() {
  programs=$BATS_TEST_TMPDIR/programs
  mkdir "$programs"
  while read -r target _; do
    printf '#!/bin/sh\necho %s\n' "$target" >"$programs/$target"
  done < <(sed '/^#/d' release/targets)
}

version=$(sed -n 's/^  io.kubewarden.policy.version: //p' metadata.yml)

@test "every target has an archive with the program in it" {
  release/assemble.sh "$version" "$programs" "$BATS_TEST_TMPDIR/out"
  while read -r target _; do
    unpacked=$BATS_TEST_TMPDIR/$target
    mkdir "$unpacked"
    case $target in
    *windows*)
      unzip -q "$BATS_TEST_TMPDIR/out/datakit-policy-v$version-$target.zip" -d "$unpacked"
      program=$unpacked/datakit-policy.exe
      ;;
    *)
      tar -C "$unpacked" -xzf "$BATS_TEST_TMPDIR/out/datakit-policy-v$version-$target.tar.gz"
      program=$unpacked/datakit-policy
      [ "$("$program")" = "$target" ]
      ;;
    esac
    cmp "$program" "$programs/$target"
    cmp "$unpacked/LICENSE" LICENSE
    [ "$(ls "$unpacked" | wc -l)" = 2 ]
  done < <(sed '/^#/d' release/targets)
}

@test "the same programs make the same files" {
  release/assemble.sh "$version" "$programs" "$BATS_TEST_TMPDIR/one"
  sleep 1
  release/assemble.sh "$version" "$programs" "$BATS_TEST_TMPDIR/two"
  diff -r "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
}

# The checksums of the files as they are: they depend on the version of gzip.
with_names_for_checksums() {
  local file text
  text=$(<"$1")
  for file in "$BATS_TEST_TMPDIR"/out/*.tar.gz "$BATS_TEST_TMPDIR"/out/*.zip; do
    text=${text//$(sha256sum "$file" | cut -d' ' -f1)/checksum of ${file##*/}}
  done
  printf '%s\n' "$text"
}

@test "Homebrew and krew get the files of the release, with their checksums" {
  release/assemble.sh "$version" "$programs" "$BATS_TEST_TMPDIR/out"
  for file in datakit-policy.rb datakit-policy.krew.yaml; do
    if [ -n "${UPDATE_GOLDEN:-}" ]; then
      with_names_for_checksums "$BATS_TEST_TMPDIR/out/$file" >"tests/release/$file"
    fi
    diff -u "tests/release/$file" <(with_names_for_checksums "$BATS_TEST_TMPDIR/out/$file")
  done
}
