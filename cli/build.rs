//! Builds the policy that the program carries, by the Makefile's own recipe.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Names another module to carry, for a build where the policy cannot be built.
const MODULE: &str = "DATAKIT_POLICY_MODULE";

/// What the recipe looks at, from the root of the project.
const SOURCES: [&str; 5] = ["src", "Cargo.toml", "Cargo.lock", "Makefile", "policy.wasm"];

/// What cargo tells a build script about its own build, which is not the policy's.
const CARGOS_OWN: [&str; 7] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "TARGET",
];

fn main() {
    println!("cargo::rerun-if-env-changed={MODULE}");
    let module = match std::env::var_os(MODULE) {
        Some(path) => PathBuf::from(path),
        None => build(),
    };
    println!("cargo::rerun-if-changed={}", module.display());
    println!("cargo::rustc-env={MODULE}={}", module.display());
}

fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    let mut make = Command::new("make");
    make.arg("policy.wasm").current_dir(&root);
    for variable in CARGOS_OWN {
        make.env_remove(variable);
    }
    let output = make.output().unwrap_or_else(|error| {
        panic!("`make policy.wasm` cannot be run: {error}; {MODULE}=FILE names a module that is built already")
    });
    assert!(
        output.status.success(),
        "`make policy.wasm` failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    root.join("policy.wasm")
}
