//! Finds the policy that the program carries. It builds none, and writes nothing: `make policy.wasm` does.

use std::path::{Path, PathBuf};

/// Names the module to carry, for a build that is not to take `policy.wasm` at the root of the project.
const MODULE: &str = "DATAKIT_POLICY_MODULE";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(carries_policy)");
    println!("cargo::rerun-if-env-changed={MODULE}");
    let named = std::env::var_os(MODULE).map(PathBuf::from);
    let is_named = named.is_some();
    let module = named.unwrap_or_else(|| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join("policy.wasm")
    });

    println!("cargo::rerun-if-changed={}", module.display());
    match module.canonicalize() {
        Ok(path) => {
            println!("cargo::rustc-cfg=carries_policy");
            println!("cargo::rustc-env={MODULE}={}", path.display());
        }
        Err(error) if is_named => println!("cargo::error={MODULE}={}: {error}", module.display()),
        Err(_) => {
            // A path that is never there makes cargo ask again at every build: a module that comes may be an old file.
            println!("cargo::rerun-if-changed=no-policy-yet");
            println!(
                "cargo::warning=there is no policy.wasm yet, so the program is built without a policy; \
                 `make policy.wasm` builds it"
            );
        }
    }
}
