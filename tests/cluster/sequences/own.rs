//! The settings of the policy itself that templates show: a list in an annotation that may be the user's, and the
//! size of volumes.

use std::sync::{Arc, LazyLock};

use datakit_policy_cluster::sequence::Sequence;
use serde_json::{Value, json};

use super::parts::{DEFAULT, NEWER, RESTART, Template, apply, everything, settings};

const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";

static LISTED: LazyLock<Arc<Value>> = LazyLock::new(|| {
    let mut settings = Value::clone(&DEFAULT);
    settings["policy"] = json!({
        "safe_to_evict_local_volumes": true,
        // Not in the form in which Kubernetes keeps quantities.
        "empty_dir_size_limit": "1024Mi",
    });
    Arc::new(settings)
});

fn listing(names: &str) -> Template {
    everything().annotation(SAFE_TO_EVICT, names)
}

pub fn all() -> Vec<Sequence> {
    vec![
        Sequence::new(
            "volumes are listed, and then not any more",
            &LISTED,
            everything(),
            [
                apply(everything()),
                apply(everything().image("web:2")),
                settings(&NEWER),
                apply(everything().image("web:2")),
                RESTART,
                apply(everything().image("web:3")),
            ],
        ),
        Sequence::new(
            "volumes are listed behind those of the user",
            &LISTED,
            listing("cache"),
            [
                apply(listing("cache")),
                apply(listing("cache,data")),
                apply(listing("cache,data").image("web:2")),
                apply(everything().image("web:2")),
                apply(listing("cache")),
                settings(&NEWER),
                apply(listing("cache").image("web:3")),
            ],
        ),
        Sequence::new(
            "volumes are listed, and one goes",
            &LISTED,
            listing(""),
            [
                apply(listing("").without_annotation("admission.datakit/logfwd.instances")),
                settings(&NEWER),
                apply(listing("").image("web:2")),
                settings(&LISTED),
                apply(listing("")),
            ],
        ),
    ]
}
