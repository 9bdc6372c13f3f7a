//! What logfwd is answered.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::connection::Response;
use crate::place::{Place, Replica};

#[tokio::main(flavor = "current_thread")]
pub async fn logfwd_is_answered_from_the_objects_of_the_cluster(place: &Place) {
    for file in ["base/rbac.yaml", "logging/rbac.yaml", "logging/crd.yaml"] {
        place.install(file);
    }
    let definition = "customresourcedefinition/clusterloggingconfigs.logging.datakits.io";
    place.kubectl(
        &[
            "wait",
            "--for=condition=Established",
            "--timeout=60s",
            definition,
        ],
        "",
    );
    let object = |name: &str, namespaces: &str| {
        json!({
            "apiVersion": "logging.datakits.io/v1alpha1",
            "kind": "ClusterLoggingConfig",
            "metadata": { "name": name },
            "spec": {
                "selector": { "namespaceRegex": namespaces },
                "podTargetLabels": ["app"],
                "configs": [{ "source": name, "type": "stdout" }],
            },
        })
    };
    let apply = |object: &Value| {
        place.kubectl(&["apply", "--filename", "-"], &object.to_string());
    };
    // One is there when the replica starts, the other one comes later.
    apply(&object("nginx", "^shop$"));
    let replica = Replica::start(place, &["--logging-configs"]).await;
    assert_eq!(wait(&replica, "shop", 200).await, found("nginx"));
    apply(&object("redis", "^bank$"));
    assert_eq!(wait(&replica, "bank", 200).await, found("redis"));

    place.kubectl(&["delete", "clusterloggingconfig", "nginx"], "");
    let gone = answer(404, &json!({ "error": "no matching config found" }));
    assert_eq!(wait(&replica, "shop", 404).await, gone);
    let target = "/v1/logging/configs?namespace=shop";
    let incomplete = json!({ "error": "namespace, pod_name parameters are required" });
    assert_eq!(
        replica.send("GET", target, "").await,
        answer(400, &incomplete)
    );
}

fn found(name: &str) -> Response {
    let configs = json!([{ "source": name, "type": "stdout" }]).to_string();
    answer(
        200,
        &json!({ "name": name, "pod_target_labels": ["app"], "configs": configs }),
    )
}

fn answer(code: u16, body: &Value) -> Response {
    Response {
        code,
        content_type: "application/json; charset=utf-8".to_owned(),
        closes: false,
        body: body.to_string(),
    }
}

/// Asks as logfwd does until the answer has this code: a watch shows changes a moment later.
async fn wait(replica: &Replica, namespace: &str, code: u16) -> Response {
    let target = format!("/v1/logging/configs?namespace={namespace}&pod_name=web-1");
    let begin = Instant::now();
    loop {
        let answer = replica.send("GET", &target, "").await;
        if answer.code == code || begin.elapsed() > Duration::from_secs(30) {
            return answer;
        }
        sleep(Duration::from_millis(100)).await;
    }
}
